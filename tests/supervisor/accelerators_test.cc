// GPUs and NPUs in the daemon: accounts of readings that are values, and the watch over a machine of files.
#include <poll.h>

#include <catch2/catch_test_macros.hpp>
#include <random>

#include "supervisor/accel_accounts.h"
#include "supervisor/accel_watch.h"
#include "supervisor/governor_convert.h"
#include "tests/supervisor/accel/fake_machine.h"

namespace ringfence::supervisor {
namespace {

using namespace test;
using std::chrono::seconds;

constexpr const char* kNpu = "0000:00:0b.0";
constexpr const char* kGpu = "0000:03:00.0";
const RunId kFirst = numberedRun(1), kSecond = numberedRun(2);
const auto kAllLive = [](const RunId&) { return true; };
const auto kNobody = [](const DeviceWindow&) { return std::vector<LeaseSpan>(); };

AccelPass npuWas(std::uint64_t busyUsec, Microseconds at) {
  AccelPass pass;
  pass.at = at;
  AccelDeviceReading reading;
  reading.device = kNpu;
  reading.kind = AccelKind::kNpu;
  reading.busyUsec = busyUsec;
  reading.at = at;
  pass.sample.devices.push_back(reading);
  return pass;
}

void addClient(AccelPass& pass, const char* device, const RunId& run, int pid, std::uint64_t busyNs) {
  AccelClientReading client;
  client.key = {device, static_cast<std::uint64_t>(pid)};
  client.kind = device == kNpu ? AccelKind::kNpu : AccelKind::kGpu;
  client.pid = pid;
  client.engines["engine"].busyNs = busyNs;
  client.memoryBytes["vram0"] = 4096;
  pass.sample.clients.clients.push_back(client);
  pass.runOfPid.emplace(pid, run);
}

std::optional<AccelPass> passOf(AccelWatch& watch) {
  pollfd waiting{watch.eventFd(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 30'000) == 1);
  return watch.take();
}

}  // namespace

TEST_CASE("what a device alone tells is a run's as its lease says, and without one it is nobody's") {
  AccelAccounts accounts;
  accounts.add(npuWas(500, seconds(1)), kNobody, kAllLive);
  accounts.add(npuWas(1500, seconds(2)), kNobody, kAllLive);
  CHECK(accounts.of(kFirst).empty());
  CHECK_FALSE(accounts.busyUsec(kFirst, AccelKind::kNpu));
  const std::vector<LeaseSpan> leases{{kFirst, kNpu, 900'000}};
  accounts.add(
      npuWas(3500, seconds(3)), [&](const DeviceWindow&) { return leases; }, kAllLive);
  CHECK(accounts.of(kFirst) == std::vector<AccelShare>{{kNpu, AccelKind::kNpu, 2000, AccelScope::kDevice,
                                                        Confidence::kMeasured, std::nullopt}});
  CHECK(accounts.busyUsec(kFirst, AccelKind::kNpu) == 2000);
  CHECK_FALSE(accounts.busyUsec(kFirst, AccelKind::kGpu));
  CHECK_FALSE(accounts.busyUsec(kSecond, AccelKind::kNpu));
  CHECK(accounts.devices() ==
        std::vector<AccelDeviceUse>{{kNpu, AccelKind::kNpu, 3000, 2000, 1000, Confidence::kMeasured}});
  CHECK(accounts.othersUsec(AccelKind::kNpu) == 1000);
  CHECK_FALSE(accounts.othersUsec(AccelKind::kGpu));
  CHECK(accounts.readAt() == Microseconds(seconds(3)));
}

TEST_CASE("a device without a counter of its own is told by its clients alone") {
  AccelAccounts accounts;
  AccelPass pass;
  pass.at = seconds(1);
  addClient(pass, kGpu, kFirst, 10, 7'000'000);
  accounts.add(pass, kNobody, kAllLive);
  CHECK(accounts.of(kFirst) ==
        std::vector<AccelShare>{{kGpu, AccelKind::kGpu, 7000, AccelScope::kClient, Confidence::kMeasured, 4096}});
  CHECK(accounts.memoryBytes(kFirst) == 4096);
  CHECK(accounts.devices().empty());
}

TEST_CASE("memory of a device that the kernel counts for a run's group takes the place of what its clients tell") {
  AccelAccounts accounts;
  AccelPass pass;
  pass.at = seconds(1);
  addClient(pass, kGpu, kFirst, 10, 7'000'000);
  pass.sample.clients.clients[0].memoryBytes["gtt"] = 100;
  pass.memoryOfRun = {{kFirst, {{{kGpu, "vram0"}, 9000}, {{kGpu, "stolen"}, 0}}}, {kSecond, {{{kGpu, "vram0"}, 50}}}};
  pass.runOfPid.emplace(11, kSecond);
  accounts.add(pass, kNobody, kAllLive);
  CHECK(accounts.memoryBytes(kFirst) == 9100);
  CHECK(accounts.of(kFirst).at(0).memoryBytes == 9100);
  CHECK(accounts.of(kSecond) ==
        std::vector<AccelShare>{{kGpu, AccelKind::kGpu, std::nullopt, AccelScope::kClient, Confidence::kMeasured, 50}});
  pass.memoryOfRun.clear();  // e.g. the controller was taken away from the branch
  accounts.add(pass, kNobody, kAllLive);
  CHECK(accounts.memoryBytes(kFirst) == 4196);
  CHECK_FALSE(accounts.memoryBytes(kSecond));
}

TEST_CASE("what a device alone tells is an estimate while somebody outside has it open too") {
  AccelAccounts accounts;
  const auto lease = [](const DeviceWindow&) { return std::vector<LeaseSpan>{{kFirst, kNpu, 1'000'000}}; };
  accounts.add(npuWas(0, seconds(1)), lease, kAllLive);
  accounts.add(npuWas(100, seconds(2)), lease, kAllLive);
  CHECK(accounts.of(kFirst).at(0).confidence == Confidence::kMeasured);
  AccelPass shared = npuWas(200, seconds(3));
  shared.others.emplace().open.insert(kNpu);
  accounts.add(shared, lease, kAllLive);
  CHECK(accounts.of(kFirst).at(0).confidence == Confidence::kEstimated);
  CHECK(accounts.of(kFirst).at(0).busyUsec == 200);
}

TEST_CASE("what programs outside of all runs use of a kind is told from when they were first seen") {
  AccelAccounts accounts;
  std::uint64_t step = 0;
  const auto pass = [&](std::uint64_t outsideNs) {
    AccelPass one;
    one.at = seconds(++step);
    addClient(one, kNpu, kFirst, 10, 5'000'000 * step);
    AccelPass outside;
    addClient(outside, kNpu, kSecond, 20, outsideNs);
    addClient(outside, kNpu, kSecond, 10, 5'000'000 * step);  // a process that the run has just begun shares its client
    addClient(outside, kGpu, kSecond, 30, 2 * outsideNs);
    one.others = outside.sample.clients;
    accounts.add(one, kNobody, kAllLive);
    return accounts.othersUsec(AccelKind::kNpu);
  };
  CHECK(pass(9'000'000'000) == 0);
  CHECK(pass(9'000'300'000) == 300);
  CHECK(accounts.othersUsec(AccelKind::kGpu) == 600);
  CHECK(pass(9'000'300'000) == 300);
  CHECK(accounts.busyUsec(kFirst, AccelKind::kNpu) == 15'000);
  CHECK_FALSE(accounts.busyUsec(kSecond, AccelKind::kNpu));
}

TEST_CASE("what the kernel did not show is told with the reading that lacks it") {
  AccelAccounts accounts;
  AccelPass pass = npuWas(0, seconds(1));
  pass.sample.clients.refusedProcesses = 2;
  pass.unlistedRuns = 1;
  accounts.add(pass, kNobody, kAllLive);
  CHECK(accounts.blind() == AccelAccounts::Blind{2, 0, 1, 0});
  accounts.add(npuWas(0, seconds(2)), kNobody, kAllLive);
  CHECK(accounts.blind() == AccelAccounts::Blind{});
}

TEST_CASE("runs that come and go and nobody have together what the device counted") {
  std::mt19937_64 random(20261128);
  const auto upTo = [&](std::uint64_t most) { return random() % (most + 1); };
  AccelAccounts accounts;
  std::uint64_t device = upTo(1000);
  const std::uint64_t began = device;
  std::map<int, std::uint64_t> clientNs;
  accounts.add(npuWas(device, seconds(1)), kNobody, kAllLive);
  std::uint64_t ofEnded = 0;
  for (int step = 2; step < 500; ++step) {
    device += upTo(900'000);
    AccelPass pass = npuWas(device, seconds(step));
    const int live = 1 + step / 100;  // the runs before it have ended
    for (int number = live; number < live + 3; ++number) {
      if (upTo(4) == 0) continue;
      clientNs[number] += upTo(400'000'000);
      addClient(pass, kNpu, numberedRun(static_cast<unsigned>(number)), number, clientNs[number]);
    }
    std::vector<LeaseSpan> leases;
    if (upTo(1) == 0) leases.push_back({numberedRun(static_cast<unsigned>(live)), kNpu, upTo(1'000'000)});
    const RunId firstLive = numberedRun(static_cast<unsigned>(live));
    if (step % 100 == 0)
      ofEnded += accounts.busyUsec(numberedRun(static_cast<unsigned>(live - 1)), AccelKind::kNpu).value_or(0);
    accounts.add(
        pass, [&](const DeviceWindow&) { return leases; }, [&](const RunId& run) { return run >= firstLive; });
    const AccelDeviceUse use = accounts.devices().at(0);
    REQUIRE(use.busyUsec == device - began);
    REQUIRE(use.runsUsec + use.unattributedUsec == use.busyUsec);
    std::uint64_t ofLive = 0;
    for (int number = live; number < live + 3; ++number) {
      const RunId run = numberedRun(static_cast<unsigned>(number));
      ofLive += accounts.busyUsec(run, AccelKind::kNpu).value_or(0);
    }
    REQUIRE(ofLive + ofEnded <= use.runsUsec);
    if (step % 100 > 0 && step < 100) REQUIRE(ofLive == use.runsUsec);
  }
  CHECK(accounts.of(kFirst).empty());  // it has ended
}

TEST_CASE("the watch reads beside the loop whose processes use a device, and a machine without one is not read") {
  TempDir machine;
  writeProcess(machine, 4711, 1);
  writeDescriptor(machine, 4711, 5, "226:128",
                  std::string("drm-driver:\tx\ndrm-pdev:\t") + kGpu + "\ndrm-client-id:\t1\ndrm-engine-e:\t9000 ns\n");
  machine.write("group/cgroup.procs", "4711\n");
  auto watch = AccelWatch::create(rootsOf(machine.path()), deviceOfSidecar).value();
  CHECK_FALSE(watch->hasDevices());
  machine.makeDirectory("dev/dri");
  CHECK(watch->hasDevices());
  const UniqueFd group = openAt(AT_FDCWD, machine.path() + "/group", O_PATH | O_DIRECTORY).value();
  const GroupPlaces places{.cpu = {}, .memory = {}, .pids = {}, .io = {}, .unified = {group.get(), 2}};
  const auto meter = std::make_shared<const GroupMeter>(places);
  for (int time = 0; time < 2; ++time) {
    CHECK_FALSE(watch->isBusy());
    watch->ask({{kFirst, meter}});
    const auto pass = passOf(*watch);
    REQUIRE(pass);
    CHECK(pass->runOfPid == std::map<int, RunId>{{4711, kFirst}});
    CHECK(pass->memoryOfRun.contains(kFirst) == (time == 1));
    if (time == 1) CHECK(pass->memoryOfRun.at(kFirst) == DmemBytes{{{kGpu, "vram0"}, 4096}});
    machine.write("dmem.current", std::string("drm/") + kGpu + "/vram0 4096\n");  // of the group above the agent's own
    REQUIRE(pass->sample.clients.clients.size() == 1);
    CHECK(pass->sample.clients.clients[0].engines.at("e").busyNs == 9000);
    CHECK_FALSE(watch->take());
  }
}

TEST_CASE("programs outside of all runs are looked for where that is asked, and of their devices NPUs alone") {
  TempDir machine;
  machine.makeDirectory("dev/accel");
  const auto text = [](const char* device, int client) {
    return std::string("drm-driver:\tx\ndrm-pdev:\t") + device + "\ndrm-client-id:\t" + std::to_string(client) +
           "\ndrm-engine-e:\t9000 ns\n";
  };
  writeProcess(machine, 4711, 1);
  writeDescriptor(machine, 4711, 5, "261:0", text(kNpu, 1));
  writeProcess(machine, 4712, 1);
  writeDescriptor(machine, 4712, 5, "261:0", text(kNpu, 2));
  writeDescriptor(machine, 4712, 6, "226:128", text(kGpu, 3));
  writeProcess(machine, 4713, 1);
  writeDescriptor(machine, 4713, 5, "261:1", "pos:\t0\n");  // its driver tells nothing
  machine.write("group/cgroup.procs", "4711\n");
  auto watch = AccelWatch::create(rootsOf(machine.path()), deviceOfSidecar).value();
  const UniqueFd group = openAt(AT_FDCWD, machine.path() + "/group", O_PATH | O_DIRECTORY).value();
  const GroupPlaces places{.cpu = {}, .memory = {}, .pids = {}, .io = {}, .unified = {group.get(), 2}};
  const auto meter = std::make_shared<const GroupMeter>(places);
  watch->ask({{kFirst, meter}});
  CHECK_FALSE(passOf(*watch)->others);
  watch->ask({{kFirst, meter}}, AccelWatch::Others::kOfNpus);
  const auto pass = passOf(*watch);
  REQUIRE((pass && pass->others));
  REQUIRE(pass->others->clients.size() == 1);
  CHECK(pass->others->clients[0].pid == 4712);
  CHECK(pass->others->open == std::set<AccelDeviceId>{kNpu, "accel1"});
  watch->ask({{kFirst, meter}}, AccelWatch::Others::kOfAll);
  const auto withGpus = passOf(*watch);
  REQUIRE((withGpus && withGpus->others));
  CHECK(withGpus->others->clients.size() == 2);
  CHECK(withGpus->others->open == std::set<AccelDeviceId>{kGpu, kNpu, "accel1"});
}

TEST_CASE("a driver that does not answer holds up nobody, not even the end of the watch") {
  TempDir machine;
  machine.makeDirectory("dev/dri");
  writeProcess(machine, 4711, 1);
  writeDescriptor(machine, 4711, 5, "226:128", "");
  machine.write("group/cgroup.procs", "4711\n");
  const UniqueFd group = openAt(AT_FDCWD, machine.path() + "/group", O_PATH | O_DIRECTORY).value();
  const GroupPlaces places{.cpu = {}, .memory = {}, .pids = {}, .io = {}, .unified = {group.get(), 2}};
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd hung(ends[0]);
  UniqueFd letGo(ends[1]);
  auto watch = AccelWatch::create(rootsOf(machine.path()),
                                  [copy = std::make_shared<UniqueFd>(::dup(hung.get()))](
                                      int, const std::string&) -> std::optional<DeviceNode> {
                                    char none = 0;
                                    (void)!::read(copy->get(), &none, 1);  // until the test ends
                                    return std::nullopt;
                                  })
                   .value();
  watch->ask({{kFirst, std::make_shared<const GroupMeter>(places)}});
  CHECK_FALSE(watch->take());
  CHECK(watch->isBusy());
  watch.reset();
  letGo.reset();
}

TEST_CASE("the governor hears of a run's share and of how many devices it has for it") {
  Run run;
  run.what.terms.emplace();
  run.what.terms->npu = AcceleratorShare{.devices = {"accel/accel0"}, .percent = 20};
  run.what.terms->gpu = AcceleratorShare{.devices = {"dri/renderD128", "dri/renderD129"}, .percent = 30};
  const governor::RunLimits limits = limitsOf(run);
  CHECK(limits.npuPercent == 20);
  CHECK(limits.npuDevices == 1);
  CHECK(limits.gpuPercent == 30);
  CHECK(limits.gpuDevices == 2);
}

}  // namespace ringfence::supervisor
