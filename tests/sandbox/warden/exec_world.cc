#include "tests/sandbox/warden/exec_world.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstddef>

#include "sdk/base/io.h"

namespace ringfence::test {
namespace {

using namespace ringfence::sandbox;

constexpr unsigned kWaitKillable = 1U << 5;

int installListener() {
  std::array filter{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | kWaitKillable, &program));
}

// The process between: starts the program, hands over its listener, tells its end. Both have the signal mask of an
// ordinary process.
struct Started {
  UniqueFd listener;
  UniqueFd status;
  UniqueFd output;
  pid_t between = -1;
};

[[noreturn]] void beProgram(Mediation mediation, int socket, const std::function<int()>& program) {
  if (mediation != Mediation::kNone) {
    const UniqueFd listener(installListener());
    if (!listener) ::_exit(125);
    const int fds[] = {listener.get()};
    if (!sendPacket(socket, "l", fds)) ::_exit(125);
  }
  ::close(socket);
  ::_exit(program());
}

Started start(Mediation mediation, const std::function<int()>& program) {
  std::array<int, 2> sockets{}, status{}, output{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) == 0);
  REQUIRE(::pipe2(status.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(output.data(), O_CLOEXEC) == 0);
  const pid_t between = ::fork();
  REQUIRE(between >= 0);
  if (between == 0) {
    sigset_t none;
    sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(output[1], 1);
    ::dup2(output[1], 2);
    const pid_t child = ::fork();
    if (child == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(status[1]);
      beProgram(mediation, sockets[1], program);
    }
    ::close(sockets[1]);
    int ended = 0;
    (void)::waitpid(child, &ended, 0);
    (void)!::write(status[1], &ended, sizeof ended);
    ::_exit(0);
  }
  ::close(sockets[1]);
  ::close(status[1]);
  ::close(output[1]);
  const UniqueFd socket(sockets[0]);
  Started started{.status = UniqueFd(status[0]), .output = UniqueFd(output[0]), .between = between};
  if (mediation == Mediation::kNone) return started;
  auto packet = receivePacket(socket.get(), kibibytes(1));
  REQUIRE(packet);
  REQUIRE(packet->fds.size() == 1);
  started.listener = std::move(packet->fds.front());
  return started;
}

// A kernel that takes some calls back which it should make.
class InterruptingNotifier final : public SyscallNotifier {
 public:
  InterruptingNotifier(KernelNotifier kernel, int interruptions)
      : kernel_(std::move(kernel)), interruptions_(interruptions) {}
  Result<std::optional<Notification>> receive() override { return kernel_.receive(); }
  bool isWaiting(std::uint64_t id) override { return kernel_.isWaiting(id); }
  int answer(std::uint64_t id, const CallAnswer& answer) override {
    constexpr int kMadeAgain = 513;
    const bool interrupt = answer.kind == CallAnswer::Kind::kProceed && interruptions_-- > 0;
    return kernel_.answer(id, interrupt ? CallAnswer::failed(kMadeAgain) : answer);
  }
  int inject(std::uint64_t id, UniqueFd fd, CloseOnExec closeOnExec, Handover handover) override {
    return kernel_.inject(id, std::move(fd), closeOnExec, handover);
  }
  std::size_t readMemory(std::int32_t thread, std::uint64_t address, std::span<char> to) override {
    return kernel_.readMemory(thread, address, to);
  }
  int fd() const { return kernel_.fd(); }

 private:
  KernelNotifier kernel_;
  int interruptions_;
};

// One run of a program, from here on.
class Loop {
 public:
  Loop(ExecWorld& world, const Rules& rules, Mediation mediation, Started started)
      : world_(world), rules_(rules), mediation_(mediation), started_(std::move(started)) {
    proc_ = std::move(openAt(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY)).value();
    // Where handles are found, as in every thread of a warden.
    REQUIRE(::chdir("/proc/self/fd") == 0);
    if (mediation_ == Mediation::kNone) return;
    notifier_.emplace(std::move(KernelNotifier::create(std::move(started_.listener), inbox_)).value(),
                      world.interruptions);
    promises_.emplace(proc_.get());
    gate_.emplace(*notifier_, std::move(Tracer::create()).value(), proc_.get(), *promises_);
  }

  ExecTally run() {
    bool ended = false;
    while (!ended || outputOpen_) {
      std::array<pollfd, 4> watched{{{started_.status.get(), ended ? short{0} : short{POLLIN}, 0},
                                     {outputOpen_ ? started_.output.get() : -1, POLLIN, 0},
                                     {notifier_ && listening_ ? notifier_->fd() : -1, POLLIN, 0},
                                     {gate_ ? gate_->fd() : -1, POLLIN, 0}}};
      if (ended) watched[0].fd = -1;
      const int ready = ::poll(watched.data(), watched.size(), 60'000);
      if (ready < 0 && errno == EINTR) continue;
      REQUIRE(ready > 0);
      if (watched[3].revents != 0) collect();
      if ((watched[2].revents & POLLIN) != 0) receive();
      if ((watched[2].revents & POLLHUP) != 0) listening_ = false;
      if (watched[1].revents != 0) readOutput();
      if (watched[0].revents != 0) {
        if (::read(started_.status.get(), &tally_.status, sizeof tally_.status) <= 0) tally_.status = -1;
        ended = true;
      }
    }
    (void)::waitpid(started_.between, nullptr, 0);  // ECHILD: the tracer saw its end.
    if (gate_) {
      collect();
      CHECK(gate_->idle());
    }
    return std::move(tally_);
  }

 private:
  void readOutput() {
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(started_.output.get(), bytes.data(), bytes.size());
    if (got > 0) tally_.output.append(bytes.data(), static_cast<std::size_t>(got));
    if (got == 0) outputOpen_ = false;
  }

  void collect() {
    for (ExecOutcome& outcome : gate_->take()) tally_.outcomes.push_back(std::move(outcome));
  }

  void receive() {
    inbox_.fill(0);
    const auto call = notifier_->receive();
    if (!call || !*call) return;
    ++tally_.notified;
    if (const int error = world_.failInstead ? world_.failInstead(**call) : 0; error != 0) {
      (void)notifier_->answer((*call)->id, CallAnswer::failed(error));
      return;
    }
    if (world_.beforeReading) world_.beforeReading(**call);
    const Caller caller(proc_.get(), *notifier_, **call);
    PreparedExec prepared = prepareExec(caller, promises_->claim(**call));
    if (const auto* refusal = std::get_if<ExecRefusal>(&prepared))
      (void)notifier_->answer((*call)->id, CallAnswer::failed(refusal->error));
    else if (std::holds_alternative<ExecBroken>(prepared)) {
      ++tally_.broken;
      tally_.outcomes.push_back(endExchanged(*notifier_, proc_.get(), **call));
    } else {
      decide(caller, std::get<ExecCase>(std::move(prepared)));
    }
    collect();
  }

  void decide(const Caller& caller, ExecCase one) {
    const Notification call = one.call;
    const Ruling ruling = one.judge(rules_);
    switch (ruling.decision) {
      case policy::Decision::kAllow: return admit(std::move(one));
      case policy::Decision::kForbid:
        ++tally_.forbidden;
        (void)notifier_->answer(call.id, CallAnswer::failed(EACCES));
        return;
      case policy::Decision::kRewrite: return correct(caller, one, rewriteOf(ruling.verdict));
      case policy::Decision::kAsk: break;
    }
    const policy::Action& action = tally_.asked.emplace_back(execForms(one.program).front().action);
    const Reply reply = world_.person ? world_.person(action) : Reply{};
    if (reply.kind == Reply::Kind::kAllow) return admit(std::move(one));
    if (reply.kind == Reply::Kind::kRewrite) return correct(caller, one, {.argv = reply.argv});
    (void)notifier_->answer(call.id, CallAnswer::failed(EPERM));
  }

  void admit(ExecCase one) {
    const Notification call = one.call;
    if (world_.beforeAdmit) world_.beforeAdmit(call);
    if (mediation_ == Mediation::kProceed)
      (void)notifier_->answer(call.id, CallAnswer::proceed());
    else
      gate_->admit(std::move(one).admission());
    if (world_.afterAdmit) world_.afterAdmit(call);
  }

  void correct(const Caller& caller, const ExecCase& one, const Rewrite& rewrite) {
    auto corrected = correctExec(caller, one, rewrite);
    if (corrected && corrected->judge(rules_).decision != policy::Decision::kForbid)
      gate_->correct(std::move(*corrected).correction());
    else
      (void)notifier_->answer(one.call.id, CallAnswer::failed(EACCES));
  }

  ExecWorld& world_;
  const Rules& rules_;
  Mediation mediation_;
  Started started_;
  UniqueFd proc_;
  alignas(8) std::array<unsigned char, 256> inbox_{};
  std::optional<InterruptingNotifier> notifier_;
  std::optional<ExecPromises> promises_;
  std::optional<ExecGate> gate_;
  ExecTally tally_;
  bool outputOpen_ = true;
  bool listening_ = true;
};

}  // namespace

int ExecTally::count(ExecOutcome::End end) const {
  return static_cast<int>(
      std::ranges::count_if(outcomes, [&](const ExecOutcome& outcome) { return outcome.end == end; }));
}

policy::Document ExecWorld::everythingReadable() {
  policy::Document document;
  document.files.read.push_back({.pattern = "/", .origin = {}});
  return document;
}

ExecWorld::ExecWorld(policy::Document document) : document_(std::move(document)) {}

ExecTally ExecWorld::run(Mediation mediation, const std::function<int()>& program) {
  const Rules rules({.document = document_, .places = {.workspace = "/nowhere", .home = "/nowhere"}});
  return Loop(*this, rules, mediation, start(mediation, program)).run();
}

std::vector<char*> argumentPointers(std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (std::string& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return pointers;
}

int runProgram(const std::string& path, std::vector<std::string> argv) {
  auto pointers = argumentPointers(argv);
  ::execv(path.c_str(), pointers.data());
  return errno;
}

int runSearched(const std::string& name, std::vector<std::string> argv) {
  auto pointers = argumentPointers(argv);
  ::execvp(name.c_str(), pointers.data());
  return errno;
}

int exitCode(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace ringfence::test
