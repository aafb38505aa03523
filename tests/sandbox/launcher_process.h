// The real launcher, driven over its socket as the daemon does, and plans made by hand.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/plan/kernel_features.h"
#include "sandbox/plan/plan.h"
#include "sandbox/wire/messages.h"
#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

const sandbox::KernelFeatures& kernelFeatures();

struct Event {
  sandbox::LauncherEvent event;
  std::vector<UniqueFd> fds;
};

class LauncherProcess {
 public:
  // `knockout`: uses the test build that leaves out that wall. Control groups are of a name of this process's own.
  explicit LauncherProcess(const std::string& knockout = "");
  struct Variation {
    std::string knockout = {};
    std::string programs = {};          // where the launcher is, and its guards beside it; none: of the build
    std::function<void()> before = {};  // in the process that becomes the launcher
  };
  explicit LauncherProcess(Variation variation);
  ~LauncherProcess();
  LauncherProcess(const LauncherProcess&) = delete;
  LauncherProcess& operator=(const LauncherProcess&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& groupName() const { return groupName_; }
  sandbox::CgroupTree groups() const;

  void connect();  // Hello and Welcome; a connection before is closed
  void disconnect() { socket_.reset(); }
  void killAndRestart();

  void send(const sandbox::LauncherRequest& request, const std::vector<int>& fds = {});
  void sendRaw(const std::string& bytes);
  bool isClosedByPeer();
  // The next event that is not of a guard, and the next one that is; none within the deadline fails the test.
  Event next();
  Event nextOfGuard();
  template <typename T>
  T expectOfGuard() {
    Event event = nextOfGuard();
    auto* wanted = std::get_if<T>(&event.event);
    if (wanted == nullptr) failOn(event.event);
    return std::move(*wanted);
  }
  // Of Ended: until everything of the run is removed as well.
  template <typename T>
  T expect() {
    Event event = next();
    lastFds_ = std::move(event.fds);
    auto* wanted = std::get_if<T>(&event.event);
    if (wanted == nullptr) failOn(event.event);
    if constexpr (std::is_same_v<T, sandbox::Ended>) (void)expect<sandbox::Removed>();
    return std::move(*wanted);
  }
  std::vector<UniqueFd>& lastFds() { return lastFds_; }

  // Launch, Built, Release, Started.
  sandbox::Built start(const sandbox::Plan& plan, const std::vector<int>& fds);
  // All of it up to Ended, then Forget.
  sandbox::Ended runToEnd(const sandbox::Plan& plan, const std::vector<int>& fds);

  // One more with the same arguments; the caller waits for it.
  pid_t spawn() const;

 private:
  [[noreturn]] void failOn(const sandbox::LauncherEvent& event);
  Event take(std::deque<Event>& from);

  TempDir runDirectory_;
  std::string groupName_;
  Variation variation_;
  std::deque<Event> events_, guardEvents_;
  pid_t pid_ = -1;
  UniqueFd socket_;
  std::vector<UniqueFd> lastFds_;
};

// A workspace owned by uid 1000, and a plan that runs `command` (through /bin/sh -c) in it as uid 1000.
class Workspace {
 public:
  Workspace();
  const std::string& path() const { return directory_.path(); }
  int fd() const { return fd_.get(); }
  std::string write(const std::string& name, const std::string& content) const;

 private:
  TempDir directory_;
  UniqueFd fd_;
};

inline constexpr std::uint32_t kTestUid = 1000;

sandbox::Plan shellPlan(const std::string& script);

// Descriptors of a launch with its output in a file: workspace, home (the same), 0, 1, 2.
class OutputFile {
 public:
  explicit OutputFile(const Workspace& workspace);
  std::vector<int> fds() const;
  std::string text() const;

 private:
  TempDir directory_;
  int workspace_;
  UniqueFd input_, output_;
};

}  // namespace ringfence::test
