#include "supervisor/governor/alarms.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "supervisor/governor/rising_floor.h"
#include "supervisor/governor/words.h"

namespace ringfence::supervisor::governor {
namespace {

constexpr std::size_t kMaxRestartNames = 256;
// Of the time between two samples: how near to whole processors a program that spins stays.
constexpr double kNearWhole = 0.06;
// A change of memory below this part of it, and below this size, is none.
constexpr double kSameMemory = 0.005;
constexpr double kSameMemoryBytes = 256 * 1024;

std::optional<std::uint64_t> sum(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  if (!a) return std::nullopt;
  return *a + b.value_or(0);
}

// What a program that only spins leaves as it is. Absent where a number is not known: then nothing is said.
struct Still {
  std::uint64_t ioRead = 0, ioWrite = 0, network = 0, pids = 0;
  std::optional<std::uint64_t> tokens, npuBusy, gpuBusy, accelerator;
  Activity activity{};
  std::optional<Microseconds> safePoint;
  bool operator==(const Still&) const = default;
};

std::optional<Still> stillOf(const RunSignals& run) {
  // Calls are counted everywhere; v1 does not count every disk.
  const auto& read = run.readByCalls ? run.readByCalls : run.ioReadBytes;
  const auto& written = run.writtenByCalls ? run.writtenByCalls : run.ioWriteBytes;
  if (!read || !written || !run.networkBytes || !run.pids) return std::nullopt;
  return Still{*read,           *written,        *run.networkBytes,    *run.pids,    run.tokens,
               run.npuBusyUsec, run.gpuBusyUsec, run.acceleratorBytes, run.activity, run.safePoint};
}

class SpinWatch {
 public:
  // The whole processors that are busy with nothing, and since when.
  struct Found {
    int processors = 0;
    Microseconds lasted{};
  };

  std::optional<Found> add(const RunSignals& run, Microseconds now) {
    const auto still = stillOf(run);
    const auto cpu = run.cpuUsec;
    const double memory = static_cast<double>(run.memoryBytes.value_or(0));
    if (!still || !cpu || !run.memoryBytes) return reset();
    const bool same =
        still_ == still && std::abs(memory - memory_) <= std::max(kSameMemory * memory_, kSameMemoryBytes);
    int processors = 0;
    if (same && now > at_ && *cpu >= cpu_) {
      const double busy = static_cast<double>(*cpu - cpu_) / static_cast<double>((now - at_).count());
      processors = static_cast<int>(std::lround(busy));
      if (std::abs(busy - processors) > kNearWhole * std::max(1, processors)) processors = 0;
    }
    if (!same || processors == 0 || (processors_ != 0 && processors != processors_)) {
      since_ = now;
      memory_ = memory;
      processors = 0;
    }
    still_ = still;
    cpu_ = *cpu;
    at_ = now;
    processors_ = processors;
    if (processors == 0) return std::nullopt;
    return Found{processors, now - since_};
  }
  std::optional<Found> reset() {
    still_.reset();
    processors_ = 0;
    return std::nullopt;
  }

 private:
  std::optional<Still> still_;
  std::uint64_t cpu_ = 0;
  double memory_ = 0;  // when it began
  int processors_ = 0;
  Microseconds at_{}, since_{};
};

}  // namespace

struct AlarmWatch::Watched {
  explicit Watched(const AlarmSettings& settings)
      : memory(static_cast<double>(settings.leakBytesPerSec), static_cast<double>(settings.leastLeak.count),
               settings.leakWindow),
        accelerator(memory),
        pids(settings.forksPerSec, settings.leastForks, settings.leakWindow) {}

  RisingFloor memory, accelerator, pids;
  SpinWatch spin;
  std::set<AlarmKind> told;

  // True when it begins; `holds` false ends it, so that it can be given again.
  bool isNews(AlarmKind kind, bool holds) {
    if (!holds) {
      told.erase(kind);
      return false;
    }
    return told.insert(kind).second;
  }
};

AlarmWatch::AlarmWatch(AlarmSettings settings) : settings_(settings) {}
AlarmWatch::~AlarmWatch() = default;

std::vector<Alarm> AlarmWatch::tick(const Signals& signals) {
  const Microseconds now = signals.device.at.boottime;
  std::vector<Alarm> alarms;
  std::set<RunId> present;
  const auto grows = [&](const RunSignals& run, Watched& watched, AlarmKind kind, RisingFloor& floor,
                         std::optional<std::uint64_t> value, const auto& words) {
    if (!value) return;
    floor.add(now, static_cast<double>(*value));
    const auto found = floor.find();
    if (watched.isNews(kind, found.has_value()))
      alarms.push_back({run.run, kind, words(*found) + " for " + spanWords(found->over) + " and gave none back"});
  };
  for (const RunSignals& run : signals.runs) {
    present.insert(run.run);
    if (run.hold != Hold::kNone) continue;
    Watched& watched = watched_.try_emplace(run.run, settings_).first->second;
    grows(run, watched, AlarmKind::kLeak, watched.memory, sum(run.anonymousBytes, run.swapBytes),
          [](const RisingFound& found) { return "its memory has grown by " + rateWords(found.perSecond); });
    grows(run, watched, AlarmKind::kAcceleratorLeak, watched.accelerator, run.acceleratorBytes,
          [](const RisingFound& found) {
            return "its memory on accelerators has grown by " + rateWords(found.perSecond);
          });
    grows(run, watched, AlarmKind::kForkGrowth, watched.pids, run.pids, [&](const RisingFound& found) {
      return "its processes have grown by " + numberWords(found.growth, 0) + " to " + std::to_string(*run.pids);
    });
    const auto spin = watched.spin.add(run, now);
    if (watched.isNews(AlarmKind::kSpin, spin && spin->lasted >= settings_.spinWindow))
      alarms.push_back({run.run, AlarmKind::kSpin,
                        "it has kept " + std::to_string(spin->processors) +
                            (spin->processors == 1 ? " processor" : " processors") + " busy for " +
                            spanWords(spin->lasted) + " and read, wrote, sent and changed nothing"});
  }
  std::erase_if(watched_, [&](const auto& entry) { return !present.contains(entry.first); });
  return alarms;
}

std::optional<Alarm> AlarmWatch::ended(const RunId& run, const std::string& name, Microseconds lived,
                                       Microseconds now) {
  const auto isOver = [&](const auto& entry) { return entry.second.ends.back() + settings_.restartWindow < now; };
  std::erase_if(restarts_, isOver);
  if (lived >= settings_.restartLived) return std::nullopt;
  if (!restarts_.contains(name) && restarts_.size() >= kMaxRestartNames) return std::nullopt;
  Restarts& restarts = restarts_[name];
  restarts.ends.push_back(now);
  while (restarts.ends.front() + settings_.restartWindow < now || restarts.ends.size() > settings_.restarts)
    restarts.ends.pop_front();
  if (restarts.ends.size() < settings_.restarts) {
    restarts.told = false;
    return std::nullopt;
  }
  if (restarts.told) return std::nullopt;
  restarts.told = true;
  return Alarm{run, AlarmKind::kRestartLoop,
               "it ended within seconds of its start " + std::to_string(settings_.restarts) + " times in " +
                   spanWords(now - restarts.ends.front())};
}

}  // namespace ringfence::supervisor::governor
