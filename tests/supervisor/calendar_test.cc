#include "supervisor/calendar.h"

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <ctime>

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds kYear2026{1'767'225'600};  // 2026-01-01T00:00:00Z
constexpr auto kDay = 24h;

class Zone {
 public:
  explicit Zone(const char* rule) {
    if (const char* was = std::getenv("TZ")) was_ = was;
    ::setenv("TZ", rule, 1);
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    if (was_)
      ::setenv("TZ", was_->c_str(), 1);
    else
      ::unsetenv("TZ");
    ::tzset();
  }

 private:
  std::optional<std::string> was_;
};

// By the number of the day in the year 2026, from 0, and the time since its midnight in UTC.
Today at(int day, std::chrono::seconds time) { return localToday(kYear2026 + day * kDay + time); }

constexpr int kLastSundayOfMarch = 31 + 28 + 28, kLastSundayOfOctober = 31 + 28 + 31 + 30 + 31 + 30 + 31 + 31 + 30 + 24;
// Clocks are changed at two in the morning; at midnight; from one o'clock back to midnight.
constexpr const char* kZones[] = {"UTC0",
                                  "CET-1CEST,M3.5.0,M10.5.0/3",
                                  "BRT3BRST,M10.3.0/0,M2.3.0/0",
                                  "AZOT1AZOST,M3.5.0/0,M10.5.0/1",
                                  "NPT-5:45",
                                  "LINT-14",
                                  "AoE12"};

}  // namespace

TEST_CASE("of a day on which clocks are changed as much has passed as did, not what the clock says") {
  const Zone berlin("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(at(kLastSundayOfMarch - 1, 11h).passed == 12h);
  CHECK(at(kLastSundayOfMarch, 10h).day == "2026-03-29");
  CHECK(at(kLastSundayOfMarch, 10h).passed == 11h);  // noon
  CHECK(at(kLastSundayOfOctober, 11h).day == "2026-10-25");
  CHECK(at(kLastSundayOfOctober, 11h).passed == 13h);
  CHECK(at(0, 23h).passed == 0us);
  CHECK(localToday(kYear2026 + 23h + 1500us).passed == 1500us);
}

TEST_CASE("a day begins where its name does, also where it has no midnight or two, and no time of it is negative") {
  for (const char* rule : kZones) {
    const Zone zone(rule);
    for (std::chrono::seconds time = kYear2026; time < kYear2026 + 365 * kDay; time += 7h + 13min + 7s) {
      const Today today = localToday(time);
      const Microseconds began = time - today.passed;
      CAPTURE(rule, today.day, today.passed.count());
      if (today.passed < 0us || today.passed >= 25h || localToday(began).day != today.day ||
          localToday(began - 1s).day >= today.day)
        FAIL("not the beginning of that day");
    }
  }
  CHECK(localToday(kYear2026).passed >= 0us);
}
