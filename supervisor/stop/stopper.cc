#include "supervisor/stop/stopper.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sdk/base/io.h"

namespace ringfence::supervisor::stop {
namespace {

using Extent = EvidenceReader::Extent;

// A stop that is asked for again and again is looked at no more often than this.
constexpr Milliseconds kBetweenReadings{200};
// From then on looks are further apart: most of what is left is long work of the kernel.
constexpr Milliseconds kPatient{20};
constexpr Microseconds kPatientPause{1000};
// Looking at each thread costs; that much of the time in between is left to those that are looked at.
constexpr int kShareOfLooking = 1;
constexpr Microseconds kFirstThorough{9000};
// A stop that is read for longer is on the disk before.
constexpr Milliseconds kLatchedBy{100};

std::uint64_t numberOf(Microseconds time) { return static_cast<std::uint64_t>(time.count()); }

bool isNew(const OwnKill& kill) { return kill.step == OwnKill::Step::kAsked; }

BootId bootId() {
  auto text = readFileAt(AT_FDCWD, "/proc/sys/kernel/random/boot_id", kibibytes(1));
  return BootId(text ? std::string_view(*text).substr(0, text->find('\n')) : "unknown");
}

}  // namespace

Stopper::Stopper(Branches branches, LatchFile latch, EvidenceReader kernel, const Clock& clock)
    : branches_(std::move(branches)),
      latch_(std::move(latch)),
      kernel_(std::move(kernel)),
      clock_(clock),
      boot_(bootId()) {}

void Stopper::begin() {
  const LatchReading reading = latch_.read();
  if (!reading.isLatched()) {
    if (branches_.isToldToFreeze() != Branches::Answer::kNo)
      stop({.text = TriggerText("the agents were found frozen when ringfence-stop started")});
    return;
  }
  isLatched_ = true;
  isOnDisk_ = reading.state == LatchState::kLatched;
  latched_ = reading.stop;
  if (reading.state == LatchState::kDamaged) {
    latched_ = {.at = clock_.now(), .boot = boot_, .trigger = TriggerText("the latch cannot be read")};
  }
  (void)branches_.freeze();  // What they do not take now, the reading of the next stop shows.
}

// Two people who each stop everything once end nothing, and neither do a key and a command: who pressed a key is not
// known.
bool Stopper::isSecondPress(const Trigger& trigger, Microseconds now) {
  if (trigger.press != Trigger::Press::kMayKill) return false;
  const auto last = trigger.uid ? adminPresses_.note(*trigger.uid, now) : std::exchange(lastKeyPress_, now);
  return isLatched_ && last && now - *last <= kSecondPress;
}

void Stopper::stop(const Trigger& trigger) {
  const Microseconds now = monotonic();
  const bool kills = isSecondPress(trigger, now);
  if (kills) return kill(trigger);
  // Who asks while a stop is being read back is answered with that one.
  if (!isReading()) beginReading(trigger, Mode::kFreezing);
}

void Stopper::kill(const Trigger& trigger) {
  if (mode_ != Mode::kKilling) beginReading(trigger, Mode::kKilling);
}

bool Stopper::killOwn(const Trigger& trigger) {
  if (!isReading()) beginReading(trigger, Mode::kFreezing);
  if (mode_ == Mode::kKilling || !trigger.uid || receipt_.own.find(trigger.uid) != nullptr) return true;
  const OwnKill asked{.uid = *trigger.uid, .text = trigger.text};
  if (receipt_.own.add(asked)) return true;
  (void)meetOwners(monotonic());  // Who has nothing here takes no room from those who have.
  return receipt_.own.add(asked);
}

bool Stopper::isPressedAgain(std::uint32_t uid) {
  const Microseconds now = monotonic();
  const auto last = presses_.note(uid, now);
  return last && isLatched_ && now - *last <= kSecondPress;
}

std::optional<Stopper::Kill> Stopper::nextKill() {
  if (mode_ == Mode::kKilling && !std::exchange(isKillTold_, true))
    return Kill{receipt_.stop.trigger, receipt_.stop.uid, std::nullopt};
  for (OwnKill& kill : receipt_.own) {
    if (kill.step != OwnKill::Step::kMet) continue;
    kill.step = OwnKill::Step::kTold;
    return Kill{kill.text, kill.uid, kill.uid};
  }
  return std::nullopt;
}

void Stopper::beginReading(const Trigger& trigger, Mode mode) {
  const Now now = clock_.now();
  if (!isReading()) receipt_.own.clear();
  receipt_.freezeProblem = branches_.freeze();
  const Microseconds written = monotonic();
  branches_.hurry();
  receipt_.stop = {.at = now,
                   .boot = boot_,
                   .trigger = trigger.text,
                   .uid = trigger.uid,
                   .writeUsec = numberOf(written - now.monotonic),
                   .isKilled = mode == Mode::kKilling};
  // A kill in the middle of the first reading is still the first stop.
  receipt_.isRepeated = isLatched_ && (!isReading() || receipt_.isRepeated);
  if (!receipt_.isRepeated) latched_ = receipt_.stop;
  isLatched_ = true;
  latched_.isKilled = latched_.isKilled || mode == Mode::kKilling;
  if (!receipt_.isRepeated || mode == Mode::kKilling) latchSoon();
  mode_ = mode;
  begun_ = now.monotonic;
  next_ = written + kPause;
  nextThorough_ = written + kFirstThorough;
  agreed_ = 0;
  frozen_.clear();
  if (mode == Mode::kKilling) {
    next_ = written;
    isKillTold_ = false;
    kernel_.count(branches_, receipt_.evidence);
    receipt_.own.removeIf(isNew);
    settleOwn();  // Those that have ended already were met as well.
    receipt_.own.clear();
  } else if (receipt_.isRepeated && lastEnd_ && written - *lastEnd_ < kBetweenReadings) {
    begun_ = next_ = *lastEnd_ + kBetweenReadings;
  }
}

std::optional<Microseconds> Stopper::advance() {
  if (!isReading()) return std::nullopt;
  const Microseconds now = monotonic();
  if (now < next_) return next_;
  if (!isOnDisk_ && now - begun_ >= kLatchedBy) latchNow();
  if (mode_ == Mode::kKilling) {
    lookWhetherEmpty(now);
  } else if (meetOwners(now)) {
    next_ = now;
    return next_;
  } else {
    if (!receipt_.own.empty()) branches_.killRunsOf(receipt_.own);
    lookWhetherFrozen(now);
  }
  if (!isReading()) return std::nullopt;
  next_ = monotonic() + (now - begun_ < kPatient ? kPause : kPatientPause);
  return next_;
}

// Those who want the own runs ended since the last look: how much that is, and that the latch knows it, before it
// happens. True: with some of them there is something to end. Who has nothing here keeps nobody waiting.
bool Stopper::meetOwners(Microseconds now) {
  OwnKills& own = receipt_.own;
  if (std::none_of(own.begin(), own.end(), isNew)) return false;
  kernel_.count(branches_, receipt_.evidence);
  for (std::size_t i = 0; i < receipt_.evidence.listed; ++i) {
    const RunEvidence& run = receipt_.evidence.list[i];
    OwnKill* const kill = own.find(run.owner);
    if (kill == nullptr || !isNew(*kill)) continue;
    ++kill->runs;
    kill->processes += run.processes();
  }
  own.removeIf([](const OwnKill& kill) { return kill.runs == 0; });
  bool isAny = false;
  for (OwnKill& kill : own) {
    if (!isNew(kill)) continue;
    isAny = true;
    kill.step = OwnKill::Step::kMet;
    kill.begun = now;
    kill.left = kill.runs;
    receipt_.stop.addKilled(kill.uid, kill.runs);
    latched_.addKilled(kill.uid, kill.runs);
  }
  if (!isAny) return false;
  frozen_.clear();  // Some of them end.
  latchSoon();
  return true;
}

bool Stopper::areOwnGone(Microseconds now) const {
  const OwnKills& own = receipt_.own;
  return std::none_of(own.begin(), own.end(),
                      [&](const OwnKill& kill) { return kill.left > 0 && now - kill.begun < kMaxKillTime; });
}

// Whoever is still in a run that was to end has not stood still: it has not ended. Those that did were met as well.
void Stopper::settleOwn() {
  Evidence& evidence = receipt_.evidence;
  StopRecord& stop = receipt_.stop;
  receipt_.kept = stop.runs = evidence.runs;
  stop.processes = evidence.processes;
  for (OwnKill& kill : receipt_.own) {
    kill.left = 0;
    stop.runs += kill.runs;
    stop.processes += kill.processes;
  }
  for (std::size_t i = 0; i < evidence.listed; ++i) {
    RunEvidence& run = evidence.list[i];
    OwnKill* const kill = receipt_.own.find(run.owner);
    if (kill == nullptr) continue;
    ++kill->left;
    --receipt_.kept;
    --stop.runs;
    stop.processes -= run.processes();
    evidence.frozen -= run.frozen;
    evidence.held -= run.held;
    evidence.finishing += run.frozen + run.held;
    run.finishing += std::exchange(run.frozen, 0) + std::exchange(run.held, 0);
  }
}

// First the kernel's own word about whole branches, which costs next to nothing. It never comes while somebody waits in
// a call for an answer, so now and then each thread is looked at; as they are looked at one after another, two readings
// must agree. One that meets somebody who is not stopped ends there: it would only keep the others from stopping.
void Stopper::lookWhetherFrozen(Microseconds now) {
  if (!areOwnGone(now)) return;
  const bool isLast = now - begun_ >= kMaxReadingTime;
  if (branches_.isFrozen() == Branches::Answer::kYes) {
    const Microseconds frozen = monotonic();
    kernel_.count(branches_, receipt_.evidence);
    if (branches_.isFrozen() == Branches::Answer::kYes) return finish(frozen);
  }
  if (now < nextThorough_ && !isLast) return;
  kernel_.look(branches_, frozen_, isLast ? Extent::kAll : Extent::kUntilRefuted, receipt_.evidence);
  const Evidence& evidence = receipt_.evidence;
  const bool isAgreed = evidence.isStopped() && agreed_ == evidence.processes + 1;
  agreed_ = evidence.isStopped() ? evidence.processes + 1 : 0;
  if (isAgreed || isLast) return finish(monotonic());
  // The one that is to agree comes at once.
  const Microseconds end = monotonic();
  nextThorough_ = agreed_ != 0 ? end : end + std::max(kPatientPause, (end - now) * kShareOfLooking);
}

void Stopper::lookWhetherEmpty(Microseconds now) {
  const bool isEmpty = branches_.isPopulated() == Branches::Answer::kNo;
  const Microseconds looked = monotonic();
  if (!isEmpty) (void)branches_.killRuns();  // Also those that were made meanwhile.
  if (!isEmpty && now - begun_ < kMaxKillTime) return;
  kernel_.count(branches_, receipt_.evidence);
  Evidence& left = receipt_.evidence;
  for (std::size_t i = 0; i < left.listed; ++i) left.list[i].finishing = std::exchange(left.list[i].frozen, 0);
  left.finishing = std::exchange(left.frozen, 0);
  finish(looked);
}

void Stopper::finish(Microseconds now) {
  const Evidence& evidence = receipt_.evidence;
  StopRecord& stop = receipt_.stop;
  if (mode_ == Mode::kFreezing) settleOwn();
  stop.frozen = evidence.frozen;
  stop.held = evidence.held;
  stop.finishing = evidence.finishing;
  stop.isVerified = evidence.isStopped() && receipt_.freezeProblem == 0;
  stop.tookUsec = numberOf(now - begun_);
  if (!receipt_.isRepeated) {
    latched_ = stop;
    isOnDisk_ = false;
  }
  branches_.yieldAgain();
  latchNow();
  mode_ = Mode::kIdle;
  lastEnd_ = monotonic();
}

void Stopper::latchSoon() {
  isOnDisk_ = false;
  receipt_.latchProblem = latch_.write(encodeLatch(latched_), LatchFile::Durable::kSoon);
}

void Stopper::latchNow() {
  if (isOnDisk_) return;
  const Microseconds begun = monotonic();
  receipt_.latchProblem = latch_.write(encodeLatch(latched_), LatchFile::Durable::kNow);
  receipt_.latchUsec = numberOf(monotonic() - begun);
  isOnDisk_ = receipt_.latchProblem == 0;
}

Result<void> Stopper::release() {
  if (isReading()) return Error{ErrorCode::kBusy, "a stop is being read back; release it when that is done"};
  if (!isLatched_) return {};
  const auto stillLatched = [](int error, const char* what) {
    return posixError(error, what).with("everything stays stopped");
  };
  if (const int error = branches_.freezeRuns(); error != 0) return stillLatched(error, "freezing each run by itself");
  branches_.yieldAgain();  // One that died in the middle of a stop had not.
  if (const int error = branches_.thaw(); error != 0) {
    (void)branches_.freeze();
    return stillLatched(error, "thawing the branches of runs that are frozen by themselves");
  }
  if (const int error = latch_.write(encodeReleased(), LatchFile::Durable::kNow); error != 0) {
    (void)branches_.freeze();
    (void)latch_.write(encodeLatch(latched_), LatchFile::Durable::kSoon);
    return stillLatched(error, "clearing the latch");
  }
  isLatched_ = false;
  lastKeyPress_.reset();
  adminPresses_.clear();
  presses_.clear();
  return {};
}

}  // namespace ringfence::supervisor::stop
