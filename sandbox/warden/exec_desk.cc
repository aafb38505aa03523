#include "sandbox/warden/exec_desk.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "sandbox/warden/exec_deed.h"

namespace ringfence::sandbox {
namespace {

Result<void> blockChildSignal() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const int error = ::pthread_sigmask(SIG_BLOCK, &child, nullptr);
  if (error != 0) return posixError(error, "blocking SIGCHLD");
  return {};
}

GuardRule refusal(std::string why) { return {.text = "exec", .origin = {}, .why = std::move(why)}; }

Effect effectOf(const ExecOutcome& outcome) {
  using End = ExecOutcome::End;
  Effect effect{.kind = Effect::Kind::kAnswered, .error = outcome.error, .note = outcome.why};
  switch (outcome.end) {
    case End::kRan:
    case End::kFailed: break;
    case End::kAgain: effect.note = "interrupted, and made again by itself"; break;
    case End::kCorrected: effect.note = "the corrected command is started in its place"; break;
    case End::kGone:
      effect.error = ESRCH;
      effect.note = "its caller is gone";
      break;
    case End::kExchanged:
    case End::kUntraceable:
    case End::kNotCorrected:
      effect.error = EACCES;
      effect.denied = refusal(outcome.why);
      break;
  }
  return effect;
}

}  // namespace

Result<std::unique_ptr<ExecDesk>> ExecDesk::start(SyscallNotifier& notifier, int proc) {
  RF_TRY(blockChildSignal());
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return posixError(errno, "opening an eventfd");
  std::unique_ptr<ExecDesk> desk(new ExecDesk(std::move(wake)));
  std::promise<Result<void>> started;
  auto result = started.get_future();
  desk->thread_ = std::thread([self = desk.get(), &notifier, proc, &started] { self->serve(notifier, proc, started); });
  RF_TRY(result.get());
  return desk;
}

ExecDesk::~ExecDesk() {
  stopping_ = true;
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

PreparedDeed ExecDesk::prepare(const Caller& caller, const Rules&) {
  PreparedExec prepared = prepareExec(caller, gate_->claim(caller.notification()));
  if (auto* found = std::get_if<ExecCase>(&prepared))
    return PreparedDeed(std::make_unique<ExecDeed>(*this, std::move(*found), ExecDeed::Work::kAdmit));
  if (auto* broken = std::get_if<ExecBroken>(&prepared)) {
    ExecOutcome outcome = gate_->endExchanged(caller.notification());
    return PreparedDeed(std::make_unique<RefusedExec>(std::move(broken->action), std::move(outcome.why)));
  }
  auto& refused = std::get<ExecRefusal>(prepared);
  if (!refused.why.empty())
    return PreparedDeed(std::make_unique<RefusedExec>(std::move(refused.action), std::move(refused.why)));
  if (refused.error == EFAULT && !ranOne_ && isLaunchedCommand(caller))
    return PreparedDeed(std::make_unique<LaunchedExec>(*this, caller.notification()));
  return Errno{refused.error};
}

void ExecDesk::submit(std::uint64_t call, Job job, std::function<void(Effect)> done) {
  {
    const std::lock_guard lock(mutex_);
    submitted_.push_back({.call = call, .job = std::move(job), .done = std::move(done)});
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);  // Full: it is awake already.
}

void ExecDesk::serve(SyscallNotifier& notifier, int proc, std::promise<Result<void>>& started) {
  auto tracer = Tracer::create();
  if (!tracer) return started.set_value(std::move(tracer).error());
  gate_ = std::make_unique<ExecGate>(notifier, std::move(*tracer), proc);
  started.set_value({});
  while (!stopping_) {
    std::array<pollfd, 2> watched{{{wake_.get(), POLLIN, 0}, {gate_->fd(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
    if (watched[0].revents != 0) begin();
    for (const ExecOutcome& outcome : gate_->take()) tell(outcome);
  }
}

void ExecDesk::begin() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  std::vector<Submitted> submitted;
  {
    const std::lock_guard lock(mutex_);
    submitted.swap(submitted_);
  }
  for (Submitted& one : submitted) {
    done_[one.call] = std::move(one.done);
    if (auto* admission = std::get_if<ExecAdmission>(&one.job))
      gate_->admit(std::move(*admission));
    else if (auto* correction = std::get_if<ExecCorrection>(&one.job))
      gate_->correct(std::move(*correction));
    else
      gate_->admitLaunched(std::get<Launched>(one.job).call);
  }
}

void ExecDesk::tell(const ExecOutcome& outcome) {
  if (outcome.end == ExecOutcome::End::kRan) ranOne_ = true;
  const auto found = done_.find(outcome.call);
  if (found == done_.end()) return;
  const auto done = std::move(found->second);
  done_.erase(found);
  if (done) done(effectOf(outcome));
}

}  // namespace ringfence::sandbox
