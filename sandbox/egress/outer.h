// The half in the host's network: accepts what the inner half's sockets bring, decides by the policy or asks, resolves,
// dials, and carries bytes. One thread, nothing waits. Everything that is not decided stays where it is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sandbox/egress/activity.h"
#include "sandbox/egress/answer_counts.h"
#include "sandbox/egress/denials.h"
#include "sandbox/egress/dns_service.h"
#include "sandbox/egress/guard_link.h"
#include "sandbox/egress/half_messages.h"
#include "sandbox/egress/hold.h"
#include "sandbox/egress/judge.h"
#include "sandbox/egress/poller.h"
#include "sandbox/egress/resolver.h"
#include "sandbox/egress/session.h"
#include "sandbox/egress/socks.h"
#include "sandbox/egress/tls.h"
#include "sandbox/egress/traffic.h"
#include "sandbox/wire/action_ring.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxConnections = 1024;  // of a run at once; then those that are stalled go

struct OuterOptions {
  int innerPair = 3;
  int guardPair = 4;
  int ring = 5;
  int denials = 6;
  Start start = Start::kFirst;
  std::int32_t pid = 0;                // its own outside of its pid namespace; 0: there is none
  std::optional<NameServer> resolver;  // in place of the host's; for tests
  std::string trustAnchors;            // in place of the host's; for tests
};

class Outer {
 public:
  // Takes the descriptors over.
  static Result<std::unique_ptr<Outer>> create(const OuterOptions& options);
  ~Outer();
  // Until SIGTERM, or one of the other sides is gone.
  Result<void> serve();

 private:
  enum class Allowed { kNot, kByRule, kByPerson };
  // One connection and what became of it so far.
  struct Live {
    explicit Live(Session begun) : session(std::move(begun)) {}
    Session session;
    std::uint64_t id = 0;
    Protocol protocol = Protocol::kRedirected;
    std::string client;  // its end inside: "10.77.0.1:43210"
    std::string called;  // the other end, as whoever is inside called it
    Wanted wanted;
    Destination dial;  // whom it goes to: what was wanted, or another
    Allowed allowed = Allowed::kNot;
    std::uint64_t ask = 0, ticket = 0;
    bool denied = false;  // `refusal` goes out when `ticket` is acknowledged
    std::string refusal;
    std::vector<policy::Address> addresses;
    std::size_t nextAddress = 0;
    UniqueFd dialled;
    int watchedUpstream = -1;
    std::int64_t deadlineMs = 0;
    bool counted = false;  // among the connections of its host
    bool retryRing = false;
    std::string localRule;       // of what leaves no device
    std::uint64_t answered = 0;  // the ask whose outcome is to be told
    int dialError = 0;           // of the last address
    bool ownAddress = false;     // the one that was dialled is this machine's
    std::int64_t sinceMs = 0;    // it was accepted, or connected
    Call call;
    bool inHold = false;     // it was open when the hold began that is watched
    bool hasWaited = false;  // it was deferred once
  };
  struct Question {
    std::string key;
    std::set<std::uint64_t> sessions;
  };
  struct Published {
    std::uint16_t port = 0;
    UniqueFd client;
  };

  Outer(const OuterOptions& options, Poller poller, GuardLink link, ActionRing ring, TlsClient tls);
  Result<void> watchPairs();
  std::int64_t nowMs() const;
  void tick();
  int patience() const;
  void sweep();
  void stop(Error why);
  void tellAnswers();

  // outer.cc: descriptors
  void acceptFrom(int listener, Protocol protocol, std::uint16_t port);
  void admit(UniqueFd client, Protocol protocol, std::uint16_t port);
  bool isFull() const;
  Live* findStalled();
  void pauseOrResume();
  void onClientEvents(std::uint64_t id, std::uint32_t events);
  void onUpstreamEvents(std::uint64_t id, std::uint32_t events);
  void advance(Live& live);
  void updateEvents(Live& live);

  // outer_orders.cc: the daemon and the inner half
  void onGuard();
  void onInner();
  void takeCredentials(GuardRules& rules);
  void obey(GuardRules rules);
  void obey(const Answer& answer);
  void obey(const Recorded& recorded);
  void obey(const Repeat&);
  void obey(const RunHeld& order);
  void obey(const DeferCalls& order);
  void obeyAnswer(Live& live, const Answer& answer);
  void onListening(const HalfMessage& message, std::vector<UniqueFd> fds);
  void onPublished(const HalfMessage& message, std::vector<UniqueFd> fds);
  std::uint32_t rejudge();
  bool isStillAllowed(Live& live);
  void updatePorts();
  void note(const char* key, std::uint16_t port, const std::string& why);

  // outer_decide.cc: what may be
  void want(Live& live);
  void wantRedirected(Live& live);
  void wantLoopback(Live& live, std::uint16_t port);
  void decide(Live& live);
  void ask(Live& live, const policy::Verdict& verdict);
  void leaveQuestion(Live& live, const char* why);
  void denyInside(Live& live, const GuardRule& rule);
  void dropStalled(Live& live);
  static GuardRule sendLimitRule();
  void deny(Live& live, DenialOutcome outcome, GuardRule rule, std::string say);
  void refuseRecorded(Live& live, const GuardedAction& action, const Denial& denial);
  void refuse(Live& live, const std::string& reply);
  void refuseNow(Live& live);
  void fail(Live& live, const std::string& why, SocksReply reply);
  void onRefused(Live& live, const Refused& refused);
  void allow(Live& live, Allowed how, const GuardRule& rule, const std::optional<Destination>& instead);
  GuardedAction actionOf(const Live& live) const;
  bool isLocal(const Live& live) const;
  static Asked askedOf(const Live& live, const policy::Address& address);
  std::optional<policy::Verdict> refusalOfDialled(const Live& live) const;

  // outer_hold.cc: a run that is held, calls that are deferred, what connections do
  void hold();
  void letGo();
  bool runs(const Live& live) const;
  void noteEnd(Live& live);
  void shareRoom();
  void noteProgress(Live& live);
  void lookAtActivity(std::int64_t now);
  std::optional<std::int64_t> activityDueAt() const;
  bool isDeferred(Live& live);
  void goOn(const Deferral::Ids& ids);
  void tickHold(std::int64_t now);
  std::optional<std::int64_t> holdDueAt() const;

  // outer_open.cc: what then happens
  void resolve(Live& live);
  void refuseAddress(Live& live, const policy::Verdict& refused);
  void onResolved(std::uint64_t id, Result<std::vector<policy::Address>> addresses);
  void dialNext(Live& live);
  void watchDialled(Live& live);
  void onDialled(std::uint64_t id);
  void startStreaming(Live& live);
  Result<Session::Opening> openingOf(Live& live);
  void recordLocal(Live& live);
  void reportPerformed(Live& live, int sysErrno, const std::string& note);

  Poller poller_;
  GuardLink link_;
  ActionRing ring_;
  TlsClient tls_;
  UniqueFd innerPair_, guardPair_, denialsFile_, ending_;
  Resolver resolver_;
  DnsService names_;
  Denials denials_;
  TrafficTable traffic_;
  SendBudget budget_;
  std::optional<Judge> judge_;
  std::vector<CredentialValue> credentials_;
  std::uint64_t generation_ = 0;

  SpoolPool spooled_;
  HoldWatch hold_;
  Deferral deferral_;
  RunActivity activity_;
  AnswerCounts answers_;
  AnswerPace answersPace_;
  bool activityMoved_ = false;
  std::int64_t lookedMs_ = 0;  // at activity, the last time

  std::map<std::uint64_t, std::unique_ptr<Live>> lives_;
  std::uint64_t nextLive_ = 1;
  std::size_t dropped_ = 0;  // of these, in this turn
  std::map<std::uint64_t, Question> questions_;
  UniqueFd proxyListener_, redirectedListener_;
  std::map<std::uint16_t, UniqueFd> loopbackListeners_;  // inside
  std::set<std::uint16_t> loopbackAsked_;
  std::map<std::uint16_t, UniqueFd> publishListeners_;  // outside
  std::map<std::uint32_t, Published> publishing_;       // connections that the inner half makes
  std::uint32_t nextPublished_ = 1;
  bool accepting_ = false, ended_ = false;
  std::int64_t trafficToldMs_ = 0;
  std::unique_ptr<char[]> scratch_;  // takes memory as far as it was used
  std::optional<Error> stopped_;
};

}  // namespace ringfence::sandbox
