// ringfence-stop at work: RUN_DIR/stop.sock, the dead-man's clock, and whoever else may only stop, around one Stopper.
// One thread; nothing is waited for but the next event.
#pragma once

#include <csignal>
#include <memory>
#include <string>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/stop/dead_man.h"
#include "supervisor/stop/json_text.h"
#include "supervisor/stop/keys/key_watch.h"
#include "supervisor/stop/peers.h"
#include "supervisor/stop/readiness.h"
#include "supervisor/stop/request.h"
#include "supervisor/stop/stopper.h"

namespace ringfence::supervisor::stop {

struct ServiceOptions {
  std::string runDirectory, stateDirectory, cgroupRoot;
  enum class Keeper { kDaemon, kSystem } keeper = Keeper::kDaemon;  // who starts it again
};

class Service {
 public:
  // Takes the directory's lock (kBusy: another one serves it), freezes again what is latched, then listens.
  static Result<std::unique_ptr<Service>> open(const ServiceOptions& options, const Clock& clock);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Starts the program that looks at keyboards, with the first turn of run(). A press stops, and the second one within
  // three seconds kills; keys that were found held only stop. Without it nobody looks at keys. kStateDirectory: those
  // count that the daemon writes there (wanted_keys.h), now and whenever it does.
  enum class KeysFrom { kCommandLine, kStateDirectory };
  void watchKeys(KeyWatch::Options options, KeysFrom from);
  // After makeReady(), for `status`.
  void tell(Readiness readiness) { readiness_ = std::move(readiness); }

  // Returns when `isOver` is no longer 0 (by a signal), or when somebody removed the socket, so that nobody can reach
  // us.
  Result<void> run(const volatile std::sig_atomic_t& isOver);

 private:
  Service(Stopper stopper, const Clock& clock, ServiceOptions options);
  Result<void> listen();
  bool isStillReachable();

  std::optional<Microseconds> nextDue() const;
  std::optional<Microseconds> nextKeys() const;
  void waitForEvents();
  void forgetClosedPeers();
  void acceptPeers();
  void hearPeers();
  void hear(StopPeer& peer);
  void answer(StopPeer& peer, const Request& request);
  void answerStop(StopPeer& peer, const Request& request);
  void stopFor(StopPeer& peer, const Trigger& trigger, bool wantsKill);
  void tellKills();
  void answerStatus(StopPeer& peer, const char* event);
  void answerRelease(StopPeer& peer);
  void becomeDaemon(StopPeer& peer, const Request& request);
  void refuse(StopPeer& peer, std::string_view words);
  void sendJson(StopPeer& peer);
  void closePeer(StopPeer& peer);
  void hearKeys();
  void wantKeys();
  void addKeys();
  std::optional<Microseconds> keysDue() const;
  void tellKeys();
  void minDaemon();
  void tellFinished();

  Stopper stopper_;
  const Clock& clock_;
  ServiceOptions options_;
  UniqueFd lock_, listener_, watch_;
  std::unique_ptr<KeyWatch> keys_;
  KeysFrom keysFrom_ = KeysFrom::kCommandLine;
  bool areKeysOld_ = false;      // what is wanted may have changed
  std::uint64_t toldKeys_ = 0;   // the revision of them that the daemon knows
  Microseconds tellKeysFrom_{};  // not before
  std::uint64_t socketInode_ = 0;
  std::optional<std::uint32_t> adminGroup_;
  Readiness readiness_;
  DeadMan deadMan_;
  StopPeers peers_;
  JsonText json_;
  bool isUnreachable_ = false;
  bool isBeingRead_ = false;  // a stop whose receipt nobody has yet
  int heardLately_ = 0;
  Microseconds windowBegun_{};
};

}  // namespace ringfence::supervisor::stop
