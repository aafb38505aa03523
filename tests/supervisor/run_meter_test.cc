#include "supervisor/run_meter.h"

#include <fcntl.h>

#include <catch2/catch_all.hpp>

#include "daemon_world.h"

namespace ringfence::supervisor::daemon_world {
namespace {

GroupReading reading(std::uint64_t cpuUsec, std::uint64_t memoryBytes, std::uint64_t pids) {
  GroupReading made;
  made.cpuUsec = cpuUsec;
  made.memoryBytes = memoryBytes;
  made.pids = pids;
  return made;
}

TEST_CASE("a run is still while it takes no processor time and has the memory and the processes that it had") {
  Stillness still;
  CHECK_FALSE(still.lasts(reading(1, 2, 3), Microseconds(0)));
  still.begin(reading(1, 2, 3), Microseconds(0));
  CHECK(still.lasts(reading(1, 2, 3), Microseconds(29'999'999)));
  CHECK_FALSE(still.lasts(reading(2, 2, 3), Microseconds(1)));
  CHECK_FALSE(still.lasts(reading(1, 3, 3), Microseconds(1)));
  CHECK_FALSE(still.lasts(reading(1, 2, 4), Microseconds(1)));
}

TEST_CASE("nothing is taken for known for longer than half a minute, nor where a number is missing") {
  Stillness still;
  still.begin(reading(1, 2, 3), Microseconds(0));
  CHECK_FALSE(still.lasts(reading(1, 2, 3), Microseconds(30'000'000)));
  GroupReading without = reading(1, 2, 3);
  without.cpuUsec.reset();
  still.begin(without, Microseconds(0));
  CHECK_FALSE(still.lasts(without, Microseconds(1)));
}

// The groups of a run that are files, and a /proc with its one process.
struct MeteredWorld : World {
  Peering client{*this, 1000};
  Run run = daemon->state().runs.at(launch(*this, client));
  UniqueFd proc;
  std::optional<RunMeter> meter;

  MeteredWorld() {
    write("agent/cpu.stat", "usage_usec 5000\n");
    write("memory.current", "1000\n");
    write("memory.stat", "anon 600\n");
    write("pids.current", "1\n");
    write("pids.events", "max 1\n");
    write("io.stat", "254:0 rbytes=100 wbytes=20\n");
    write("agent/cgroup.procs", "77\n");
    wrote(10);
    proc = openAt(AT_FDCWD, dir.makeDirectory("proc"), O_PATH | O_DIRECTORY).value();
    meter = RunMeter::open(*cgroups, run, 0);
    REQUIRE(meter);
  }
  void write(const std::string& file, const std::string& text) {
    dir.write("unified/ringfence-background/" + run.id.text() + "/" + file, text);
  }
  void wrote(int bytes) { dir.write("proc/77/io", "rchar: 1\nwchar: 2\nwrite_bytes: " + std::to_string(bytes) + "\n"); }
  void look(Microseconds now) {
    meter->read({.depth = Depth::kFull, .notDisks = {}, .now = now});
    meter->readProcesses(*cgroups, proc.get(), run, RunMeter::Extent::kAll, now);
  }
};

TEST_CASE("what somebody else looked at is not taken for what the governor has seen") {
  MeteredWorld world;
  world.look(Microseconds(0));
  world.write("memory.stat", "anon 700\n");
  CHECK(world.meter->readAll({}).anonymousBytes == 700);
  CHECK(world.meter->last().anonymousBytes == 600);
  const auto next = [&] {
    world.meter->read({.depth = Depth::kQuick, .notDisks = {}, .now = Microseconds(1)});
    return world.meter->last();
  };
  CHECK_FALSE(next().anonymousRepeated);
  CHECK(next().anonymousRepeated);
}

TEST_CASE("of a run in which nothing ran only what shows that is read, and all again when something did") {
  MeteredWorld world;
  world.look(Microseconds(0));
  CHECK(world.meter->last().ioWriteBytes == 20);
  CHECK(world.meter->written() == 10);
  CHECK(world.meter->events().pidsRefused == 1);
  world.write("io.stat", "254:0 rbytes=100 wbytes=30\n");
  world.write("pids.events", "max 2\n");
  world.wrote(15);
  world.look(Microseconds(1'000'000));
  CHECK(world.meter->last().ioWriteBytes == 20);
  CHECK(world.meter->written() == 10);
  CHECK(world.meter->events().pidsRefused == 1);
  SECTION("it ran") {
    world.write("agent/cpu.stat", "usage_usec 5001\n");
    world.look(Microseconds(2'000'000));
  }
  SECTION("half a minute later what the kernel did for it is known as well") { world.look(Microseconds(30'000'000)); }
  CHECK(world.meter->last().ioWriteBytes == 30);
  CHECK(world.meter->written() == 15);
  CHECK(world.meter->events().pidsRefused == 2);
}

TEST_CASE("whoever looks at a run sees it as it is") {
  MeteredWorld world;
  world.look(Microseconds(0));
  world.write("io.stat", "254:0 rbytes=100 wbytes=30\n");
  CHECK(world.meter->readAll({}).ioWriteBytes == 30);
}

}  // namespace
}  // namespace ringfence::supervisor::daemon_world
