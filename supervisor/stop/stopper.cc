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

bool Stopper::isSecondPress(const Trigger& trigger, Microseconds now) const {
  return trigger.press == Trigger::Press::kMayKill && isLatched_ && lastPress_ && now - *lastPress_ <= kSecondPress;
}

void Stopper::stop(const Trigger& trigger) {
  const Microseconds now = monotonic();
  const bool kills = isSecondPress(trigger, now);
  if (trigger.press == Trigger::Press::kMayKill) lastPress_ = now;
  if (kills) return kill(trigger);
  // Who asks while a stop is being read back is answered with that one.
  if (!isReading()) beginReading(trigger, Mode::kFreezing);
}

void Stopper::kill(const Trigger& trigger) {
  if (mode_ != Mode::kKilling) beginReading(trigger, Mode::kKilling);
}

void Stopper::beginReading(const Trigger& trigger, Mode mode) {
  const Now now = clock_.now();
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
    kernel_.count(branches_, receipt_.evidence);
    receipt_.stop.runs = receipt_.evidence.runs;
    receipt_.stop.processes = receipt_.evidence.processes;
    (void)branches_.killRuns();
  } else if (receipt_.isRepeated && lastEnd_ && written - *lastEnd_ < kBetweenReadings) {
    begun_ = next_ = *lastEnd_ + kBetweenReadings;
  }
}

std::optional<Microseconds> Stopper::advance() {
  if (!isReading()) return std::nullopt;
  const Microseconds now = monotonic();
  if (now < next_) return next_;
  if (!isOnDisk_ && now - begun_ >= kLatchedBy) latchNow();
  if (mode_ == Mode::kFreezing)
    lookWhetherFrozen(now);
  else
    lookWhetherEmpty(now);
  if (!isReading()) return std::nullopt;
  next_ = monotonic() + (now - begun_ < kPatient ? kPause : kPatientPause);
  return next_;
}

// First the kernel's own word about whole branches, which costs next to nothing. It never comes while somebody waits in
// a call for an answer, so now and then each thread is looked at; as they are looked at one after another, two readings
// must agree. One that meets somebody who is not stopped ends there: it would only keep the others from stopping.
void Stopper::lookWhetherFrozen(Microseconds now) {
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
  if (!isEmpty && now - begun_ < kMaxKillTime) {
    (void)branches_.killRuns();  // Also those that were made meanwhile.
    return;
  }
  kernel_.count(branches_, receipt_.evidence);
  Evidence& left = receipt_.evidence;
  for (std::size_t i = 0; i < left.listed; ++i) left.list[i].finishing = std::exchange(left.list[i].frozen, 0);
  left.finishing = std::exchange(left.frozen, 0);
  finish(looked);
}

void Stopper::finish(Microseconds now) {
  const Evidence& evidence = receipt_.evidence;
  StopRecord& stop = receipt_.stop;
  if (mode_ == Mode::kFreezing) {
    stop.runs = evidence.runs;
    stop.processes = evidence.processes;
  }
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
  lastPress_.reset();
  return {};
}

}  // namespace ringfence::supervisor::stop
