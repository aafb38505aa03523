#include "supervisor/meter/accel/ledger.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ringfence::supervisor {
namespace {

// Bytes of a region that several clients of a run hold.
struct RegionSum {
  std::uint64_t own = 0;            // of no other client
  std::uint64_t largestShared = 0;  // perhaps the same bytes in each of them
};

// A counter near its end cannot make a sum begin again: it stays at the most.
void addUp(std::uint64_t& sum, std::uint64_t more) {
  sum += std::min(more, std::numeric_limits<std::uint64_t>::max() - sum);
}
void addUp(std::optional<std::uint64_t>& sum, std::uint64_t more) { addUp(sum ? *sum : sum.emplace(0), more); }

// Cycles as time, when it is known how many there are in a microsecond.
void giveTime(EngineUse& use, double cyclesPerUsec) {
  if (cyclesPerUsec <= 0) return;
  constexpr double kLongest = 9e18;  // in 64 bits with room to spare
  const double ns = static_cast<double>(use.cyclesWithoutTime) * 1000 / cyclesPerUsec;
  addUp(use.busyNs, static_cast<std::uint64_t>(std::llround(std::min(ns, kLongest))));
  use.cyclesWithoutTime = 0;
  use.hasTime = true;
}

}  // namespace

std::optional<std::uint64_t> AccelUse::busyUsec(AccelKind kind) const {
  std::optional<std::uint64_t> sum;
  for (const auto& [part, engine] : engines) {
    if (engine.kind == kind && engine.hasTime) addUp(sum, engine.busyNs);
  }
  if (sum) *sum /= 1000;
  return sum;
}

std::optional<std::uint64_t> AccelUse::memoryTotal() const {
  std::optional<std::uint64_t> sum;
  for (const auto& [part, bytes] : memoryBytes) addUp(sum, bytes);
  return sum;
}

void AccelLedger::add(std::span<const AccelClientReading> clients, const std::map<int, RunId>& runOfPid,
                      Microseconds at) {
  for (auto& [id, run] : runs_) {
    run.use.clients = 0;
    for (auto& [part, engine] : run.use.engines) engine.utilisation.reset();
  }
  for (const AccelClientReading& reading : clients) {
    auto known = clients_.find(reading.key);
    if (known == clients_.end()) {
      const auto run = runOfPid.find(reading.pid);
      if (run == runOfPid.end()) continue;
      known = clients_.emplace(reading.key, Client{.run = run->second, .engines = {}, .seen = at}).first;
    }
    count(reading, known->second, at);
  }
  sumMemory(clients);
  forgetLongGone(at);
}

void AccelLedger::count(const AccelClientReading& reading, Client& client, Microseconds at) {
  AccelUse& use = runs_[client.run].use;
  ++use.clients;
  for (const auto& [name, counters] : reading.engines) {
    const DevicePart part{reading.key.device, name};
    EngineUse& engine = use.engines[part];
    engine.kind = reading.kind;
    countEngine(engine, part, client.engines[name], counters, client.seen, at);
  }
  client.seen = at;
}

void AccelLedger::countEngine(EngineUse& use, const DevicePart& part, Engine& engine, const EngineCounters& counters,
                              Microseconds since, Microseconds at) {
  const double elapsed = static_cast<double>((at - since).count());
  const double capacity = counters.capacity;
  if (counters.busyNs) {
    const std::uint64_t grown = engine.busyNs.advance(*counters.busyNs, at);
    addUp(use.busyNs, grown);
    use.hasTime = true;
    if (elapsed > 0) {
      use.utilisation = use.utilisation.value_or(0) + static_cast<double>(grown) / (elapsed * 1000 * capacity);
    }
  }
  if (!counters.cycles) return;
  const std::uint64_t grown = engine.cycles.advance(*counters.cycles, at);
  addUp(use.cycles, grown);
  if (counters.busyNs) return;  // the same work, told in both ways
  addUp(use.cyclesWithoutTime, grown);
  const double total =
      counters.totalCycles ? static_cast<double>(engine.totalCycles.advance(*counters.totalCycles, at)) : 0;
  if (elapsed > 0 && total > 0) {
    cyclesPerUsec_[part] = total / elapsed;
    use.utilisation = use.utilisation.value_or(0) + static_cast<double>(grown) / (total * capacity);
  }
  if (const auto rate = cyclesPerUsec_.find(part); rate != cyclesPerUsec_.end()) giveTime(use, rate->second);
}

void AccelLedger::sumMemory(std::span<const AccelClientReading> clients) {
  std::map<RunId, std::map<DevicePart, RegionSum>> sums;
  for (const AccelClientReading& reading : clients) {
    const auto client = clients_.find(reading.key);
    if (client == clients_.end()) continue;
    for (const auto& [region, bytes] : reading.memoryBytes) {
      const auto found = reading.sharedBytes.find(region);
      const std::uint64_t shared = found == reading.sharedBytes.end() ? 0 : std::min(found->second, bytes);
      RegionSum& sum = sums[client->second.run][{reading.key.device, region}];
      addUp(sum.own, bytes - shared);
      sum.largestShared = std::max(sum.largestShared, shared);
    }
  }
  for (auto& [id, run] : runs_) {
    run.use.memoryBytes.clear();
    for (const auto& [part, sum] : sums[id]) {
      run.use.memoryBytes[part] = sum.own;
      addUp(run.use.memoryBytes[part], sum.largestShared);
    }
  }
}

AccelUse AccelLedger::use(const RunId& run) const {
  const auto found = runs_.find(run);
  return found == runs_.end() ? AccelUse{} : found->second.use;
}

std::vector<RunBusy> AccelLedger::takeBusy(const AccelDeviceId& device) {
  std::vector<RunBusy> busy;
  for (auto& [id, run] : runs_) {
    std::optional<std::uint64_t> total;
    for (const auto& [part, engine] : run.use.engines) {
      if (part.first == device && engine.hasTime) addUp(total, engine.busyNs);
    }
    if (!total) continue;
    std::uint64_t& taken = run.takenNs[device];
    const std::uint64_t usec = (*total - taken) / 1000;
    taken += usec * 1000;  // what is less than one stays for the next call
    busy.push_back({id, device, usec});
  }
  return busy;
}

void AccelLedger::forget(const RunId& run) {
  runs_.erase(run);
  std::erase_if(clients_, [&](const auto& entry) { return entry.second.run == run; });
}

void AccelLedger::forgetLongGone(Microseconds at) {
  if (clients_.size() <= kMaxGoneClients) return;
  std::map<RunId, std::vector<std::pair<Microseconds, AccelClientKey>>> gone;
  for (const auto& [key, client] : clients_) {
    if (client.seen < at) gone[client.run].emplace_back(client.seen, key);
  }
  for (auto& [run, clients] : gone) {
    if (clients.size() <= kMaxGoneClients) continue;
    std::sort(clients.begin(), clients.end());
    clients.resize(clients.size() - kMaxGoneClients);
    for (const auto& [seen, key] : clients) clients_.erase(key);
  }
}

}  // namespace ringfence::supervisor
