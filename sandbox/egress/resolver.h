// The host's names, asked for without blocking: its /etc/hosts, then the name servers of its /etc/resolv.conf, of which
// the launcher keeps copies in kNameFilesOfEgress. Both are read again for every name, so a machine that moves to
// another network needs no restart. Names are asked for as they are: no search list, no other services of the system's
// name switch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/address.h"
#include "sandbox/egress/dns_message.h"
#include "sandbox/egress/poller.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

struct NameServer {
  policy::Address address;
  std::uint16_t port = 53;
};
std::vector<NameServer> parseResolvConf(std::string_view text);                         // at most 3
std::vector<policy::Address> parseHosts(std::string_view text, std::string_view name);  // of that name

class Resolver {
 public:
  // `fixed`: that server and nothing else; for tests.
  Resolver(Poller& poller, std::optional<NameServer> fixed);
  ~Resolver();

  // The answer comes from takeAnswers() in a later turn.
  void ask(std::uint64_t id, const std::string& name, std::int64_t nowMs);
  void forget(std::uint64_t id);

  struct Answer {
    std::uint64_t id = 0;
    Result<std::vector<policy::Address>> addresses;
  };
  std::vector<Answer> takeAnswers();
  void tick(std::int64_t nowMs);
  bool isAsking() const { return !queries_.empty() || !answers_.empty(); }

 private:
  struct Query;
  void begin(Query& query);
  void next(Query& query);
  void finish(Query& query, Result<std::vector<policy::Address>> result);
  void onDatagram(std::uint64_t id);
  void onStream(std::uint64_t id);
  void handleReply(Query& query, const DnsReply& reply);
  void beginStream(Query& query);
  void closeSocket(Query& query);

  Poller& poller_;
  std::optional<NameServer> fixed_;
  std::map<std::uint64_t, std::unique_ptr<Query>> queries_;
  std::vector<Answer> answers_;
  std::int64_t nowMs_ = 0;
};

}  // namespace ringfence::sandbox
