// One tick of the governor in the making. Every proposal goes through it, so that what must never be proposed is
// refused in one place.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/governor/govern.h"

namespace ringfence::supervisor::governor {

// Why a run is held; a run is resumed when none of its reasons is left.
enum class Reason : std::uint8_t {
  kMemory,
  kMemoryLimit,
  kWallTime,
  kTokens,
  kNpuShare,
  kForegroundNpu,
  kGpuShare,
  kForegroundGpu,
  kBattery,
  kHeat,
  kForgotten,  // held by us, and we do not know why: before a restart
  kFileWrites,
  kForegroundMemory,  // the person's programs wait for memory
  kForegroundDisk,    // or for disks
  kTokensPerDay,
  kCost,
  kCostPerDay,
  kQuietHours,
  kWallTimePerDay,
};
constexpr std::size_t kReasons = 19;
// The end of a budget or of its time. Whoever resumes it there moves that end, so it is held anew at the next.
bool isBudget(Reason reason);
using Reasons = std::array<bool, kReasons>;
Cause causeOf(Reason reason);
const char* limitOf(Reason reason);  // the key of the policy below "limits"; empty: none
bool any(const Reasons& reasons);
inline bool& at(Reasons& reasons, Reason reason) { return reasons[static_cast<std::size_t>(reason)]; }
inline bool at(const Reasons& reasons, Reason reason) { return reasons[static_cast<std::size_t>(reason)]; }

// A counter and what it came to for each second, over spans of at least the given length.
struct Rate {
  std::optional<std::uint64_t> last;
  Microseconds at{};
  std::optional<double> perSecond;
  void add(std::optional<std::uint64_t> value, Microseconds now, Microseconds least);
};

// What a run uses of its share of all accelerators of one kind.
struct AcceleratorUse {
  Rate busy;
  std::optional<double> credit;  // µs that it may still use; absent: not begun
  std::optional<Microseconds> at;
  std::optional<std::uint64_t> used;  // at that time
};

// How much the person's programs use of them.
struct AcceleratorDemand {
  Rate busy;
  bool wanted = false;
  std::optional<Microseconds> atRestSince;  // next to none
};

// A hold of which the run was told.
struct Announced {
  Microseconds at{}, until{};
  Reason reason = Reason::kForgotten;
  std::string words, tellAgent;
};

struct Seen {
  Hold hold = Hold::kNone;
  Reasons reasons{};     // of our hold, proposed or in force
  Reasons overridden{};  // somebody resumed it: not for that again before the reason was over
  Reasons told{};        // limits for which calls to a model are denied
  bool modelCallsDenied = false;
  std::optional<Microseconds> callsDeferred;  // since; they go on by themselves after kCallsDeferredFor
  std::optional<Microseconds> freezeProposed, resumeProposed, killProposed, reclaimProposed;  // not seen done yet
  std::optional<Announced> announced;     // its reasons are in `reasons`
  Microseconds frozen{};                  // when we proposed it last
  std::optional<Microseconds> preempted;  // the same, absent: never
  std::optional<Microseconds> resumed;

  // Memory.
  std::optional<std::uint64_t> bytes;
  bool bytesAreAnonymous = false;
  Microseconds at{};                   // time in which it is held is left out: moved on by that
  std::optional<std::uint64_t> inUse;  // cached files too; when `bytes` was read
  Microseconds stillUntil{};           // up to then it had no more in use than that
  double growth = 0;                   // bytes a second, now; 0 when held or unknown
  double grown = 0;                    // in this spell of growing
  Microseconds stoppedGrowing{};
  double lastGrowth = 0;  // when it was frozen
  double reclaimed = 0;   // since it was frozen
  std::uint64_t anonymousBeforeReclaim = 0;
  std::optional<Microseconds> reclaimFailed;
  std::uint32_t memoryHolds = 0;  // one soon after the other: each lasts longer

  std::array<std::uint32_t, 60> heldMilliseconds{};  // in each minute of the last hour
  std::int64_t heldMinute = 0;

  Rate cpu, written, fileWrites;
  AcceleratorUse npu, gpu;
  std::optional<double> fileCredit;  // bytes that it may still write at once; absent: not begun
  Microseconds fileCreditAt{};
  std::uint64_t fileBytes = 0;  // at that time
  std::optional<Microseconds> fileWritesTold;
  std::optional<double> writeLimit;
  double writeRateAtLimit = 0;
  Microseconds writesNeeded{};  // when its limit last held it

  // What the person's programs waited for.
  Rate moved;  // bytes to and from disks
  bool diskCounted = false;
  double stallBefore = 0;                    // microseconds in a second, when it was held for that
  std::uint32_t stallHolds = 0;              // one soon after the other: each lasts longer
  std::optional<Microseconds> stallUseless;  // when a hold was found to have brought nothing
  std::string relieved;                      // why it may go on, of the reason that went last
};

// How long the person's programs wait for one thing, and what was done about it.
struct StallWatch {
  Rate rate;
  std::uint32_t inARow = 0;               // readings of so much waiting
  std::optional<Microseconds> calmSince;  // next to none
  std::optional<Microseconds> acted, letGo;
};

struct GovernorState {
  std::map<RunId, Seen> seen;
  std::optional<Microseconds> at;
  std::optional<std::uint64_t> available;
  bool fell = false;            // available memory, since the tick before
  double foregroundGrowth = 0;  // bytes a second that no agent took
  double gainOfKills = 0;       // on its way
  std::optional<Microseconds> killedAt, resumedAt, triedAt, stuckSince;
  Rate ioStall;
  AcceleratorDemand npuDemand, gpuDemand;
  StallWatch memoryWaits, diskWaits;
  std::optional<Microseconds> writesJudged, stalled, coolSince;
  bool batteryLow = false, hot = false;
};

double reserveOf(const GovernorSettings& settings, const DeviceSignals& device);

class Tick {
 public:
  Tick(const GovernorSettings& settings, GovernorState& state, const Signals& signals, const CostModel& costs);

  const GovernorSettings& settings;
  GovernorState& state;
  const Signals& signals;
  const CostModel& costs;
  const Microseconds now;  // boottime
  std::vector<Proposal> proposals;

  Seen& seen(const RunSignals& run);
  double reserve() const;
  // Runs now, and nothing that is under way stops it.
  bool isLoose(const RunSignals& run);
  Microseconds heldInLastHour(const RunSignals& run);
  Microseconds holdLasts(const RunSignals& run);

  // Holds it for that reason as well; true when something was proposed. Nothing happens to a run that is held by
  // somebody else, that somebody outside waits for, that is ending, that was held a moment ago for anything but memory
  // and what it writes, or that is in a critical section, for anything but memory. Who is to be told before is told,
  // and frozen by holdAnnounced().
  bool freeze(const RunSignals& run, Reason reason, std::string words, std::string tellAgent = {});
  // The same, whatever it is in the middle of. Its other reasons stay.
  void freezeNow(const RunSignals& run, Reason reason, std::string words, std::string tellAgent);
  bool kill(const RunSignals& run, Cause cause, std::string words, std::string tellAgent = {});
  // Asks for at most so many bytes; what was proposed.
  double reclaim(const RunSignals& run, double bytes, std::string words);
  bool resume(const RunSignals& run, std::string words);
  void propose(Proposal proposal) { proposals.push_back(std::move(proposal)); }
};

// Runs, and has nothing to do until a person speaks to it.
bool isIdle(Tick& tick, const RunSignals& run);

// What is known of each run, before any rule.
void noteSignals(Tick& tick);
// The rules, in this order.
void governMemory(Tick& tick);
void governCalls(Tick& tick);
void governLimits(Tick& tick);
void governAccelerators(Tick& tick);
void governPower(Tick& tick);
void governQuietHours(Tick& tick);
void governWrites(Tick& tick);
void governStalls(Tick& tick);
// Who was told of a hold is held when it is ready or its time is over, and told when it is not held after all.
void holdAnnounced(Tick& tick);
// Tells it.
void announce(Tick& tick, const RunSignals& run, Reason reason, std::string words, std::string tellAgent);
void resumeRelieved(Tick& tick);

}  // namespace ringfence::supervisor::governor
