#include "ui/top/model.h"

#include <algorithm>
#include <array>

#include "ui/cli/format.h"
#include "ui/cli/views.h"
#include "ui/top/display_width.h"

namespace ringfence::top {
namespace {

using Number = std::optional<std::uint64_t>;
using Rate = std::optional<double>;

constexpr std::size_t kCommandBytes = 1024;  // more than any screen is wide
constexpr std::size_t kNameBytes = 256;      // more than the daemon takes
// The daemon may tell of the machine what it read a tenth of a second ago: over less than this, rates would be wrong.
constexpr Microseconds kLeastApart{500'000};

constexpr std::array kSortNames{
    SortName{SortKey::kCpu, 'c', "cpu", "CPU"},
    SortName{SortKey::kMemory, 'm', "memory", "memory"},
    SortName{SortKey::kGrowth, 'g', "growth", "growth of memory"},
    SortName{SortKey::kIo, 'i', "io", "reads and writes"},
    SortName{SortKey::kNetwork, 'w', "network", "network"},
    SortName{SortKey::kAccelerator, 'a', "accelerator", "GPU and NPU"},
    SortName{SortKey::kTokens, 't', "tokens", "tokens"},
    SortName{SortKey::kCost, 'd', "cost", "cost"},
    SortName{SortKey::kQuestions, 'o', "questions", "open questions"},
    SortName{SortKey::kName, 'n', "name", "name"},
};

// Two readings one after the other.
struct Pair {
  const Reading* before = nullptr;
  const Reading* now = nullptr;
  Microseconds apart() const { return before != nullptr ? now->at - before->at : Microseconds{}; }
};

const client::UsageRow* usageIn(const Reading* reading, const std::string& run) {
  if (reading == nullptr) return nullptr;
  const auto found = std::ranges::find(reading->usage.rows, run, &client::UsageRow::run);
  return found == reading->usage.rows.end() ? nullptr : &*found;
}

// A second. Absent: not known in both readings, or a total that went back, which tells nothing.
Rate rateOf(const Number& before, const Number& now, Microseconds apart) {
  if (!before || !now || *now < *before || apart <= Microseconds{}) return std::nullopt;
  return static_cast<double>(*now - *before) * 1e6 / static_cast<double>(apart.count());
}

// Of one processor, device or second, in percent.
Rate shareOf(const Number& before, const Number& now, Microseconds apart) {
  const Rate usec = rateOf(before, now, apart);
  if (!usec) return std::nullopt;
  return *usec / 1e4;
}

// Of what is known.
Rate sumOf(const Rate& a, const Rate& b) {
  if (!a) return b;
  return b ? Rate(*a + *b) : a;
}

Rate growthOf(std::span<const Reading> readings, const std::string& run, const Number& memory) {
  for (const Reading& earlier : readings.first(readings.size() - 1)) {
    const client::UsageRow* row = usageIn(&earlier, run);
    const Microseconds apart = readings.back().at - earlier.at;
    if (row == nullptr || !row->usage.memoryBytes || !memory || apart <= Microseconds{}) continue;
    return (static_cast<double>(*memory) - static_cast<double>(*row->usage.memoryBytes)) * 1e6 /
           static_cast<double>(apart.count());
  }
  return std::nullopt;
}

Number questionsOf(const Reading& now, const std::string& run) {
  if (!now.questions) return std::nullopt;
  const auto found = now.questions->find(run);
  return found == now.questions->end() ? 0 : found->second;
}

void setUse(Row& row, const Pair& pair) {
  const client::UsageRow* used = usageIn(pair.now, row.run);
  const client::UsageRow* was = usageIn(pair.before, row.run);
  const client::Usage now = used != nullptr ? used->usage : client::Usage{};
  const client::Usage old = was != nullptr ? was->usage : client::Usage{};
  const Microseconds apart = pair.apart();
  row.cpu = shareOf(old.cpuUsec, now.cpuUsec, apart);
  row.memory = now.memoryBytes;
  row.read = rateOf(old.ioReadBytes, now.ioReadBytes, apart);
  row.written = rateOf(old.ioWriteBytes, now.ioWriteBytes, apart);
  row.network = sumOf(rateOf(old.networkSentBytes, now.networkSentBytes, apart),
                      rateOf(old.networkReceivedBytes, now.networkReceivedBytes, apart));
  row.accelerator = sumOf(shareOf(old.gpuUsec, now.gpuUsec, apart), shareOf(old.npuUsec, now.npuUsec, apart));
  row.tokens = now.tokens;
  row.costUsd = now.costUsd;
  row.costEstimated = now.costEstimated;
  row.costIncomplete = now.costIncomplete;
  row.pids = now.pids;
}

Row rowOf(const client::RunDetails& run, std::span<const Reading> readings, const Pair& pair) {
  Row row;
  row.run = run.id;
  row.name = shownText((run.name.empty() ? run.id : run.name).substr(0, kNameBytes));
  row.priority = shownText(run.priority);
  row.state = shownText(run.state);
  if (run.held) {
    row.heldByGovernor = run.held->governor;
    row.why = presentable(cli::heldText(*run.held));
  }
  if (run.pausing) {
    row.pausing = run.pausing->within;
    row.why = cli::pausingText(*run.pausing);
  }
  setUse(row, pair);
  row.growth = growthOf(readings, run.id, row.memory);
  row.questions = questionsOf(*pair.now, run.id);
  const auto started = parseRfc3339(run.started);
  if (started && pair.now->wall >= *started) row.age = pair.now->wall - *started;
  row.says = presentable(run.says.substr(0, kCommandBytes));
  row.command = presentable(cli::commandText(run.command).substr(0, kCommandBytes));
  return row;
}

// Nothing can be busy for longer than the time that passed; what is more is the age of a reading.
Rate atMost(const Rate& share, double most) { return share ? Rate(std::min(*share, most)) : share; }

Rate deviceShare(const client::Device& old, const client::Device& now, std::string_view kind, Microseconds apart) {
  Rate sum;
  for (const client::AcceleratorUse& device : now.accelerators) {
    const auto was = std::ranges::find(old.accelerators, device.device, &client::AcceleratorUse::device);
    if (device.kind != kind || was == old.accelerators.end()) continue;
    sum = sumOf(sum, shareOf(was->busyUsec, device.busyUsec, apart));
  }
  return sum;
}

std::vector<Power> powerOf(const client::Device& old, const client::Device& now, Microseconds apart) {
  std::vector<Power> power;
  for (const client::Energy& energy : now.energy) {
    const auto was = std::ranges::find(old.energy, energy.domain, &client::Energy::domain);
    const Rate rate = was == old.energy.end() ? std::nullopt : rateOf(was->microjoules, energy.microjoules, apart);
    power.push_back({shownText(energy.domain), rate ? Rate(*rate / 1e6) : std::nullopt});
  }
  return power;
}

std::optional<Machine> machineOf(const Pair& pair) {
  if (!pair.now->usage.device) return std::nullopt;
  const client::Device& now = *pair.now->usage.device;
  const client::Device old =
      pair.before != nullptr && pair.before->usage.device ? *pair.before->usage.device : client::Device{};
  const Microseconds apart = pair.apart();
  Machine machine;
  machine.cpus = now.cpus;
  machine.cpu = shareOf(old.cpuBusyUsec, now.cpuBusyUsec, apart);
  if (now.cpus) machine.cpu = atMost(machine.cpu, 100.0 * *now.cpus);
  machine.memoryTotal = now.memoryTotalBytes;
  machine.memoryAvailable = now.memoryAvailableBytes;
  machine.waitsForCpu = atMost(shareOf(old.pressure.cpuUsec, now.pressure.cpuUsec, apart), 100);
  machine.waitsForMemory = atMost(shareOf(old.pressure.memoryUsec, now.pressure.memoryUsec, apart), 100);
  machine.waitsForDisks = atMost(shareOf(old.pressure.ioUsec, now.pressure.ioUsec, apart), 100);
  machine.gpu = deviceShare(old, now, "gpu", apart);
  machine.npu = deviceShare(old, now, "npu", apart);
  machine.power = powerOf(old, now, apart);
  machine.battery = now.battery;
  return machine;
}

// The largest comes first; what is not known is below everything.
double weightOf(const Row& row, SortKey key) {
  constexpr double kUnknown = -1e300;
  const auto number = [](const Number& known) { return known ? static_cast<double>(*known) : kUnknown; };
  switch (key) {
    case SortKey::kCpu: return row.cpu.value_or(kUnknown);
    case SortKey::kMemory: return number(row.memory);
    case SortKey::kGrowth: return row.growth.value_or(kUnknown);
    case SortKey::kIo: return sumOf(row.read, row.written).value_or(kUnknown);
    case SortKey::kNetwork: return row.network.value_or(kUnknown);
    case SortKey::kAccelerator: return row.accelerator.value_or(kUnknown);
    case SortKey::kTokens: return number(row.tokens);
    case SortKey::kCost: return row.costUsd.value_or(kUnknown);
    case SortKey::kQuestions: return number(row.questions);
    case SortKey::kName: break;
  }
  return 0;
}

}  // namespace

std::span<const SortName> sortNames() { return kSortNames; }

const SortName& nameOf(SortKey key) { return *std::ranges::find(kSortNames, key, &SortName::key); }

View viewOf(std::span<const Reading> readings, SortKey key) {
  View view;
  view.key = key;
  if (readings.empty()) return view;
  Pair pair{nullptr, &readings.back()};
  for (const Reading& earlier : readings) {
    if (pair.now->at - earlier.at >= kLeastApart) pair.before = &earlier;
  }
  view.machine = machineOf(pair);
  view.isStopped = pair.now->stop.latched;
  view.canBeStopped = pair.now->stop.alarm.empty();
  for (const client::RunDetails& run : pair.now->runs) view.rows.push_back(rowOf(run, readings, pair));
  // Stable: runs that are alike stay where they were.
  if (key == SortKey::kName)
    std::ranges::stable_sort(view.rows, {}, &Row::name);
  else
    std::ranges::stable_sort(view.rows,
                             [&](const Row& a, const Row& b) { return weightOf(a, key) > weightOf(b, key); });
  return view;
}

}  // namespace ringfence::top
