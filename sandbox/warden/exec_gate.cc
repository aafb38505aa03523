#include "sandbox/warden/exec_gate.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/kernel/process_chain.h"
#include "sandbox/warden/exec_block.h"

namespace ringfence::sandbox {
namespace {

constexpr int kRestartAlways = 513;  // ERESTARTNOINTR: made again, whatever a signal's handler says
constexpr std::int64_t kLowestError = -4095;

// The corrected arguments in the registers of the original call.
CallArguments correctedArguments(const ExecCopy& copy, const ExecBlock& block, CallArguments arguments) {
  const std::size_t first = copy.call == GuardedCall::kExecveat ? 1 : 0;
  arguments.at(first) = block.path;
  arguments.at(first + 1) = block.argv;
  if (first == 1) {
    arguments[0] = static_cast<std::uint64_t>(std::int64_t{AT_FDCWD});
    arguments[4] = 0;
  }
  return arguments;
}

// Whether it is this call that the thread stands behind.
bool isBehind(const Notification& call, const CallRegisters& registers) {
  const CallArguments now = registers.arguments();
  return std::equal(call.arguments.begin(), call.arguments.begin() + 3, now.begin());
}

}  // namespace

ExecGate::ExecGate(SyscallNotifier& notifier, Tracer tracer, int proc, ExecPromises& promises)
    : notifier_(notifier), tracer_(std::move(tracer)), proc_(proc), promises_(promises) {}

void ExecGate::admit(ExecAdmission admission) {
  const int process = processOf(proc_, admission.call.thread);
  submit(std::move(admission), process);
}

void ExecGate::admit(ExecAdmission admission, int process) { submit(std::move(admission), process); }

void ExecGate::correct(ExecCorrection correction) {
  const int process = processOf(proc_, correction.call.thread);
  submit(std::move(correction), process);
}

void ExecGate::submit(Job job, int process) {
  const auto [place, fresh] = active_.try_emplace(process);
  if (!fresh) {
    place->second.waiting.push_back(std::move(job));
    return;
  }
  if (!begin(place->second, std::move(job))) finish(place);
}

bool ExecGate::begin(Active& active, Job job) {
  active.expectation.reset();
  active.original.reset();
  active.registers.reset();
  active.stopsLater = false;
  CallAnswer answer = CallAnswer::proceed();
  if (auto* admission = std::get_if<ExecAdmission>(&job)) {
    active.call = admission->call;
    active.step = Step::kRunning;
    active.original = admission->original;
    active.stopsLater = admission->told == Told::kNobody && !admission->original;
    active.program = identityOf(admission->program);
    active.expectation.emplace(admission->copy, std::move(admission->program));
    active.copy = std::move(admission->copy);
  } else {
    auto& correction = std::get<ExecCorrection>(job);
    active.call = correction.call;
    active.step = Step::kStopping;
    active.copy = std::move(correction.corrected);
    active.program = std::move(correction.program);
    answer = CallAnswer::failed(kRestartAlways);
  }
  const int thread = active.call.thread;
  // Who is judged and admitted at once was asked for a moment ago; the answer says whether it is still there.
  const bool waiting = active.stopsLater || notifier_.isWaiting(active.call.id);
  int error = waiting ? tracer_.seize(thread) : ESRCH;
  active.traced = error == 0;
  if (active.traced && !active.stopsLater) error = tracer_.interrupt(thread);
  if (error != 0) {
    // Nobody could verify what came of it.
    if (waiting) (void)notifier_.answer(active.call.id, CallAnswer::failed(EACCES));
    const bool gone = error == ESRCH;
    note(active, gone ? ExecOutcome::End::kGone : ExecOutcome::End::kUntraceable, error,
         gone ? "" : "the process cannot be traced");
    active.step = Step::kDone;
  } else if (notifier_.answer(active.call.id, answer) != 0) {
    note(active, ExecOutcome::End::kGone);
    active.step = Step::kDone;
  }
  if (active.traced && active.stopsLater) (void)tracer_.interrupt(thread);  // ESRCH: its end follows.
  return active.traced;
}

void ExecGate::admitLaunched(const Notification& call) {
  Active active{.call = call, .step = Step::kDone};
  const int error = tracer_.seize(call.thread);
  const bool proceeds = error == EPERM;
  const int answered = notifier_.answer(call.id, proceeds ? CallAnswer::proceed() : CallAnswer::failed(EACCES));
  if (proceeds)
    note(active, answered == 0 ? ExecOutcome::End::kRan : ExecOutcome::End::kGone);
  else
    note(active, ExecOutcome::End::kUntraceable, EACCES, "it is not the command of the launch");
  if (error != 0) return;
  (void)tracer_.interrupt(call.thread);
  active.traced = true;
  active_.insert_or_assign(call.thread, std::move(active));
}

ExecOutcome endExchanged(SyscallNotifier& notifier, int proc, const Notification& call) {
  const UniqueFd process(pidfdOpen(processOf(proc, call.thread)));
  // In this order: while the caller waits in its call its process has this number, so that is the one that was opened.
  const bool killed = process && notifier.isWaiting(call.id) && pidfdKill(process.get()) == 0;
  return {.call = call.id,
          .thread = call.thread,
          .end = killed ? ExecOutcome::End::kExchanged : ExecOutcome::End::kGone,
          .why = "the corrected arguments were exchanged before the call was made"};
}

std::vector<ExecOutcome> ExecGate::take() {
  while (const auto stop = tracer_.next()) handle(*stop);
  return std::exchange(outcomes_, {});
}

std::vector<ExecOutcome> ExecGate::finishAll() {
  while (!active_.empty()) {
    const auto stop = tracer_.wait();
    if (stop) {
      handle(*stop);
      continue;
    }
    // Nothing of ours is traced, whatever we thought.
    for (const auto& [process, active] : active_) {
      if (active.step != Step::kDone) note(active, ExecOutcome::End::kGone);
    }
    active_.clear();
  }
  return std::exchange(outcomes_, {});
}

ExecGate::Place ExecGate::find(const TraceStop& stop) {
  if (stop.kind == TraceStop::Kind::kExec) return active_.find(stop.thread);
  return std::ranges::find_if(
      active_, [&](const auto& entry) { return entry.second.traced && entry.second.call.thread == stop.thread; });
}

void ExecGate::handle(const TraceStop& stop) {
  const Place place = find(stop);
  if (place == active_.end()) {
    if (stop.kind == TraceStop::Kind::kExec) (void)::kill(stop.thread, SIGKILL);
    if (stop.kind != TraceStop::Kind::kEnded) (void)tracer_.release(stop.thread, stop.signal);
    return;
  }
  Active& active = place->second;
  if (stop.kind == TraceStop::Kind::kEnded) {
    if (active.step != Step::kDone) note(active, ExecOutcome::End::kGone);
    active.traced = false;
  } else if (stop.kind == TraceStop::Kind::kExec) {
    verify(active, stop);
  } else {
    advance(active, stop);
  }
  if (!active.traced) finish(place);
}

void ExecGate::verify(Active& active, const TraceStop& stop) {
  // One thread of a process is traced at a time: under its own number it is that one; else the kernel says which it
  // was.
  const int former = stop.thread == active.call.thread ? stop.thread : tracer_.formerOf(stop.thread);
  const bool ours = active.step == Step::kRunning && (former == 0 || former == active.call.thread);
  std::string difference =
      ours ? active.expectation->compare(notifier_, proc_, stop.thread) : "an exec that nobody had allowed";
  active.call.thread = stop.thread;
  if (difference.empty()) {
    note(active, ExecOutcome::End::kRan);
    release(active, stop);
    return;
  }
  // It stands in a stop of ours, so its number is still its own. Its end is seen by take().
  (void)::kill(stop.thread, SIGKILL);
  if (active.step != Step::kDone)
    note(active, ExecOutcome::End::kExchanged, 0, "arguments were exchanged: " + difference);
  active.step = Step::kDone;
}

void ExecGate::advance(Active& active, const TraceStop& stop) {
  const bool atCall = stop.kind == TraceStop::Kind::kCall;
  switch (active.step) {
    case Step::kRunning: return settle(active, stop);
    case Step::kStopping: return askForMemory(active, stop);
    case Step::kEntering:
    case Step::kLeaving:
      if (stop.kind == TraceStop::Kind::kSignal) return refuse(active, stop);
      if (atCall && active.step == Step::kLeaving) return makeCorrected(active, stop);
      if (atCall) active.step = Step::kLeaving;
      (void)tracer_.resumeToCall(stop.thread);  // ESRCH: its end follows.
      return;
    case Step::kDone: return release(active, stop);
  }
}

// The first stop of a call that proceeded, and no new program: it failed, or will be made again.
void ExecGate::settle(Active& active, const TraceStop& stop) {
  auto registers = CallRegisters::read(stop.thread);
  if (!registers) {
    note(active, ExecOutcome::End::kGone);
  } else if (active.stopsLater && !isBehind(active.call, *registers)) {
    note(active, ExecOutcome::End::kFailed);
  } else if (registers->willRestart()) {
    promises_.promise(active.call.thread,
                      {.kind = active.original ? ExecPromise::Kind::kCorrected : ExecPromise::Kind::kAgain,
                       .arguments = active.call.arguments,
                       .copy = active.copy,
                       .program = active.program,
                       .original = active.original});
    note(active, ExecOutcome::End::kAgain);
  } else {
    const std::int64_t result = registers->result();
    if (active.original) {
      registers->setArguments(*active.original);
      (void)registers->write(stop.thread);  // Fails for a thread that was killed alone.
    }
    note(active, ExecOutcome::End::kFailed, result < 0 && result >= kLowestError ? static_cast<int>(-result) : 0);
  }
  release(active, stop);
}

// Fresh memory of the caller's own: what lies below a stack pointer may be anybody's where stacks are small and shared,
// as in the child of a vfork of a program that manages its own stacks.
void ExecGate::askForMemory(Active& active, const TraceStop& stop) {
  auto registers = CallRegisters::read(stop.thread);
  if (!registers || !registers->willRestart()) {
    note(active, ExecOutcome::End::kGone);
    return release(active, stop);
  }
  active.address = registers->callAddress();
  active.original = registers->arguments();
  active.registers = *registers;
  if (tracer_.blockSignals(stop.thread, active.signals) != 0) {
    note(active, ExecOutcome::End::kGone);
    return release(active, stop);
  }
  const FreshMemoryCall fresh = freshMemoryCall(execBlockSize(active.copy.path, active.copy.argv));
  registers->makeCall(active.address, fresh.number, fresh.arguments);
  active.step = Step::kEntering;
  if (!registers->write(stop.thread)) return refuse(active, stop);
  (void)tracer_.resumeToCall(stop.thread);  // ESRCH: its end follows.
}

void ExecGate::makeCorrected(Active& active, const TraceStop& stop) {
  const auto now = CallRegisters::read(stop.thread);
  if (!now || (now->result() < 0 && now->result() >= kLowestError)) return refuse(active, stop);
  const ExecBlock block = makeExecBlock(static_cast<std::uint64_t>(now->result()), active.copy.path, active.copy.argv);
  if (tracer_.writeMemory(stop.thread, block.argv, block.bytes) != 0) return refuse(active, stop);
  CallRegisters next = *active.registers;
  const CallArguments arguments = correctedArguments(active.copy, block, *active.original);
  next.makeCall(active.address, active.call.number, arguments);
  if (!next.write(stop.thread) || tracer_.setBlockedSignals(stop.thread, active.signals) != 0)
    return refuse(active, stop);
  promises_.promise(active.call.thread, {.kind = ExecPromise::Kind::kCorrected,
                                         .arguments = arguments,
                                         .copy = active.copy,
                                         .program = active.program,
                                         .original = active.original});
  note(active, ExecOutcome::End::kCorrected);
  release(active, stop);
}

// The original must not be made either: the program sees EACCES. A thread that was killed sees nothing.
void ExecGate::refuse(Active& active, const TraceStop& stop) {
  CallRegisters registers = *active.registers;
  registers.returnFromCall(active.address, -EACCES);
  if (!registers.write(stop.thread) || tracer_.setBlockedSignals(stop.thread, active.signals) != 0)
    (void)::kill(active.call.thread, SIGKILL);
  note(active, ExecOutcome::End::kNotCorrected, EACCES, "there was no room for the corrected arguments");
  release(active, stop);
}

void ExecGate::note(const Active& active, ExecOutcome::End end, int error, std::string why) {
  outcomes_.push_back(
      {.call = active.call.id, .thread = active.call.thread, .end = end, .error = error, .why = std::move(why)});
}

void ExecGate::release(Active& active, const TraceStop& stop) {
  active.step = Step::kDone;
  // ESRCH: it was killed in its stop; its end follows and is to be seen here.
  active.traced = tracer_.release(stop.thread, stop.signal) != 0;
}

void ExecGate::finish(Place place) {
  Active& active = place->second;
  while (!active.waiting.empty()) {
    Job job = std::move(active.waiting.front());
    active.waiting.pop_front();
    if (begin(active, std::move(job))) return;
  }
  active_.erase(place);
}

}  // namespace ringfence::sandbox
