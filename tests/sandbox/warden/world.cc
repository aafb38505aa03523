#include "tests/sandbox/warden/world.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>

#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/wire/call_journal.h"
#include "sandbox/wire/long_message.h"
#include "sdk/base/io.h"

namespace ringfence::test {
namespace {

using namespace sandbox;

constexpr unsigned kWaitKillable = 1U << 5;
constexpr int kTargetFailed = 120;

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string(what) + ": " + std::to_string(errno));
}

// open and openat by their flags, everything else that a warden performs but exec.
std::vector<sock_filter> notifying(Notified notified) {
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (int number = 0; number < 600; ++number) {
    const GuardedCall call = guardedCallOf(number);
    const bool executes = call == GuardedCall::kExecve || call == GuardedCall::kExecveat;
    if (call == GuardedCall::kUnknown || executes != (notified == Notified::kExec)) continue;
    const bool byFlags = (call == GuardedCall::kOpen || call == GuardedCall::kOpenat) && notified == Notified::kWrites;
    if (!byFlags) {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
      program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
      continue;
    }
    const unsigned argument = call == GuardedCall::kOpen ? 1 : 2;
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 4));
    program.push_back(
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offsetof(seccomp_data, args)) + argument * 8));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return program;
}

int installListener(Notified notified) {
  std::vector<sock_filter> program = notifying(notified);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &filter));
}

void becomeRun(bool traces) {
  if (traces) (void)prctl(PR_SET_KEEPCAPS, 1);
  if (setresgid(kRunUid, kRunUid, kRunUid) != 0 || setresuid(kRunUid, kRunUid, kRunUid) != 0) _exit(kTargetFailed);
  if (!traces) return;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  data[0].permitted = data[0].inheritable = data[0].effective = 1U << CAP_SYS_PTRACE;
  if (syscall(SYS_capset, &header, data) != 0) _exit(kTargetFailed);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_PTRACE, 0, 0) != 0) _exit(kTargetFailed);
}

}  // namespace

World::World(WorldOptions options) : options_(std::move(options)) {
  int pair[2];
  require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
  daemonEnd_.reset(pair[0]);
  wardenEnd_.reset(pair[1]);
  journal_.reset(memfd_create("journal", MFD_CLOEXEC));
  require(ftruncate(journal_.get(), static_cast<off_t>(kCallsJournalBytes.count)) == 0, "journal");
  ring_ = std::move(ActionRing::create(options_.ringCapacity)).value();
  denials_.reset(memfd_create("denials", MFD_CLOEXEC));
  proc_.reset(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  stop_.reset(eventfd(0, EFD_CLOEXEC));
  wardenProgram_.reset(open(RINGFENCE_BIN_DIR "/ringfence-warden", O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(wardenProgram_), "opening ringfence-warden");
  require(chown(directory().c_str(), kRunUid, kRunUid) == 0, "chown");
  thread_ = std::thread([this] { daemon(); });
}

World::~World() {
  if (target_ > 0) {
    kill(target_, SIGKILL);
    (void)finish();
  }
  killWarden();
  const std::uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof one);
  thread_.join();
}

// The target is pid 1 of its namespace's child: a holder makes the namespaces, the first process mounts /proc.
void World::start(std::function<int()> act) {
  int ready[2];
  int go[2];
  require(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0, "pipe");
  struct Told {
    pid_t target;
    int listener;
  };
  holder_ = fork();
  require(holder_ >= 0, "fork");
  if (holder_ == 0) {
    // The mount namespace is entered by the warden through the target's /proc entry.
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount(directory().c_str(), kWorkspace, nullptr, MS_BIND, nullptr) != 0 || unshare(CLONE_NEWPID) != 0) {
      _exit(kTargetFailed);
    }
    constexpr unsigned long kReadOnly = MS_REMOUNT | MS_BIND | MS_RDONLY;
    if (options_.fixedRoot && mount("", "/", nullptr, kReadOnly, nullptr) != 0) _exit(kTargetFailed);
    const pid_t first = fork();
    if (first == 0) {
      if (mount("proc", "/proc", "proc", 0, nullptr) != 0) _exit(kTargetFailed);
      const pid_t child = fork();
      if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!options_.rootTarget) becomeRun(false);
        prctl(PR_SET_DUMPABLE, 1);
        for (const int number : {SIGTERM, SIGINT, SIGSEGV, SIGABRT}) signal(number, SIG_DFL);
        const int listener = options_.notified == Notified::kNothing ? 0 : installListener(options_.notified);
        if (listener < 0) _exit(kTargetFailed);
        (void)!write(ready[1], &listener, sizeof listener);
        char begin = 0;
        if (read(go[0], &begin, 1) != 1) _exit(kTargetFailed);
        if (listener > 0) close(listener);
        _exit(act());
      }
      int status = 0;
      while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
      _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
    int status = 0;
    while (waitpid(first, &status, 0) < 0 && errno == EINTR) {}
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
  int listener = -1;
  close(ready[1]);
  require(read(ready[0], &listener, sizeof listener) == sizeof listener, "the target did not start");
  close(ready[0]);
  // The target, as it is counted here: the only child of the only child.
  const auto childOf = [](pid_t parent) {
    const auto path = "/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children";
    return static_cast<pid_t>(std::stol(readFile(path)));
  };
  target_ = childOf(childOf(holder_));
  if (options_.notified != Notified::kNothing) {
    const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, target_, 0)));
    listener_.reset(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), listener, 0)));
    require(static_cast<bool>(listener_), "pidfd_getfd");
    if (!options_.wardenless) {
      startWarden(false);
      sendRules(1);
      (void)expect<RulesInForce>();
    }
  }
  require(write(go[1], "g", 1) == 1, "go");
  close(go[0]);
  close(go[1]);
}

int World::finish() {
  int status = 0;
  while (waitpid(holder_, &status, 0) < 0 && errno == EINTR) {}
  target_ = holder_ = -1;
  listener_.reset();
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code > 128 ? 128 - code : code;
}

void World::startWarden(bool restarted) {
  const UniqueFd mounts(open(("/proc/" + std::to_string(target_) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  const std::vector<int> fds = {wardenEnd_.get(), listener_.get(), journal_.get(),
                                ring_->fd(),      denials_.get(),  proc_.get()};
  warden_ = fork();
  require(warden_ >= 0, "fork");
  if (warden_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setns(mounts.get(), CLONE_NEWNS) != 0 || chdir("/") != 0) _exit(kTargetFailed);
  std::vector<int> high;
  for (const int fd : fds) high.push_back(fcntl(fd, F_DUPFD, 100));
  const int program = fcntl(wardenProgram_.get(), F_DUPFD_CLOEXEC, 100);
  for (std::size_t i = 0; i < high.size(); ++i) {
    if (dup2(high[i], 3 + static_cast<int>(i)) < 0) _exit(kTargetFailed);
    close(high[i]);
  }
  becomeRun(true);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const char* argv[] = {"ringfence-warden", "--run", "r-0123456789abcdef", restarted ? "--restarted" : nullptr,
                        nullptr};
  const char* environment[] = {nullptr};
  fexecve(program, const_cast<char**>(argv), const_cast<char**>(environment));
  _exit(kTargetFailed);
}

void World::killWarden() {
  if (warden_ <= 0) return;
  kill(warden_, SIGKILL);
  while (waitpid(warden_, nullptr, 0) < 0 && errno == EINTR) {}
  warden_ = -1;
}

void World::send(const GuardOrder& order) {
  Packet packet = std::move(packRequest(std::move(encodeBounded(order)).value())).value();
  std::vector<int> fds;
  for (const UniqueFd& fd : packet.fds) fds.push_back(fd.get());
  require(static_cast<bool>(sendPacket(daemonEnd_.get(), packet.bytes, fds)), "sending an order");
}

void World::sendRules(std::uint64_t generation) {
  send(GuardRules{.run = *RunId::parse("r-0123456789abcdef"),
                  .generation = generation,
                  .document = options_.document,
                  .places = {.workspace = kWorkspace, .home = "/nowhere"}});
}

void World::daemon() {
  for (;;) {
    pollfd fds[2] = {{daemonEnd_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    auto packet = receivePacket(daemonEnd_.get(), kMaxGuardPacket);
    if (!packet || packet->bytes.empty()) return;
    auto event = decodeGuardEvent(packet->bytes);
    if (!event) return;
    if (std::holds_alternative<ActionsWaiting>(*event) && options_.emptiesRing) {
      (void)allowed();
      continue;
    }
    {
      // Before it is answered: whoever is answered may be looked at at once.
      const std::lock_guard lock(mutex_);
      events_.push_back(*event);
      changed_.notify_all();
    }
    if (const auto* record = std::get_if<Record>(&*event);
        record != nullptr && record->ticket != 0 && options_.records == Records::kAnswered) {
      send(Recorded{record->ticket});
    }
    if (const auto* ask = std::get_if<Ask>(&*event); ask != nullptr && options_.answer) {
      if (auto answer = options_.answer(*ask)) {
        answer->ask = ask->ask;
        send(*answer);
      }
    }
  }
}

std::optional<GuardEvent> World::wait(const std::function<bool(const GuardEvent&)>& which) {
  std::unique_lock lock(mutex_);
  std::optional<GuardEvent> found;
  (void)changed_.wait_for(lock, std::chrono::seconds(60), [&] {
    const auto each = std::find_if(events_.begin(), events_.end(), which);
    if (each == events_.end()) return false;
    found = *each;
    return true;
  });
  return found;
}

std::vector<AllowedAction> World::allowed() {
  std::vector<AllowedAction> result;
  for (;;) {
    auto entry = std::move(ring_->take()).value();
    if (!entry) return result;
    result.push_back(std::move(decodeEntry(*entry)).value());
  }
}

bool World::isPerforming() const {
  void* map = mmap(nullptr, sizeof(CallJournal), PROT_READ, MAP_SHARED, journal_.get(), 0);
  require(map != MAP_FAILED, "mapping the journal");
  const auto* journal = static_cast<const CallJournal*>(map);
  const bool found = std::any_of(std::begin(journal->slots), std::end(journal->slots),
                                 [](const CallSlot& slot) { return slot.state == CallState::kPerforming; });
  munmap(map, sizeof(CallJournal));
  return found;
}

std::string World::denials() const {
  std::string text(1 << 20, '\0');
  const ssize_t got = pread(denials_.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

}  // namespace ringfence::test
