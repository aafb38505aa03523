// What runs and the machine use, for whoever asks.
#include <algorithm>

#include "supervisor/api/details.h"
#include "supervisor/api/exposition.h"
#include "supervisor/calendar.h"
#include "supervisor/core/budgets.h"
#include "supervisor/core/lookup.h"
#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

constexpr std::ptrdiff_t kMaxSeriesReadPerUser = 8;
constexpr Microseconds kMetricsFreshFor{500'000};
constexpr Microseconds kUsageFreshFor{100'000};  // whoever asks once a second makes rates of it

api::Pressure pressureOf(const PressureTotals& totals) { return {totals.cpuUsec, totals.memoryUsec, totals.ioUsec}; }

api::UsageReading shown(const GroupReading& reading) {
  api::UsageReading usage;
  usage.cpuUsec = reading.cpuUsec;
  usage.memoryBytes = reading.memoryBytes;
  usage.memoryPeakBytes = reading.memoryPeakBytes;
  usage.pids = reading.pids;
  usage.ioReadBytes = reading.ioReadBytes;
  usage.ioWriteBytes = reading.ioWriteBytes;
  usage.anonymousBytes = reading.anonymousBytes;
  usage.pressure = pressureOf(reading.pressure);
  return usage;
}

// Of a run that is just being made or taken down.
api::UsageReading shown(const sandbox::GroupUsage& read) {
  api::UsageReading usage;
  usage.cpuUsec = read.cpuUsec;
  usage.memoryBytes = read.memoryBytes;
  usage.memoryPeakBytes = read.memoryPeakBytes;
  usage.pids = read.pids;
  usage.ioReadBytes = read.ioReadBytes;
  usage.ioWriteBytes = read.ioWriteBytes;
  return usage;
}

void addAccelerators(const AccelAccounts& accounts, api::Device& device) {
  for (const AccelDeviceUse& use : accounts.devices()) {
    device.accelerators.push_back({use.device, accelKindName(use.kind), accelScopeName(AccelScope::kDevice),
                                   confidenceName(use.confidence), use.busyUsec, std::nullopt});
  }
}

void addAccelerators(const AccelAccounts& accounts, const RunId& run, api::UsageReading& usage) {
  usage.npuUsec = accounts.busyUsec(run, AccelKind::kNpu);
  usage.gpuUsec = accounts.busyUsec(run, AccelKind::kGpu);
  for (const AccelShare& share : accounts.of(run)) {
    usage.accelerators.push_back({share.device, accelKindName(share.kind), accelScopeName(share.scope),
                                  confidenceName(share.confidence), share.busyUsec, share.memoryBytes});
  }
}

// What the processor draws tells about what others compute, so not everybody is told.
api::Device shown(const DeviceReading& reading, const Peer& peer) {
  api::Device device;
  device.cpus = reading.cpus;
  device.cpuBusyUsec = reading.cpuBusyUsec;
  device.memoryTotalBytes = reading.memoryTotalBytes;
  device.memoryAvailableBytes = reading.memoryAvailableBytes;
  device.pressure = pressureOf(reading.pressure);
  if (peer.admin || peer.viewer) {
    for (const EnergyReading& one : reading.energy) device.energy.push_back({one.domain, one.microjoules});
  }
  if (reading.battery)
    device.battery = {reading.battery->percent, reading.battery->discharging, reading.battery->microwatts};
  return device;
}

}  // namespace

std::vector<const Run*> Requests::visibleRuns(const Peer& peer, bool alsoEnded) const {
  std::vector<const Run*> runs;
  for (const auto& [id, run] : world_.turns.state().runs) {
    if ((alsoEnded || isLive(run)) && maySee(peer, run.what.callerUid)) runs.push_back(&run);
  }
  std::ranges::sort(runs, {}, &Run::admittedSeq);
  return runs;
}

api::UsageReading Requests::usageOf(const Run& run) const {
  if (!isLive(run) || world_.cgroups == nullptr) return {};
  const std::optional<GroupReading> reading = world_.steering.lookAt(run.id);
  api::UsageReading usage = reading ? shown(*reading) : shown(world_.cgroups->usage(run.id, run.what.priority));
  api::addTraffic(run, usage);
  api::addSpent(run, usage);
  const Now now = world_.clock.now();
  usage.budgets = api::budgetLinesOf(budgetsOf(world_.turns.state(), run, now, localToday(now.wall)));
  addAccelerators(world_.accelerators, run.id, usage);
  return usage;
}

void Requests::readSeries(Asker asker, const api::ReadUsage& request) {
  Client& client = *world_.clients.find(asker.client);
  if (client.series) return refuse(asker, {ErrorCode::kBusy, "a series is being read on this connection already"});
  const auto isOfSame = [&](const auto& one) {
    return one.second.series && one.second.identity.peer.uid == client.identity.peer.uid;
  };
  if (std::ranges::count_if(world_.clients.all(), isOfSame) >= kMaxSeriesReadPerUser)
    return refuse(asker, {ErrorCode::kBusy, "you read too many series at once; wait until one is read"});
  SeriesStream stream{.request = asker.request, .since = *request.since, .runs = {}, .buckets = {}};
  if (!request.run.empty()) {
    auto run = findRun(world_.turns.state(), client.identity.peer, request.run);
    if (!run) return refuse(asker, run.error());
    stream.runs.push_back((*run)->id);
  } else {
    for (const Run* run : visibleRuns(client.identity.peer, true)) {
      const auto* ended = std::get_if<EndedState>(&run->life);
      if (ended == nullptr || ended->at.wall >= stream.since) stream.runs.push_back(run->id);
    }
  }
  if (!world_.log.series) stream.runs.clear();
  client.series = std::move(stream);
}

void Requests::on(Asker asker, const api::ReadUsage& request) {
  if (request.since) return readSeries(asker, request);
  const Peer& peer = peerOf(asker);
  api::UsageList list;
  std::vector<const Run*> runs;
  if (request.run.empty()) {
    runs = visibleRuns(peer, false);
    const Now now = world_.clock.now();
    list.today = api::spendingLinesOf(spendingsOfDay(world_.turns.state(), now, localToday(now.wall)), peer);
    if (const DeviceReading* device = world_.steering.lookAtDevice(kUsageFreshFor)) {
      list.device = shown(*device, peer);
      addAccelerators(world_.accelerators, *list.device);
    }
  } else {
    auto run = findRun(world_.turns.state(), peer, request.run);
    if (!run) return refuse(asker, run.error());
    runs.push_back(*run);
  }
  for (const Run* run : runs) {
    list.rows.push_back(
        {run->id.text(), run->what.name, std::string(lifeName(run->life)), api::usageOf(*run, usageOf(*run))});
  }
  answer(asker, list);
}

// The machine's reading may be as old as the others and this text together: a second.
std::shared_ptr<const std::string> Requests::metricsFor(const Peer& peer) {
  const Microseconds now = world_.clock.now().boottime;
  if (now - metrics_.at > kMetricsFreshFor) metrics_ = {.at = now, .readings = {}, .texts = {}};
  auto& text = metrics_.texts[{peer.uid, peer.admin, peer.viewer}];
  if (text) return text;
  api::Metering metering{.version = RINGFENCE_VERSION, .device = {}, .runs = {}};
  if (const DeviceReading* device = world_.steering.lookAtDevice(kMetricsFreshFor))
    metering.device = shown(*device, peer);
  for (const Run* run : visibleRuns(peer, false)) {
    auto reading = metrics_.readings.find(run->id);
    if (reading == metrics_.readings.end()) reading = metrics_.readings.emplace(run->id, usageOf(*run)).first;
    metering.runs.push_back(
        {run->id.text(), run->what.name, std::string(lifeName(run->life)), api::usageOf(*run, reading->second)});
  }
  text = std::make_shared<const std::string>(api::exposition(metering));
  return text;
}

}  // namespace ringfence::supervisor
