#include "supervisor/meter/energy.h"

#include <catch2/catch_all.hpp>
#include <filesystem>
#include <string>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

struct Machine {
  test::TempDir dir;
  Machine() {
    for (const char* name : {"proc", "sys", "dev"}) dir.makeDirectory(name);
  }
  MeterRoots roots() const { return MeterRoots::open(dir.path()).value(); }
  void supply(const std::string& name, const std::string& type,
              std::initializer_list<std::pair<const char*, const char*>> files) const {
    dir.write("sys/class/power_supply/" + name + "/type", type + "\n");
    for (const auto& [file, text] : files)
      dir.write("sys/class/power_supply/" + name + "/" + file, std::string(text) + "\n");
  }
  void zone(const std::string& name, const std::string& domain, const std::string& counter) const {
    dir.write("sys/class/powercap/" + name + "/name", domain + "\n");
    dir.write("sys/class/powercap/" + name + "/energy_uj", counter + "\n");
    dir.write("sys/class/powercap/" + name + "/max_energy_range_uj", "1000000\n");
  }
  void temperature(int zone, const std::string& text) const {
    dir.write("sys/class/thermal/thermal_zone" + std::to_string(zone) + "/temp", text + "\n");
  }
  auto batteries() const { return readBatteries(roots()); }
  void trip(int zone, int number, const std::string& type, const std::string& text) const {
    const std::string point =
        "sys/class/thermal/thermal_zone" + std::to_string(zone) + "/trip_point_" + std::to_string(number);
    dir.write(point + "_type", type + "\n");
    dir.write(point + "_temp", text + "\n");
  }
  auto tooHot() const { return readTooHot(roots()); }
};

}  // namespace

TEST_CASE("energy counts from when the meter was made, over a wrap of the counter") {
  const Machine machine;
  machine.zone("intel-rapl:0", "package-0", "900000");
  machine.zone("intel-rapl:0:0", "core", "10");
  machine.zone("intel-rapl:0:1", "dram", "20");
  machine.dir.write("sys/class/powercap/intel-rapl/enabled", "1\n");
  EnergyCounters counters(machine.roots());
  CHECK(counters.read() == std::vector<EnergyReading>{{"package-0", 0}, {"package-0/core", 0}, {"package-0/dram", 0}});
  machine.zone("intel-rapl:0", "package-0", "950000");
  machine.zone("intel-rapl:0:0", "core", "15");
  CHECK(counters.read() ==
        std::vector<EnergyReading>{{"package-0", 50000}, {"package-0/core", 5}, {"package-0/dram", 0}});
  machine.zone("intel-rapl:0", "package-0", "30000");
  CHECK(counters.read().front() == EnergyReading{"package-0", 130000});
}

TEST_CASE("the same counters shown twice, and names that are none, are left out") {
  const Machine machine;
  machine.zone("intel-rapl-mmio:0", "package-0", "1");
  machine.zone("intel-rapl:0", "package-0", "1");
  machine.zone("intel-rapl:1", "package 1\n\x1b[2J", "1");
  machine.zone("intel-rapl:7:0", "core", "1");  // below a zone that is not there
  CHECK(EnergyCounters(machine.roots()).read() == std::vector<EnergyReading>{{"package-0", 0}});
}

TEST_CASE("a counter that cannot be read is left out and goes on when it can") {
  const Machine machine;
  machine.zone("intel-rapl:0", "package-0", "100");
  EnergyCounters counters(machine.roots());
  machine.zone("intel-rapl:0", "package-0", "x");
  CHECK(counters.read().empty());
  machine.zone("intel-rapl:0", "package-0", "170");
  CHECK(counters.read() == std::vector<EnergyReading>{{"package-0", 70}});
  CHECK(EnergyCounters(Machine().roots()).read().empty());
}

TEST_CASE("a machine without a battery has none, and one of a mouse is not the machine's") {
  const Machine machine;
  CHECK_FALSE(machine.batteries());
  machine.supply("AC", "Mains", {{"online", "1"}});
  machine.supply("hid-1", "Battery", {{"scope", "Device"}, {"capacity", "3"}, {"status", "Discharging"}});
  machine.supply("BAT9", "Battery", {{"present", "0"}, {"capacity", "3"}});
  CHECK_FALSE(machine.batteries());
}

TEST_CASE("one battery says itself how full it is") {
  const Machine machine;
  machine.supply("BAT0", "Battery",
                 {{"capacity", "57"},
                  {"status", "Discharging"},
                  {"power_now", "7500000"},
                  {"energy_now", "1"},
                  {"energy_full", "2"}});
  CHECK(machine.batteries() == BatteryReading{57, true, 7500000});
  machine.supply("BAT0", "Battery", {{"status", "Charging"}});
  CHECK(machine.batteries() == BatteryReading{57, false, std::nullopt});
}

TEST_CASE("two batteries are one, by what is in them") {
  const Machine machine;
  machine.supply("BAT0", "Battery",
                 {{"capacity", "100"},
                  {"status", "Unknown"},
                  {"energy_now", "20000000"},
                  {"energy_full", "20000000"},
                  {"power_now", "0"}});
  machine.supply("BAT1", "Battery",
                 {{"capacity", "25"},
                  {"status", "Discharging"},
                  {"energy_now", "20000000"},
                  {"energy_full", "80000000"},
                  {"power_now", "9000000"}});
  CHECK(machine.batteries() == BatteryReading{40, true, 9000000});
}

TEST_CASE("two batteries of different units are the mean of what they say") {
  const Machine machine;
  machine.supply("BAT0", "Battery",
                 {{"capacity", "100"}, {"status", "Full"}, {"energy_now", "1"}, {"energy_full", "1"}});
  machine.supply("BAT1", "Battery",
                 {{"capacity", "50"}, {"status", "Full"}, {"charge_now", "1"}, {"charge_full", "2"}});
  CHECK(machine.batteries() == BatteryReading{75, false, std::nullopt});
  machine.supply("BAT1", "Battery", {{"capacity", "255"}});
  CHECK_FALSE(machine.batteries()->percent);
}

TEST_CASE("current and voltage are power, whatever the sign of the current") {
  const Machine machine;
  machine.supply(
      "BAT0", "Battery",
      {{"capacity", "101"}, {"status", "Discharging"}, {"current_now", "-1500000"}, {"voltage_now", "12000000"}});
  CHECK(machine.batteries() == BatteryReading{100, true, 18000000});
  machine.supply("BAT0", "Battery", {{"voltage_now", "none"}});
  CHECK_FALSE(machine.batteries()->microwatts);
}

TEST_CASE("batteries that do not say discharge when no charger is there") {
  const Machine machine;
  machine.supply("BAT0", "Battery", {{"capacity", "40"}, {"status", "Unknown"}});
  CHECK_FALSE(machine.batteries()->discharging);
  machine.supply("AC", "Mains", {{"online", "0"}});
  CHECK(machine.batteries()->discharging);
  machine.supply("ucsi-1", "USB", {{"online", "1"}});
  CHECK_FALSE(machine.batteries()->discharging);
}

TEST_CASE("a machine is too hot where one of its zones says so of itself") {
  const Machine machine;
  CHECK_FALSE(machine.tooHot());
  machine.temperature(0, "60000");
  machine.trip(0, 0, "active", "50000");
  machine.trip(0, 1, "passive", "85000");
  machine.trip(0, 2, "critical", "105000");
  machine.temperature(1, "84999");
  machine.trip(1, 0, "hot", "90000");
  CHECK(machine.tooHot() == false);
  machine.temperature(0, "85000");
  CHECK(machine.tooHot() == true);
}

TEST_CASE("a zone whose limits are not in use does not say what is too hot") {
  const Machine machine;
  machine.temperature(0, "95000");
  machine.trip(0, 0, "passive", "0");
  machine.trip(0, 1, "passive", "-274000");
  machine.trip(0, 2, "critical", "90000");
  CHECK_FALSE(machine.tooHot());
  machine.trip(0, 3, "hot", "94000");
  CHECK(machine.tooHot() == true);
  for (const char* broken : {"127500", "-274000", "99999999999999999999", "warm"}) {
    machine.temperature(0, broken);
    CHECK_FALSE(machine.tooHot());
  }
}
