// What this kernel tells of the files of a control group, on which the look at runs relies.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_all.hpp>

#include "sandbox/kernel/features.h"
#include "sdk/base/io.h"
#include "supervisor/file_notices.h"

namespace ringfence::supervisor {
namespace {

// A group in the unified hierarchy with two processes that sleep; gone at the end.
class SleepersGroup {
 public:
  SleepersGroup() {
    root_ = openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY).value();
    const auto features = sandbox::probeFeatures(root_.get());
    REQUIRE_FALSE(features.unifiedMount.empty());
    top_ = features.unifiedMount.substr(1);
    path_ = top_ + "/rf-notices-" + std::to_string(::getpid());
    REQUIRE(::mkdirat(root_.get(), path_.c_str(), 0755) == 0);
    for (pid_t& pid : pids_) {
      pid = ::fork();
      if (pid == 0) {
        for (;;) ::pause();
      }
      put(pid, path_);
    }
  }
  SleepersGroup(const SleepersGroup&) = delete;
  SleepersGroup& operator=(const SleepersGroup&) = delete;
  ~SleepersGroup() {
    write("cgroup.freeze", "0");
    for (const pid_t pid : pids_) {
      (void)::kill(pid, SIGKILL);
      (void)::waitpid(pid, nullptr, 0);
    }
    for (int i = 0; i < 1000 && ::unlinkat(root_.get(), path_.c_str(), AT_REMOVEDIR) != 0; ++i) (void)::usleep(5000);
  }

  int root() const { return root_.get(); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    CHECK(writeFileAt(root_.get(), file(name), text));
  }
  void moveOut(std::size_t which) const { put(pids_.at(which), top_); }

 private:
  void put(pid_t pid, const std::string& group) const {
    CHECK(writeFileAt(root_.get(), group + "/cgroup.procs", std::to_string(pid)));
  }

  UniqueFd root_;
  std::string top_, path_;
  std::array<pid_t, 2> pids_{};
};

// Whether that file is told of, now or within ten seconds.
bool isTold(FileNotices& notices, FileNotices::Id id, int patience = 10'000) {
  pollfd watched{.fd = notices.fd(), .events = POLLIN, .revents = 0};
  while (::poll(&watched, 1, patience) == 1) {
    const auto told = notices.take();
    if (std::ranges::find(told.changed, id) != told.changed.end()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the kernel tells who froze or thawed a group, and when its last process has left, and of none before") {
  const SleepersGroup group;
  FileNotices notices = FileNotices::create().value();
  const auto freeze = notices.watch(group.root(), group.file("cgroup.freeze")).value();
  group.write("cgroup.freeze", "1");
  CHECK(isTold(notices, freeze));
  group.write("cgroup.freeze", "0");
  CHECK(isTold(notices, freeze));

  const auto events = notices.watch(group.root(), group.file("cgroup.events")).value();
  while (isTold(notices, events, 200)) continue;  // The kernel notes the freeze and the thaw there as well.
  group.moveOut(0);
  CHECK_FALSE(isTold(notices, events, 200));
  group.moveOut(1);
  CHECK(isTold(notices, events));
}

}  // namespace ringfence::supervisor
