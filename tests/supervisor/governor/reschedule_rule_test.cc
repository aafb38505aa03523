#include "supervisor/governor/reschedule_rule.h"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using namespace ringfence;
using namespace ringfence::supervisor::governor;

namespace {

// Four processors, and a person whose programs had a fifth of one all the time.
struct Machine {
  Machine() { work.tick(0s, person); }
  // A second in which so many agents had those parts of a processor together.
  bool second(std::size_t agents, double part) {
    used += static_cast<std::uint64_t>(part * 1e6);
    return after(1s, agents);
  }
  bool after(Microseconds time, std::size_t agents) {
    now += time;
    if (personWorks) person += static_cast<std::uint64_t>(time.count()) / 5;
    work.tick(now, person);
    return rule.tick(now, work, {.count = agents, .cpuUsec = used}, 4);
  }
  ForegroundWork work;
  RescheduleRule rule;
  Microseconds now{};
  bool personWorks = true;
  std::uint64_t person = 5'000'000, used = 33'000'000;
};

}  // namespace

TEST_CASE("the kernel is made to choose from an agent's first reading on, and while agents use half of the machine") {
  Machine machine;
  CHECK_FALSE(machine.second(0, 0));
  CHECK(machine.after(50ms, 1));
  CHECK(machine.after(500ms, 1));  // Nobody knows yet what it uses.
  CHECK_FALSE(machine.after(500ms, 1));
  for (int i = 0; i < 20; ++i) CHECK(machine.second(1, 2.05));
  CHECK(machine.second(1, 1.95));  // two seconds of less
  CHECK_FALSE(machine.second(1, 1.95));
  for (int i = 0; i < 20; ++i) CHECK_FALSE(machine.second(1, 1.95));
  CHECK(machine.second(1, 3));
}

TEST_CASE("it is not while the person's programs rest, nor while every agent is held") {
  Machine machine;
  CHECK(machine.second(2, 3));
  CHECK(machine.second(2, 3));
  CHECK_FALSE(machine.after(10ms, 0));
  CHECK_FALSE(machine.second(0, 0));
  CHECK(machine.after(10ms, 1));  // One goes on.
  machine.personWorks = false;
  int seconds = 0;
  while (machine.second(1, 3)) ++seconds;
  CHECK(seconds >= 9);
  CHECK(seconds <= 11);
}

TEST_CASE("nobody waits for a reading when an agent begins or goes on") {
  Machine machine;
  CHECK_FALSE(
      machine.rule.wentOn(machine.now, machine.work));  // It is not known yet whether the person's programs work.
  CHECK_FALSE(machine.second(0, 0));
  CHECK(machine.rule.wentOn(machine.now, machine.work));
  CHECK(machine.after(300ms, 1));
  CHECK(machine.second(1, 3));
}

TEST_CASE("where nobody can tell when the person's programs work it is whenever agents are busy") {
  ForegroundWork work;
  RescheduleRule rule;
  work.tick(1s, std::nullopt);
  CHECK(rule.tick(1s, work, {.count = 1, .cpuUsec = 0}, 2));
  CHECK_FALSE(rule.tick(4s, work, {.count = 1, .cpuUsec = 0}, 2));
  CHECK(rule.tick(5s, work, {.count = 1, .cpuUsec = 1'100'000}, 2));
}

TEST_CASE("what an agent used before it was held is no use of the time in which it goes on") {
  Machine machine;
  for (int i = 0; i < 5; ++i) CHECK(machine.second(1, 3));
  CHECK_FALSE(machine.after(10ms, 0));
  machine.used += 40'000'000;
  CHECK(machine.after(1s, 1));
  CHECK_FALSE(machine.after(1s, 1));
}

TEST_CASE("an agent that ends takes what it used with it, and that is no use of the others'") {
  Machine machine;
  CHECK(machine.second(2, 1));
  CHECK(machine.second(2, 3));
  machine.used -= 30'000'000;
  CHECK(machine.after(1s, 1));  // busy a second ago
  CHECK_FALSE(machine.after(1s, 1));
  CHECK_FALSE(machine.second(1, 0.1));
}

TEST_CASE("kernels choose often enough before EEVDF and with ticks of a millisecond") {
  CHECK(rescheduleEvery("6.6.0", 4ms) == 4ms);
  CHECK(rescheduleEvery("6.18.44-generic", 4ms) == 4ms);
  CHECK(rescheduleEvery("7.0", 4ms) == 4ms);
  CHECK(rescheduleEvery("6.12.48+deb13-amd64", 3'333'333ns) == 3'333'333ns);
  CHECK(rescheduleEvery("6.12.1", 10ms) == 2'500us);
  CHECK(rescheduleEvery("6.12.1", 10'000'019ns) == 10'000'019ns);  // a prime
  CHECK_FALSE(rescheduleEvery("6.5.13", 4ms));
  CHECK_FALSE(rescheduleEvery("6.1.0-40-amd64", 4ms));
  CHECK_FALSE(rescheduleEvery("5.15", 4ms));
  CHECK_FALSE(rescheduleEvery("6.12.1", 1ms));
  for (const char* none : {"", "6", "six.six", "6.", ".6"}) CHECK_FALSE(rescheduleEvery(none, 4ms));
}
