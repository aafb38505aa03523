#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "supervisor/meter/accel/backends.h"
#include "supervisor/meter/accel/dmem.h"
#include "supervisor/meter/accel/ledger.h"
#include "tests/supervisor/accel/fake_machine.h"
#include "tests/support/golden.h"

namespace ringfence::supervisor {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using test::deviceOfSidecar;
using test::numberedRun;

const std::string kFixtures = std::string(RF_SOURCE_DIR) + "/tests/supervisor/accel/fixtures/";

std::map<int, RunId> readRuns(const std::string& file) {
  std::map<int, RunId> runs;
  std::ifstream in(file);
  int pid = 0;
  unsigned run = 0;
  while (in >> pid >> run) runs.emplace(pid, numberedRun(run));
  return runs;
}

template <typename Value>
void set(Json& json, const char* key, const std::optional<Value>& value) {
  if (value) json[key] = *value;
}

const char* nameOf(AccelKind kind) { return kind == AccelKind::kGpu ? "gpu" : "npu"; }

Json describe(const AccelClientReading& client) {
  Json json{{"device", client.key.device}, {"client", client.key.client}, {"kind", nameOf(client.kind)},
            {"driver", client.driver},     {"pid", client.pid},           {"pid_start", client.pidStart}};
  for (const auto& [name, counters] : client.engines) {
    Json& engine = json["engines"][name];
    engine["capacity"] = counters.capacity;
    set(engine, "busy_ns", counters.busyNs);
    set(engine, "cycles", counters.cycles);
    set(engine, "total_cycles", counters.totalCycles);
  }
  if (!client.memoryBytes.empty()) json["memory_bytes"] = client.memoryBytes;
  if (!client.sharedBytes.empty()) json["shared_bytes"] = client.sharedBytes;
  if (!client.unknown.empty()) json["unknown"] = client.unknown;
  return json;
}

Json describe(const AccelDeviceReading& device) {
  Json json{{"device", device.device}, {"kind", nameOf(device.kind)}, {"driver", device.driver}};
  set(json, "busy_usec", device.busyUsec);
  set(json, "busy_percent", device.busyPercent);
  set(json, "memory_bytes", device.memoryBytes);
  set(json, "frequency_mhz", device.frequencyMhz);
  json["at_usec"] = device.at.count();
  return json;
}

Json describe(const AccelUse& use) {
  Json json{{"clients", use.clients}};
  set(json, "gpu_busy_usec", use.busyUsec(AccelKind::kGpu));
  set(json, "npu_busy_usec", use.busyUsec(AccelKind::kNpu));
  set(json, "memory_bytes", use.memoryTotal());
  for (const auto& [part, engine] : use.engines) {
    Json& entry = json["engines"][part.first + " " + part.second];
    if (engine.hasTime) entry["busy_ns"] = engine.busyNs;
    if (engine.cycles > 0) entry["cycles"] = engine.cycles;
    if (engine.cyclesWithoutTime > 0) entry["cycles_without_time"] = engine.cyclesWithoutTime;
    if (engine.utilisation) entry["utilisation_percent"] = std::llround(*engine.utilisation * 100);
  }
  return json;
}

// A symbolic link is kept as a file NAME.link with its target: patches and archives do not always carry links.
void makeLinks(const std::string& directory) {
  std::vector<fs::path> kept;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.path().extension() == ".link") kept.push_back(entry.path());
  }
  for (const fs::path& file : kept) {
    std::string target;
    std::getline(std::ifstream(file), target);
    fs::remove(file);
    fs::create_symlink(target, fs::path(file).replace_extension());
  }
}

// Each step is the whole machine, a second after the one before.
Json readCase(const std::string& name) {
  const std::string directory = kFixtures + name;
  const std::map<int, RunId> runs = readRuns(directory + "/runs");
  std::vector<int> pids;
  std::set<RunId> names;
  for (const auto& [pid, run] : runs) {
    pids.push_back(pid);
    names.insert(run);
  }
  test::TempDir machine{test::TempDir::Where::kMemory};
  MeterRoots roots;
  AccelMeter meter(roots, accelBackends(deviceOfSidecar));
  AccelLedger ledger;
  Json steps = Json::array();
  for (int step = 1; fs::exists(directory + "/" + std::to_string(step)); ++step) {
    for (const char* part : {"proc", "sys", "dev"}) fs::remove_all(machine.path() + "/" + part);
    fs::copy(directory + "/" + std::to_string(step), machine.path(),
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    makeLinks(machine.path());
    machine.makeDirectory("dev/dri");
    roots = test::rootsOf(machine.path());
    const Microseconds now{step * 1'000'000};
    const AccelSample sample = meter.read(pids, now);
    ledger.add(sample.clients.clients, runs, now);
    Json& json = steps.emplace_back();
    json["clients"] = Json::array();
    for (const AccelClientReading& client : sample.clients.clients) json["clients"].push_back(describe(client));
    for (const AccelDeviceReading& device : sample.devices) json["devices"].push_back(describe(device));
    if (sample.clients.refusedProcesses > 0) json["refused_processes"] = sample.clients.refusedProcesses;
    if (sample.clients.unreadDescriptors > 0) json["unread_descriptors"] = sample.clients.unreadDescriptors;
    for (const RunId& run : names) json["runs"][run.text()] = describe(ledger.use(run));
  }
  return steps;
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFixtures)) {
    if (fs::exists(entry.path() / "runs")) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("every quirk of a driver that has a fixture is read as expected") {
  const std::vector<std::string> names = cases();
  CHECK(names.size() >= 33);
  for (const std::string& name : names) {
    INFO(name);
    const Json steps = readCase(name);
    CHECK_FALSE(steps.empty());
    test::checkGolden("accel/" + name + ".json", steps.dump(2) + "\n");
  }
}

TEST_CASE("a load of several cores is that of all together, and nonsense is none") {
  CHECK(parseRockchipLoad("NPU load:  Core0:  1%, Core1:  2%,") == 2);
  CHECK(parseRockchipLoad("NPU load: 100%\n") == 100);
  CHECK_FALSE(parseRockchipLoad("").has_value());
  CHECK_FALSE(parseRockchipLoad("NPU load: 250%").has_value());
  CHECK_FALSE(parseRockchipLoad("NPU load: %").has_value());
}

TEST_CASE("memory that the kernel counts for a group is read by device and region, where there is a controller") {
  const auto directory = [](const char* name) { return *openAt(AT_FDCWD, kFixtures + "dmem/" + name, O_PATH); };
  const auto current = readDmemCurrent(directory("root/run").get());
  CHECK(current == DmemBytes{{{"0000:03:00.0", "vram0"}, 12550144}, {{"0000:03:00.0", "stolen"}, 0}});
  CHECK_FALSE(readDmemCurrent(directory("without").get()).has_value());
}

}  // namespace ringfence::supervisor
