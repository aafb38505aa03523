#include "sandbox/launcher/run_init.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include "sandbox/launcher/made_inside.h"
#include "sandbox/launcher/report.h"
#include "sandbox/launcher/rest.h"
#include "sandbox/plan/seccomp_mediated.h"

namespace ringfence::sandbox {
namespace {

enum class StartStep : int { kProcess, kDirectory, kExecutable };
struct StartFailure {
  StartStep step = StartStep::kExecutable;
  int error = 0;
};

struct StepWords {
  const char* token;
  std::string message;
  int exitCode;
};

StepWords wordsOf(const StartFailure& why, const Plan& plan) {
  switch (why.step) {
    case StartStep::kProcess: return {"process", "starting a process for the command", 125};
    case StartStep::kDirectory: return {"directory", "entering " + plan.workingDirectory, 125};
    case StartStep::kExecutable: break;
  }
  const bool notFound = why.error == ENOENT || why.error == ENOTDIR;
  const bool hasInterpreter = notFound && ::access(plan.executable.c_str(), F_OK) == 0;
  return {"executable", "running " + plan.executable + (hasInterpreter ? " (its interpreter is missing inside)" : ""),
          notFound ? 127 : 126};
}

void noteChild(int) {}  // Only wakes ppoll.

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

class RunInit {
 public:
  RunInit(const Plan& plan, int report, FolderMemory& folders, const std::function<void()>& forgetBuilding)
      : plan_(plan),
        report_(report),
        folders_(folders),
        forgetBuilding_(forgetBuilding),
        isHeardOpening_(notifiesEachOpen(plan.seccomp)) {}

  [[noreturn]] void run() {
    blockChildSignal();
    for (const MaskPath& mask : unheldMasks()) absent_.push_back(mask);
    awaitRelease();
    beginning_ = Beginning::now();
    start();
    for (;;) {
      waitForSomething();
      reap();
    }
  }

 private:
  // Without these the end of the command could go unseen, or our own writing could end us.
  void blockChildSignal() {
    struct sigaction action {};
    action.sa_handler = noteChild;
    int failed = sigaction(SIGCHLD, &action, nullptr);
    action.sa_handler = SIG_IGN;
    failed |= sigaction(SIGTTOU, &action, nullptr);  // Pid 1 sets the foreground group from a background one.
    failed |= sigaction(SIGPIPE, &action, nullptr);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    failed |= sigprocmask(SIG_BLOCK, &child, &open_);
    if (failed != 0) failStart({StartStep::kProcess, errno});
  }

  void awaitRelease() {
    for (;;) {
      const auto order = receiveReport(report_);
      if (!order || order->kind == 0) _exit(0);  // Abandoned: nobody is there to release it.
      if (order->kind == static_cast<std::uint32_t>(OrderKind::kRelease)) return;
    }
  }

  void send(ReportKind kind, std::int32_t value = 0, std::int32_t extra = 0, int flags = 0) {
    (void)sendReport(report_, static_cast<std::uint32_t>(kind), value, extra, "", {}, flags);
  }

  // The command borrows our memory until its exec, which spares a launch the copy of the page tables: it makes system
  // calls, writes where it failed, and nothing else. We go on when it has left.
  void start() {
    const std::vector<char*> arguments = pointers(plan_.command);
    const std::vector<char*> environment = pointers(plan_.environment);
    const pid_t child = ::vfork();
    if (child == 0) becomeCommand(arguments.data(), environment.data());
    if (child < 0) failStart({StartStep::kProcess, errno});
    command_ = child;
    const int error = failedError_;
    if (error != 0) failStart({failedStep_, error});
    send(ReportKind::kStarted, static_cast<std::int32_t>(absent_.size()));
  }

  [[noreturn, gnu::noinline]] void becomeCommand(char* const* arguments, char* const* environment) {
    (void)::setpgid(0, 0);
    if (plan_.stdio == Stdio::kTerminal) (void)::tcsetpgrp(0, ::getpid());
    send(ReportKind::kForked);
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    for (const int signal : {SIGCHLD, SIGTTOU, SIGPIPE}) (void)sigaction(signal, &action, nullptr);
    (void)sigprocmask(SIG_SETMASK, &open_, nullptr);
    failedStep_ = StartStep::kDirectory;
    if (::chdir(plan_.workingDirectory.c_str()) == 0) {
      failedStep_ = StartStep::kExecutable;
      (void)::execve(plan_.executable.c_str(), arguments, environment);
    }
    failedError_ = errno;
    ::_exit(126);
  }

  [[noreturn]] void failStart(StartFailure why) {
    const StepWords words = wordsOf(why, plan_);
    (void)sendReport(report_, static_cast<std::uint32_t>(ReportKind::kFailed), why.error, words.exitCode,
                     std::string(words.token) + '\0' + posixError(why.error, words.message).message);
    _exit(0);
  }

  void waitForSomething() {
    pollfd watched{report_, POLLIN, 0};
    const int most = rest_.until();
    const timespec limit{most / 1000, 0};
    const int ready = ::ppoll(&watched, 1, most < 0 ? nullptr : &limit, &open_);
    if (ready == 0) {  // Once: what comes later uses next to nothing.
      forgetBuilding_();
      rest_.after(ready);
    }
    if (ready <= 0) return;
    auto order = receiveReport(report_, MSG_DONTWAIT);
    if (!order) return;
    if (order->kind == 0) endRun();  // Everybody who kept this run is gone: it ends, as the walls promise nothing else.
    if (order->kind == static_cast<std::uint32_t>(OrderKind::kSignal)) forward(order->value);
  }

  void forward(int signal) {
    const pid_t foreground = plan_.stdio == Stdio::kTerminal ? ::tcgetpgrp(0) : -1;
    // Group 1 or none would be ourselves: then the command is meant.
    (void)::kill(-(foreground > 1 ? foreground : command_), signal);
  }

  void reap() {
    int status = 0;
    for (;;) {
      const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED);
      if (pid < 0 && errno != EINTR)
        endRun();  // Nothing is left, or nobody can be waited for: how it ended is unknown.
      if (pid == 0) return;
      if (pid != command_) continue;
      // A keeper that is away misses a stop, never an exit: the pair must not fill up with stops.
      if (WIFSTOPPED(status))
        send(ReportKind::kStopped, WSTOPSIG(status), 0, MSG_DONTWAIT);
      else if (WIFCONTINUED(status))
        send(ReportKind::kContinued, 0, 0, MSG_DONTWAIT);
      else if (WIFEXITED(status))
        finish(WEXITSTATUS(status), 0);
      else if (WIFSIGNALED(status))
        finish(WTERMSIG(status), 1);
    }
  }

  [[noreturn]] void finish(std::int32_t value, std::int32_t bySignal) {
    // Whoever hears of the end finds nobody at work. Most often nobody is left: then the kernel need not look at every
    // process of the machine for those that are meant.
    if (::waitpid(-1, nullptr, WNOHANG | __WALL) >= 0 || errno != ECHILD) {
      (void)::kill(-1, SIGKILL);
      while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {}
    }
    const std::string appeared = lookForAppeared();
    (void)sendReport(report_, static_cast<std::uint32_t>(ReportKind::kExited), value, bySignal, appeared);
    _exit(0);
  }

  // A launch holds the place of a forbidden name only where its directory exists. The others are looked for at the end,
  // by pid 1 inside the fence: nobody with more rights than the agent follows what the agent made.
  std::vector<MaskPath> unheldMasks() const {
    std::vector<MaskPath> masks;
    for (const MountStep& step : plan_.mounts) {
      const auto* mask = std::get_if<MaskPath>(&step);
      if (mask == nullptr || mask->kind != MaskKind::kReadOnly || !mask->glob.empty()) continue;
      if (!exists(mask->target)) masks.push_back(*mask);
    }
    return masks;
  }

  static bool exists(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
  }

  std::string lookForAppeared() {
    std::string list;
    for (const MaskPath& mask : absent_) {
      if (exists(mask.target)) list += (list.empty() ? "" : ", ") + mask.target + " (" + mask.origin + ")";
    }
    if (!isHeardOpening_) {
      for (const std::string& found : madeDespitePatterns(plan_, folders_)) list += (list.empty() ? "" : ", ") + found;
    }
    if (!list.empty()) list = "made inside, and run or obeyed by tools outside; look before you use: " + list;
    std::string changed;
    for (const std::string& found : changedMeanwhile(plan_, beginning_, folders_))
      changed += (changed.empty() ? "" : ", ") + found;
    if (changed.empty()) return list;
    return list + (list.empty() ? "" : "; ") + "changed meanwhile, and runs or is obeyed later outside: " + changed;
  }

  [[noreturn]] void endRun() {
    (void)::kill(-1, SIGKILL);
    _exit(0);
  }

  const Plan& plan_;
  int report_;
  FolderMemory& folders_;
  const std::function<void()>& forgetBuilding_;
  const bool isHeardOpening_;  // the table that says so may be forgotten
  Rest rest_;
  std::vector<MaskPath> absent_;
  Beginning beginning_;
  pid_t command_ = -1;
  // Written by the command in our memory, when it cannot become what it should: unseen by the compiler.
  volatile StartStep failedStep_ = StartStep::kExecutable;
  volatile int failedError_ = 0;
  sigset_t open_{};
};

}  // namespace

Result<void> leadSession(const Plan& plan) {
  if (::setsid() < 0) return posixError(errno, "starting a session");
  if (plan.stdio == Stdio::kTerminal && ::ioctl(0, TIOCSCTTY, 0) != 0)
    return posixError(errno, "taking the run's terminal");
  return {};
}

void runInit(const Plan& plan, int report, FolderMemory& folders, const std::function<void()>& forgetBuilding) {
  RunInit(plan, report, folders, forgetBuilding).run();
}

}  // namespace ringfence::sandbox
