// What STATE_DIR/latch says: whether everything is stopped until a person re-arms it, and since which stop. One sector
// of 512 bytes that is rewritten in place. Pure, and without the heap.
//
//   LatchReading reading = decodeLatch(sector);
//   if (reading.isLatched()) …
//
// In doubt it is latched: a sector in which any byte was changed, or that holds anything else, is kDamaged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "sdk/base/clock.h"
#include "supervisor/stop/short_list.h"
#include "supervisor/stop/short_text.h"

namespace ringfence::supervisor::stop {

inline constexpr std::size_t kLatchBytes = 512;
using LatchSector = std::array<std::uint8_t, kLatchBytes>;

// The text of what made the stop: printable ASCII.
inline constexpr std::size_t kMaxTriggerText = 120;
using TriggerText = ShortText<kMaxTriggerText>;
using BootId = ShortText<36>;

// People of whom the latch says that their own runs were ended; those of more are ended as well.
inline constexpr std::size_t kMaxKilledOf = 24;
struct KilledOf {
  std::uint32_t uid = 0, runs = 0;
  bool operator==(const KilledOf&) const = default;
};

// One stop, as the latch keeps it and every answer tells it.
struct StopRecord {
  Now at;       // when the trigger came
  BootId boot;  // /proc/sys/kernel/random/boot_id then; boottime and monotonic count from that boot
  TriggerText trigger;
  std::optional<std::uint32_t> uid;  // who asked on the socket; absent: nobody did
  std::uint32_t runs = 0, processes = 0;
  std::uint32_t frozen = 0, held = 0, finishing = 0;  // of these processes
  std::uint64_t writeUsec = 0;                        // until the kernel had taken both writes
  std::uint64_t tookUsec = 0;                         // until what is told here was read; 0: not read yet
  bool isVerified = false;                            // nobody was finishing (or, when killed, left)
  bool isKilled = false;                              // all runs were ended
  ShortList<KilledOf, kMaxKilledOf> killedOf;         // or these alone, at the word of their owners
  bool operator==(const StopRecord&) const = default;

  void addKilled(std::uint32_t owner, std::uint32_t many);
  // Runs that were ended at the word of their owners: of that one, or of all.
  std::uint32_t killedRuns(std::optional<std::uint32_t> owner = {}) const;
};

enum class LatchState { kReleased, kLatched, kDamaged };

struct LatchReading {
  LatchState state = LatchState::kDamaged;
  StopRecord stop;  // of kLatched alone
  bool isLatched() const { return state != LatchState::kReleased; }
};

LatchSector encodeLatch(const StopRecord& stop);  // kLatched
LatchSector encodeReleased();
// Of what was read: any other number of bytes than a sector's is damaged.
LatchReading decodeLatch(std::span<const std::uint8_t> bytes);

}  // namespace ringfence::supervisor::stop
