// A machine of files whose counters advance step by step, read by the real readers: what was used is always found
// again, with the runs or with nobody.
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "supervisor/meter/accel/attribution.h"
#include "supervisor/meter/accel/backends.h"
#include "supervisor/meter/accel/leases.h"
#include "tests/supervisor/accel/fake_machine.h"

namespace ringfence::supervisor {
namespace {

using namespace test;

constexpr int kPids = 4;
constexpr const char* kGpu = "0000:03:00.0";
constexpr const char* kNpu = "0000:00:0b.0";
const std::string kNpuDirectory = std::string("sys/class/accel/accel0/");

struct Client {
  std::uint64_t id = 0;
  int pid = 0, fd = 0;
  std::uint64_t busyNs = 0;
  std::uint64_t largestSeen = 0;  // what it may be charged
};

// Several GPU clients that come and go and whose counters fall back at times, and an NPU that tells of itself alone.
class Machine {
 public:
  explicit Machine(std::uint64_t seed) : random_(seed) {
    files_.makeDirectory("dev/dri");
    for (int pid = 1; pid <= kPids; ++pid) writeProcess(files_, pid, 1);
    files_.makeDirectory("sys/devices/" + std::string(kNpu));
    files_.makeDirectory(kNpuDirectory);
    std::filesystem::create_directory_symlink("../../../devices/" + std::string(kNpu),
                                              files_.path() + "/" + kNpuDirectory + "device");
    writeNpu();
  }
  std::uint64_t upTo(std::uint64_t most) { return random_() % (most + 1); }
  const TempDir& files() const { return files_; }

  void step() {
    for (std::uint64_t i = upTo(2); i > 0 && clients_.size() < 12; --i) begin();
    if (!clients_.empty() && upTo(3) == 0) end(upTo(clients_.size() - 1));
    for (Client& client : clients_) {
      client.busyNs += upTo(50'000'000);
      // At times its driver tells less than before, and catches up later.
      const std::uint64_t told =
          upTo(5) == 0 ? client.busyNs - std::min(client.busyNs, upTo(80'000'000)) : client.busyNs;
      write(client, told);
      client.largestSeen = std::max(client.largestSeen, told);
    }
    npuUsec_ += upTo(900'000);
    writeNpu();
  }
  // By pid, of all clients that ever were.
  std::map<int, std::uint64_t> mostNs() const {
    std::map<int, std::uint64_t> most = ended_;
    for (const Client& client : clients_) most[client.pid] += client.largestSeen;
    return most;
  }
  std::uint64_t npuUsec() const { return npuUsec_; }

 private:
  void begin() {
    const int pid = static_cast<int>(upTo(kPids - 1)) + 1;
    clients_.push_back({.id = ++lastId_, .pid = pid, .fd = static_cast<int>(3 + lastId_)});
  }
  void end(std::size_t index) {
    const Client client = clients_[index];
    removeDescriptor(files_, client.pid, client.fd);
    removeDescriptor(files_, client.pid, client.fd + 10'000);
    ended_[client.pid] += client.largestSeen;
    clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void write(const Client& client, std::uint64_t told) {
    const std::string info = "drm-driver:\txe\ndrm-client-id:\t" + std::to_string(client.id) + "\ndrm-pdev:\t" + kGpu +
                             "\ndrm-engine-rcs:\t" + std::to_string(told) + " ns\n";
    writeDescriptor(files_, client.pid, client.fd, "226:128", info);
    if (client.id % 3 == 0) writeDescriptor(files_, client.pid, client.fd + 10'000, "226:128", info);  // duplicated
  }
  void writeNpu() {
    files_.write("sys/devices/" + std::string(kNpu) + "/npu_busy_time_us", std::to_string(npuUsec_) + "\n");
  }

  TempDir files_{TempDir::Where::kMemory};
  std::mt19937_64 random_;
  std::vector<Client> clients_;
  std::map<int, std::uint64_t> ended_;
  std::uint64_t lastId_ = 0;
  std::uint64_t npuUsec_ = 123'456'789;
};

// Runs that have leased the NPU come, are frozen, go on and end.
void changeLeases(Machine& machine, LeaseTimes& leases, Microseconds now) {
  const RunId run = numberedRun(static_cast<unsigned>(machine.upTo(kPids - 1)) + 1);
  if (machine.upTo(2) > 0)
    leases.open(run, {kNpu}, now);
  else
    leases.close(run, now);
}

}  // namespace

TEST_CASE("whatever clients and leases do, runs and nobody have together what the devices counted") {
  const std::vector<int> pids{1, 2, 3, 4};
  std::map<int, RunId> runs;
  for (const int pid : pids) runs.emplace(pid, numberedRun(static_cast<unsigned>(pid)));
  std::uint64_t attributedToRuns = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Machine machine(seed);
    const std::uint64_t before = machine.npuUsec();
    const MeterRoots roots = rootsOf(machine.files().path());
    AccelMeter meter(roots, accelBackends(deviceOfSidecar));
    AccelLedger ledger;
    DeviceWatch watch;
    LeaseTimes leases;
    (void)watch.add(meter.read(pids, {}).devices);
    std::map<std::optional<RunId>, std::uint64_t> npu;
    for (int step = 1; step <= 20; ++step) {
      const Microseconds now{step * 1'000'000};
      machine.step();
      changeLeases(machine, leases, now - Microseconds{machine.upTo(900'000)});
      const AccelSample sample = meter.read(pids, now);
      ledger.add(sample.clients.clients, runs, now);
      for (const DeviceWindow& window : watch.add(sample.devices)) {
        for (const Attributed& part :
             attribute(window, ledger.takeBusy(window.device), leases.within(window.device, window.from, window.to))) {
          npu[part.run] += part.busyUsec;
        }
      }
      const auto most = machine.mostNs();
      for (const int pid : pids) {
        const auto busy = ledger.use(runs.at(pid)).busyUsec(AccelKind::kGpu);
        REQUIRE(busy.value_or(0) == (most.contains(pid) ? most.at(pid) / 1000 : 0));
      }
      std::uint64_t sum = 0;
      for (const auto& [run, usec] : npu) sum += usec;
      leases.forgetBefore(now);
      REQUIRE(sum == machine.npuUsec() - before);
    }
    for (const auto& [run, usec] : npu) attributedToRuns += run ? usec : 0;
  }
  CHECK(attributedToRuns > 10'000'000);  // that leases were held at all
}

}  // namespace ringfence::supervisor
