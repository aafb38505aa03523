#include "supervisor/run_meter.h"

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kLongestStill{30'000'000};

}  // namespace

void Stillness::begin(const GroupReading& reading, Microseconds now) {
  since_ = now;
  cpuUsec_ = reading.cpuUsec;
  memoryBytes_ = reading.memoryBytes;
  pids_ = reading.pids;
}

// What is not known may have changed.
bool Stillness::lasts(const GroupReading& reading, Microseconds now) const {
  const auto isSame = [](const auto& one, const auto& other) { return one && one == other; };
  return since_ && now - *since_ < kLongestStill && isSame(reading.cpuUsec, cpuUsec_) &&
         isSame(reading.memoryBytes, memoryBytes_) && isSame(reading.pids, pids_);
}

std::optional<RunMeter> RunMeter::open(const sandbox::CgroupTree& cgroups, const Run& run,
                                       std::optional<std::uint64_t> before) {
  const auto at = [&](const char* controller) { return cgroups.agentPlace(run.id, run.what.priority, controller); };
  const auto unified = at("");
  if (!unified) return std::nullopt;
  const auto cpu = at("cpu"), memory = at("memory"), pids = at("pids"), io = at("io");
  const auto place = [](const std::optional<sandbox::CgroupTree::Place>& found) {
    return found ? GroupPlace{found->directory.get(), found->version} : GroupPlace{};
  };
  return RunMeter(GroupMeter({place(cpu), place(memory), place(pids), place(io), place(unified)}), before);
}

void RunMeter::read(const Look& look) {
  cpuBefore_ = last_.cpuUsec;
  last_ = meter_.read(Depth::kQuick);
  if (look.depth == Depth::kQuick) return;
  if (!sinceFull_.lasts(last_, look.now)) {
    full_ = meter_.read(Depth::kFull, look.notDisks);
    sinceFull_.begin(full_, look.now);
  }
  last_ = full_;
}

// The governor must not take for repeated what it never got.
GroupReading RunMeter::readAll(std::span<const DeviceNumber> notDisks) {
  GroupReading reading = meter_.read(Depth::kFull, notDisks);
  meter_.forgetMemoryStat();
  return reading;
}

// Each process costs a file.
void RunMeter::readProcesses(const sandbox::CgroupTree& cgroups, int proc, const Run& run, Extent extent,
                             Microseconds now) {
  Stillness& still = extent == Extent::kAll ? sinceProcesses_ : sinceWrites_;
  if (still.lasts(last_, now)) return;
  still.begin(last_, now);
  if (extent == Extent::kAll) events_ = cgroups.limitEvents(run.id, run.what.priority);
  const auto processes = meter_.processes();
  if (extent == Extent::kAll && processes && run.what.terms && run.what.terms->adapter)
    starts_.look(proc, *processes, commandPid(run.life));
  io_ = processes ? sumProcessIo(proc, *processes) : std::nullopt;
  if (io_) written_.add(io_->writtenToFiles);
}

}  // namespace ringfence::supervisor
