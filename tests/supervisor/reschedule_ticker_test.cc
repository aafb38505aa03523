#include "supervisor/reschedule_ticker.h"

#include <dirent.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

std::string fieldOf(int thread, const std::string& field) {
  std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return line.substr(line.find_first_not_of(" \t", field.size() + 1));
  }
  return {};
}

// How often each has slept until now, as the kernel counts it.
std::map<int, long> sleepsOfThreads() {
  std::map<int, long> sleeps;
  DIR* tasks = ::opendir("/proc/self/task");
  REQUIRE(tasks != nullptr);
  while (const dirent* entry = ::readdir(tasks)) {
    const int thread = std::atoi(entry->d_name);
    if (thread != 0 && fieldOf(thread, "Name") == "reschedule")
      sleeps[thread] = std::stol(fieldOf(thread, "voluntary_ctxt_switches"));
  }
  ::closedir(tasks);
  return sleeps;
}

std::map<int, long> sleepsWithin(std::chrono::milliseconds time) {
  const auto before = sleepsOfThreads();
  std::this_thread::sleep_for(time);
  auto after = sleepsOfThreads();
  for (auto& [thread, sleeps] : after) sleeps -= before.contains(thread) ? before.at(thread) : 0;
  return after;
}

}  // namespace

TEST_CASE("a thread of each processor wakes after each tick, in the batch class, and none while it is off") {
  cpu_set_t ours;
  REQUIRE(::sched_getaffinity(0, sizeof ours, &ours) == 0);
  const auto processors = static_cast<std::size_t>(CPU_COUNT(&ours));
  {
    RescheduleTicker ticker(4ms);
    REQUIRE(ticker.set(false));
    CHECK(sleepsOfThreads().empty());
    REQUIRE(ticker.set(true));
    std::this_thread::sleep_for(50ms);
    std::map<int, int> threadsOn;
    for (const auto& [thread, sleeps] : sleepsWithin(1s)) {
      CHECK(sleeps >= 50);   // 250 on a machine that has time for them
      CHECK(sleeps <= 600);  // twice as many at most
      CHECK(::sched_getscheduler(thread) == SCHED_BATCH);
      cpu_set_t its;
      REQUIRE(::sched_getaffinity(thread, sizeof its, &its) == 0);
      REQUIRE(CPU_COUNT(&its) == 1);
      for (int processor = 0; processor < CPU_SETSIZE; ++processor)
        if (CPU_ISSET(processor, &its)) ++threadsOn[processor];
    }
    CHECK(threadsOn.size() == processors);
    for (const auto& [processor, threads] : threadsOn) CHECK(threads == 1);

    REQUIRE(ticker.set(false));
    const auto wakes = [](const auto& one) { return one.second != 0; };
    auto off = sleepsWithin(500ms);  // One that waits for its turn meanwhile sleeps once more.
    for (int i = 0; i < 10 && std::ranges::any_of(off, wakes); ++i) off = sleepsWithin(500ms);
    CHECK(off.size() == processors);
    CHECK(std::ranges::none_of(off, wakes));
    REQUIRE(ticker.set(true));
    std::this_thread::sleep_for(50ms);
    for (const auto& [thread, sleeps] : sleepsWithin(500ms)) CHECK(sleeps > 0);
  }
  CHECK(sleepsOfThreads().empty());
}
