#include "supervisor/governor/processor_reserve.h"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using namespace ringfence;
using namespace ringfence::supervisor::governor;

namespace {

struct Person {
  explicit Person(std::uint32_t wanted = 1) : reserve(wanted) {}
  // A second in which the person's programs had that part of a processor.
  std::optional<ProcessorReserve::Change> second(double part) {
    now += 1s;
    used += static_cast<std::uint64_t>(part * 1e6);
    work.tick(now, used);
    return reserve.tick(work);
  }
  ForegroundWork work;
  ProcessorReserve reserve;
  Microseconds now{};
  std::uint64_t used = 77'000'000;
};

}  // namespace

TEST_CASE("processors are kept from the first second in which the person's programs work until ten without") {
  Person person(2);
  CHECK_FALSE(person.second(0));  // What an earlier daemon kept stays kept until it is known whether they work.
  const auto first = person.second(0);
  REQUIRE(first);
  CHECK(first->processors == 0);
  CHECK(first->reason == "none of the person's programs works");
  CHECK_FALSE(person.second(0.02));
  const auto works = person.second(0.05);
  REQUIRE(works);
  CHECK(works->processors == 2);
  CHECK(works->reason == "the person's programs work");
  for (int i = 0; i < 100; ++i) CHECK_FALSE(person.second(i % 9 == 0 ? 0.5 : 0.0));
  int seconds = 0;
  std::optional<ProcessorReserve::Change> over;
  while (!over && seconds < 20) {
    ++seconds;
    over = person.second(0.01);
  }
  REQUIRE(over);
  CHECK(over->processors == 0);
  CHECK(seconds >= 9);
  CHECK(seconds <= 10);
  CHECK_FALSE(person.second(0));
  CHECK(person.second(0.05)->processors == 2);
}

TEST_CASE("where nobody can tell when the person's programs work, processors are always kept") {
  ForegroundWork work;
  ProcessorReserve reserve(1);
  work.tick(1s, std::nullopt);
  const auto first = reserve.tick(work);
  REQUIRE(first);
  CHECK(first->processors == 1);
  CHECK(first->reason.starts_with("nobody can tell"));
  for (int i = 2; i < 100; ++i) {
    work.tick(std::chrono::seconds(i), std::nullopt);
    CHECK_FALSE(reserve.tick(work));
  }
}

TEST_CASE("groups that come and go are no work") {
  Person person;
  (void)person.second(0);
  (void)person.second(0);
  person.used = 5;  // One went that had used much.
  CHECK_FALSE(person.second(0));
  CHECK_FALSE(person.second(0));
  CHECK(person.second(1)->processors == 1);
}

TEST_CASE("without the setting nothing is ever said") {
  Person person(0);
  for (int i = 0; i < 30; ++i) CHECK_FALSE(person.second(i % 2));
}
