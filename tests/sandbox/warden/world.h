// A run as small as it can be, with the real ringfence-warden beside it and the test as its daemon: a process in a pid
// and mount namespace of its own whose workspace is /mnt, with a filter that notifies what a warden performs.
//
//   World world({.document = d});
//   const int status = world.run([] { return ::mkdir("/mnt/a", 0755) == 0 ? 0 : errno; });
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/wire/action_ring.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

inline policy::Document readWrite() {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  return document;
}

inline constexpr uid_t kRunUid = 54321;
inline constexpr const char* kWorkspace = "/mnt";

// Looks every 5 ms, for a minute at most: an emulated machine is slow.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 12000; ++i) {
    if (condition()) return true;
    ::usleep(5000);
  }
  return false;
}

enum class Notified { kWrites, kAllOpens, kExec, kNothing };
enum class Records { kAnswered, kLeft };

struct WorldOptions {
  policy::Document document;
  Notified notified = Notified::kWrites;
  Records records = Records::kAnswered;
  // What the daemon says to a question at once; nothing: the test answers.
  std::function<std::optional<sandbox::Answer>(const sandbox::Ask&)> answer;
  bool emptiesRing = false;  // as soon as something is there, and forgets it
  bool rootTarget = false;   // it keeps root's rights, for what only root may do
  bool wardenless = false;   // nobody answers but the test itself
  bool fixedRoot = false;    // all but the workspace is mounted read-only, as in a run
  Bytes ringCapacity = sandbox::kActionRingCapacity;
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // The workspace as it is seen from outside.
  const std::string& directory() const { return directory_.path(); }

  // Starts `act` inside; its value is the exit status. finish() waits for it: -N where signal N ended it.
  void start(std::function<int()> act);
  int finish();
  int run(std::function<int()> act) {
    start(std::move(act));
    return finish();
  }
  pid_t target() const { return target_; }  // as it is counted outside

  void startWarden(bool restarted);
  void killWarden();
  pid_t warden() const { return warden_; }
  int listener() const { return listener_.get(); }

  void send(const sandbox::GuardOrder& order);
  void sendRules(std::uint64_t generation);
  void setDocument(policy::Document document) { options_.document = std::move(document); }
  // Waits until an event is of that kind and `which` says yes; fails the test after a minute.
  template <typename Event>
  Event expect(std::function<bool(const Event&)> which = {});
  template <typename Event>
  std::optional<Event> find(std::function<bool(const Event&)> which);
  // How many of that kind came so far.
  template <typename Event>
  std::size_t count();
  std::vector<sandbox::AllowedAction> allowed();
  std::string denials() const;
  // Whether the journal has a call that is being performed.
  bool isPerforming() const;

 private:
  void daemon();
  void prepare();
  std::optional<sandbox::GuardEvent> wait(const std::function<bool(const sandbox::GuardEvent&)>& which);

  WorldOptions options_;
  TempDir directory_;
  UniqueFd daemonEnd_, wardenEnd_, journal_, denials_, proc_, listener_, stop_, wardenProgram_;
  std::optional<sandbox::ActionRing> ring_;
  UniqueFd commands_;  // to the holder of the namespaces
  pid_t holder_ = -1, target_ = -1, warden_ = -1;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<sandbox::GuardEvent> events_;
  bool ended_ = false;
};

template <typename Event>
Event World::expect(std::function<bool(const Event&)> which) {
  auto event = wait([&](const sandbox::GuardEvent& each) {
    const auto* found = std::get_if<Event>(&each);
    return found != nullptr && (!which || which(*found));
  });
  if (!event) throw std::runtime_error("an event did not come within a minute");
  return std::get<Event>(*event);
}

template <typename Event>
std::optional<Event> World::find(std::function<bool(const Event&)> which) {
  const std::lock_guard lock(mutex_);
  for (const sandbox::GuardEvent& each : events_) {
    const auto* found = std::get_if<Event>(&each);
    if (found != nullptr && which(*found)) return *found;
  }
  return std::nullopt;
}

template <typename Event>
std::size_t World::count() {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(events_.begin(), events_.end(), [](const sandbox::GuardEvent& each) {
    return std::holds_alternative<Event>(each);
  }));
}

// What runs inside does: makes the file, and says with which error. 0: it did.
inline int make(const char* path, int flags = 0) {
  const UniqueFd fd(::open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
  return fd ? 0 : errno;
}

inline policy::PathRule rule(const char* pattern) { return {.pattern = pattern, .origin = {"test.toml", 7, pattern}}; }

// /mnt/asked and /mnt/asked2 are asked about, /mnt/forbidden is forbidden, the rest of the workspace may be written.
inline policy::Document asking() {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.ask.push_back(rule("/mnt/asked"));
  document.files.ask.push_back(rule("/mnt/asked2"));
  document.files.forbid.push_back(rule("/mnt/forbidden"));
  return document;
}

}  // namespace ringfence::test
