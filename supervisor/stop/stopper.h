// The stop itself: freezes, reads the kernel back, latches, kills, releases. Knows no socket: who may do what is
// decided by who calls. Everything between a trigger and the latch on the disk needs no heap.
//
//   stopper.stop({.text = TriggerText("asked"), .uid = 1000});
//   while (auto due = stopper.advance()) sleepUntil(*due);
//   stopper.receipt();
//
// Nothing here waits for a process of an agent: a reading is one look, and the next one is due after a pause in which
// the processors are free to stop whom it is about. Looking without one makes a freeze ten times slower.
#pragma once

#include <chrono>
#include <optional>

#include "sdk/base/clock.h"
#include "supervisor/stop/branches.h"
#include "supervisor/stop/evidence.h"
#include "supervisor/stop/frozen_processes.h"
#include "supervisor/stop/latch_file.h"
#include "supervisor/stop/own_kills.h"
#include "supervisor/stop/presses.h"
#include "supervisor/stop/receipt.h"

namespace ringfence::supervisor::stop {

// The least time between two looks at the kernel.
inline constexpr Microseconds kPause{300};
// A stop that is not read as complete by then is told as it is: not verified. The freeze goes on.
inline constexpr std::chrono::seconds kMaxReadingTime{5};
// The same for a kill.
inline constexpr std::chrono::seconds kMaxKillTime{2};
// Two presses of one person within it kill.
inline constexpr Milliseconds kSecondPress{3000};

struct Trigger {
  TriggerText text;
  std::optional<std::uint32_t> uid;
  // Keys and administrators: the second one of the keys, or of the same administrator, kills.
  enum class Press { kStopsOnly, kMayKill } press = Press::kStopsOnly;
};

class Stopper {
 public:
  Stopper(Branches branches, LatchFile latch, EvidenceReader kernel, const Clock& clock);

  // Once, before anything else: what is latched on the disk is frozen again; branches that are found frozen (this
  // program died between the freeze and the latch) are latched.
  void begin();

  void stop(const Trigger& trigger);
  // Freezes, and ends every run: with the next look.
  void kill(const Trigger& trigger);
  // Freezes, and ends those of `trigger.uid` alone: with the look after next. False: more people want that at this
  // moment than there is room for, and everything is frozen only.
  bool killOwn(const Trigger& trigger);
  // Notes that this person, who may end the own runs alone, stops everything. True: for the second time within
  // kSecondPress.
  bool isPressedAgain(std::uint32_t uid);

  // A kill that the next look begins, once: for whoever is to know before it happens whose doing it was.
  struct Kill {
    TriggerText text;
    std::optional<std::uint32_t> by;
    std::optional<std::uint32_t> of;  // whose runs; absent: everybody's
  };
  std::optional<Kill> nextKill();

  // The look that is due. Returns when the next one is, on the monotonic clock; nothing: no stop is being read back.
  std::optional<Microseconds> advance();
  bool isReading() const { return mode_ != Mode::kIdle; }
  std::optional<Microseconds> nextLook() const { return isReading() ? std::optional(next_) : std::nullopt; }

  // Freezes every run by itself, then thaws the branches, then clears the latch: what fails, or a crash in between,
  // leaves it latched. kBusy while a stop is being read back.
  Result<void> release();

  bool isLatched() const { return isLatched_; }
  const StopRecord& latched() const { return latched_; }  // while isLatched()
  const Receipt& receipt() const { return receipt_; }     // of the last stop that was read back
  const EvidenceReader& kernel() const { return kernel_; }

 private:
  enum class Mode { kIdle, kFreezing, kKilling };

  void beginReading(const Trigger& trigger, Mode mode);
  bool meetOwners(Microseconds now);
  bool areOwnGone(Microseconds now) const;
  void settleOwn();
  bool isSecondPress(const Trigger& trigger, Microseconds now);
  void lookWhetherFrozen(Microseconds now);
  void lookWhetherEmpty(Microseconds now);
  void finish(Microseconds now);
  void latchSoon();
  void latchNow();
  Microseconds monotonic() const { return clock_.now().monotonic; }

  Branches branches_;
  LatchFile latch_;
  EvidenceReader kernel_;
  const Clock& clock_;
  BootId boot_;

  Mode mode_ = Mode::kIdle;
  Microseconds begun_{}, next_{}, nextThorough_{};
  std::optional<Microseconds> lastKeyPress_, lastEnd_;
  Presses adminPresses_;
  Presses presses_;           // of those who may end the own runs alone
  bool isKillTold_ = false;   // of everybody's
  FrozenProcesses frozen_;    // of this reading
  std::uint32_t agreed_ = 0;  // processes in the last reading, when that found all of them stopped
  bool isOnDisk_ = false;

  bool isLatched_ = false;
  StopRecord latched_;
  Receipt receipt_;
};

}  // namespace ringfence::supervisor::stop
