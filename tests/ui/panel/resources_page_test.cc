// Resources with a real daemon: figures of the device, agents stacked, and what is unknown said so.
#include "ui/panel/resources_page.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/ui/panel/page_world.h"
#include "ui/panel/device_words.h"

using namespace ringfence;
using namespace ringfence::ui;
using namespace ringfence::test;

namespace {

QString valueOf(const std::vector<DeviceLine>& lines, const QString& name) {
  for (const DeviceLine& line : lines) {
    if (line.name == name) return line.value;
  }
  return "no such line";
}

}  // namespace

TEST_CASE("agents are stacked on one another, and the device's own figures are those of the machine") {
  PageWorld world;
  const std::string first = world.start({"/bin/sh", "-c", "while :; do :; done"}, "busy one");
  (void)world.start({"/bin/sleep", "600"}, "quiet one");
  ResourcesPage page(world.sources(), *world.facts);
  show(page);
  const auto cpu = [&] { return page.plots().plot(Figure::kCpu)->spoken(); };
  REQUIRE(until([&] { return cpu().contains("busy one") && cpu().contains("quiet one"); }));
  CHECK(until([&] { return !cpu().contains("unknown"); }));
  CHECK(page.plots().plot(Figure::kMemory)->spoken().contains("busy one"));
  CHECK(textOf(page, "Processor").contains(QString("of %1 processor").arg(sysconf(_SC_NPROCESSORS_ONLN))));
  CHECK(textOf(page, "Memory").contains("in use"));

  auto* spans = findNamed<QComboBox>(page, "How far back");
  spans->setCurrentIndex(1);
  CHECK(until([&] { return cpu().contains("busy one"); }));
}

TEST_CASE("what a device does not tell is unknown and not 0") {
  for (const DeviceLine& line : deviceLines(std::nullopt)) {
    INFO(line.name.toStdString());
    CHECK(line.value.contains("unknown"));
  }
  top::Machine machine;
  machine.cpus = 4;
  machine.cpu = 120.4;
  machine.memoryTotal = 4ull << 30;
  machine.memoryAvailable = 1ull << 30;
  machine.waitsForMemory = 3.2;
  machine.power = {{"package-0", 12.5}};
  machine.battery = client::Battery{.percent = 81, .discharging = true};
  const auto lines = deviceLines(machine);
  CHECK(valueOf(lines, "Processor").startsWith("120 % of 4 processor"));
  CHECK(valueOf(lines, "Memory") == "3.0 GiB of 4.0 GiB in use");
  CHECK(valueOf(lines, "Something waits for memory") == "3 % of the time");
  CHECK(valueOf(lines, "Something waits for disks") == "unknown");
  CHECK(valueOf(lines, "Energy") == "package-0 12.5 W");
  CHECK(valueOf(lines, "Battery") == "81 %, in use");
  CHECK(valueOf(lines, "NPU") == "unknown");
}
