#include "supervisor/meter/accel/client_reader.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "supervisor/meter/accel/backends.h"
#include "tests/supervisor/accel/fake_machine.h"

namespace ringfence::supervisor {
namespace {

using namespace test;

constexpr Microseconds kSecond{1'000'000};

std::string infoOf(std::uint64_t client, std::uint64_t busyNs) {
  return "drm-driver:\ti915\ndrm-client-id:\t" + std::to_string(client) +
         "\ndrm-pdev:\t0000:00:02.0\ndrm-engine-render:\t" + std::to_string(busyNs) + " ns\n";
}

// How often each was called.
struct CountingBackend final : AccelBackend {
  struct Calls {
    int probes = 0, clients = 0, devices = 0;
    Presence presence = Presence::kPresent;
  };
  explicit CountingBackend(Calls& counted) : calls(counted) {}
  Presence probe(const MeterRoots&) override { return ++calls.probes, calls.presence; }
  AccelScope scope() const override { return AccelScope::kDevice; }
  Microseconds minPeriod() const override { return kSecond; }
  ClientReadings clients(const MeterRoots&, std::span<const int>, Microseconds) override {
    return ++calls.clients, ClientReadings{};
  }
  std::vector<AccelDeviceReading> devices(const MeterRoots&) override {
    ++calls.devices;
    return std::vector<AccelDeviceReading>(1);
  }
  Calls& calls;
};

AccelMeter meterOf(const MeterRoots& roots, CountingBackend::Calls& calls) {
  std::vector<std::unique_ptr<AccelBackend>> backends;
  backends.push_back(std::make_unique<CountingBackend>(calls));
  return {roots, std::move(backends)};
}

}  // namespace

TEST_CASE("a process with ten thousand descriptors costs a bounded look each time, and its client is found") {
  TempDir machine{TempDir::Where::kMemory};
  writeProcess(machine, 7, 1);
  for (int fd = 0; fd < 10'000; ++fd) machine.write("proc/7/fd/" + std::to_string(fd), "");
  writeDescriptor(machine, 7, 9'999, "226:128", infoOf(1, 5));
  writeProcess(machine, 8, 1);
  writeDescriptor(machine, 8, 3, "226:128", infoOf(2, 5));
  const MeterRoots roots = rootsOf(machine.path());
  std::size_t looked = 0;
  ClientReader reader([&](int process, const std::string& name) {
    ++looked;
    return deviceOfSidecar(process, name);
  });
  const std::vector<int> pids{7, 8};
  int readings = 0;
  for (std::size_t found = 0; found < 2 && readings < 30; ++readings) {
    looked = 0;
    const ClientReadings now = reader.read(roots, pids, Microseconds{readings * 100'000});
    found = now.clients.size();
    CHECK(looked <= kMaxDescriptorsPerReading);
    CHECK((now.waitingProcesses > 0) == (found < 2));  // said as long as it is not complete
  }
  CHECK(readings == 10);
}

TEST_CASE("known clients are read each time, and descriptors are looked through once in a period") {
  TempDir machine{TempDir::Where::kMemory};
  writeProcess(machine, 7, 1);
  writeDescriptor(machine, 7, 3, "226:128", infoOf(1, 5));
  const MeterRoots roots = rootsOf(machine.path());
  ClientReader reader(deviceOfSidecar);
  const std::vector<int> pids{7};
  CHECK(reader.read(roots, pids, kSecond).clients.size() == 1);
  writeDescriptor(machine, 7, 3, "226:128", infoOf(1, 9));
  writeDescriptor(machine, 7, 4, "226:128", infoOf(2, 9));
  const ClientReadings soon = reader.read(roots, pids, kSecond + Microseconds{100'000});
  REQUIRE(soon.clients.size() == 1);
  CHECK(soon.clients[0].engines.at("render").busyNs == 9);
  CHECK(reader.read(roots, pids, kSecond + kWalkPeriod).clients.size() == 2);
}

TEST_CASE("a process is looked through at once when it is new, and forgotten when it is not asked about") {
  TempDir machine{TempDir::Where::kMemory};
  for (const int pid : {7, 8}) {
    writeProcess(machine, pid, 1);
    writeDescriptor(machine, pid, 3, "261:0", infoOf(static_cast<std::uint64_t>(pid), 5));
  }
  const MeterRoots roots = rootsOf(machine.path());
  ClientReader reader(deviceOfSidecar);
  const std::vector<int> first{7}, both{7, 8};
  CHECK(reader.read(roots, first, kSecond).clients.size() == 1);
  CHECK(reader.read(roots, both, kSecond).clients.size() == 2);
  CHECK(reader.read(roots, first, kSecond).clients.size() == 1);
  CHECK(reader.read(roots, {}, kSecond).clients.empty());
}

TEST_CASE("a client is read by one descriptor of a process, and by another when that one is closed") {
  TempDir machine{TempDir::Where::kMemory};
  writeProcess(machine, 7, 1);
  for (const int fd : {3, 4, 5}) writeDescriptor(machine, 7, fd, "226:128", infoOf(1, 5));
  const MeterRoots roots = rootsOf(machine.path());
  ClientReader reader(deviceOfSidecar);
  const std::vector<int> pids{7};
  CHECK(reader.read(roots, pids, kSecond).clients.size() == 1);
  writeDescriptor(machine, 7, 4, "226:128", infoOf(1, 9));
  const ClientReadings again = reader.read(roots, pids, kSecond + Microseconds{100'000});
  REQUIRE(again.clients.size() == 1);
  CHECK(again.clients[0].engines.at("render").busyNs == 5);  // by descriptor 3
  removeDescriptor(machine, 7, 3);
  CHECK(reader.read(roots, pids, kSecond + Microseconds{200'000}).clients.empty());
  // All that was known of it is gone: it is looked through at once.
  const ClientReadings other = reader.read(roots, pids, kSecond + Microseconds{300'000});
  REQUIRE(other.clients.size() == 1);
  CHECK(other.clients[0].engines.at("render").busyNs == 9);
}

TEST_CASE("a number that is another device by now is not taken for the one it was") {
  TempDir machine{TempDir::Where::kMemory};
  writeProcess(machine, 7, 1);
  const std::string info =
      "drm-driver:\tpanthor\ndrm-client-id:\t1\ndrm-engine-e:\t5 ns\n";  // does not name its device
  writeDescriptor(machine, 7, 3, "226:128", info);
  const MeterRoots roots = rootsOf(machine.path());
  ClientReader reader(deviceOfSidecar);
  const std::vector<int> pids{7};
  REQUIRE(reader.read(roots, pids, kSecond).clients.size() == 1);
  writeDescriptor(machine, 7, 3, "226:129", info);
  const ClientReadings soon = reader.read(roots, pids, kSecond + Microseconds{100'000});
  CHECK(soon.clients.empty());
  CHECK(soon.unreadDescriptors == 1);
  const ClientReadings later = reader.read(roots, pids, kSecond + kWalkPeriod);
  REQUIRE(later.clients.size() == 1);
  CHECK(later.clients[0].key.device == "renderD129");
}

TEST_CASE("more clients than are read at once are read in turn, and said to be left") {
  TempDir machine{TempDir::Where::kMemory};
  std::vector<int> pids;
  for (int pid = 1; pid <= 4; ++pid) {
    pids.push_back(pid);
    writeProcess(machine, pid, 1);
    for (int fd = 0; fd < 200; ++fd) {
      writeDescriptor(machine, pid, fd, "226:128", infoOf(static_cast<std::uint64_t>(pid * 1000 + fd), 1));
    }
  }
  const MeterRoots roots = rootsOf(machine.path());
  ClientReader reader(deviceOfSidecar);
  std::map<AccelClientKey, int> seen;
  for (int i = 0; i < 5; ++i) {
    const ClientReadings now = reader.read(roots, pids, kSecond + Microseconds{i * 100'000});
    CHECK(now.clients.size() <= kMaxClientsPerReading);
    CHECK(now.waitingProcesses > 0);
    for (const AccelClientReading& client : now.clients) ++seen[client.key];
  }
  CHECK(seen.size() == 800);
}

TEST_CASE("processes that come in great numbers cost a bounded look each time") {
  TempDir machine{TempDir::Where::kMemory};
  std::vector<int> pids;
  for (int pid = 1; pid <= 500; ++pid) {
    pids.push_back(pid);
    writeProcess(machine, pid, 1);
  }
  writeDescriptor(machine, 500, 3, "226:128", infoOf(1, 5));
  const MeterRoots roots = rootsOf(machine.path());
  ClientReader reader(deviceOfSidecar);
  CHECK(reader.read(roots, pids, kSecond).waitingProcesses > 350);
  std::size_t found = 0;
  for (int i = 1; i < 6 && found == 0; ++i) {
    found = reader.read(roots, pids, kSecond + Microseconds{i * 100'000}).clients.size();
  }
  CHECK(found == 1);
}

TEST_CASE("more devices than are kept of one process are said to be unread") {
  TempDir machine{TempDir::Where::kMemory};
  writeProcess(machine, 7, 1);
  for (unsigned i = 0; i < kMaxClientsOfProcess + 3; ++i) {
    writeDescriptor(machine, 7, static_cast<int>(i), "226:128", infoOf(i, 1));
  }
  const MeterRoots roots = rootsOf(machine.path());
  ClientReader reader(deviceOfSidecar);
  const std::vector<int> pids{7};
  const ClientReadings now = reader.read(roots, pids, kSecond);
  CHECK(now.unreadDescriptors == 3);
  CHECK(now.clients.size() == kMaxClientsOfProcess);
}

TEST_CASE("a source is not read more often than it may be, and its last reading keeps its time") {
  TempDir machine{TempDir::Where::kMemory};
  const MeterRoots roots = rootsOf(machine.path());
  CountingBackend::Calls calls;
  AccelMeter meter = meterOf(roots, calls);
  for (int tenth = 0; tenth < 25; ++tenth) {
    const AccelSample sample = meter.read({}, Microseconds{tenth * 100'000});
    REQUIRE(sample.devices.size() == 1);
    CHECK(sample.devices[0].at == Microseconds{tenth / 10 * 1'000'000});
  }
  CHECK(calls.devices == 3);
  CHECK(calls.probes == 1);
}

TEST_CASE("a source that may not be read is counted, and asked again later") {
  TempDir machine{TempDir::Where::kMemory};
  const MeterRoots roots = rootsOf(machine.path());
  CountingBackend::Calls calls{.presence = Presence::kRefused};
  AccelMeter meter = meterOf(roots, calls);
  CHECK(meter.read({}, kSecond).refusedSources == 1);
  CHECK(calls.devices == 0);
  calls.presence = Presence::kPresent;
  CHECK(meter.read({}, kSecond + kProbePeriod).refusedSources == 0);
  CHECK(calls.devices == 1);
  calls.presence = Presence::kAbsent;
  CHECK(meter.read({}, kSecond + 2 * kProbePeriod).devices.empty());
}

TEST_CASE("without a node of any device nothing is looked through") {
  TempDir machine{TempDir::Where::kMemory};
  writeProcess(machine, 7, 1);
  writeDescriptor(machine, 7, 3, "226:128", infoOf(1, 5));
  const MeterRoots roots = rootsOf(machine.path());
  int looked = 0;
  AccelMeter meter(roots, accelBackends([&](int, const std::string&) { return ++looked, std::nullopt; }));
  const std::vector<int> pids{7};
  CHECK(meter.read(pids, kSecond).clients.clients.empty());
  CHECK(looked == 0);
  machine.makeDirectory("dev/accel");
  (void)meter.read(pids, kSecond + kProbePeriod);
  CHECK(looked > 0);
}

}  // namespace ringfence::supervisor
