// What the launch dialog, the check-up and the settings make of what they read: pure.
#include <catch2/catch_all.hpp>

#include "ui/panel/admin_values.h"
#include "ui/panel/doctor_report.h"
#include "ui/panel/launch_choices.h"

using namespace ringfence::ui;

TEST_CASE("a choice becomes the command line that a person would type") {
  LaunchChoice choice{"claude --model \"a b\"", " coding ", "/tmp", "webapp", true};
  CHECK(missingIn(choice).isEmpty());
  const QStringList wanted{"run",    "--detach",     "--policy", "coding", "--workspace", "/tmp", "--name",
                           "webapp", "--unattended", "--",       "claude", "--model",     "a b"};
  CHECK(argumentsOf(choice) == wanted);
}

TEST_CASE("what is missing for a launch is said, one thing after the other") {
  CHECK(missingIn({"", "coding", "/tmp", "", false}).contains("agent or command"));
  CHECK(missingIn({"claude", " ", "/tmp", "", false}).contains("policy"));
  CHECK(missingIn({"claude", "coding", "", "", false}).contains("folder"));
  CHECK(missingIn({"claude", "coding", "/nonexistent", "", false}).contains("/nonexistent"));
}

TEST_CASE("policies are read line by line, and what is no policy is left out") {
  const auto policies = policiesOf(
      "{\"name\":\"coding\",\"summary\":\"for code\",\"broken\":false}\nnonsense\n{\"name\":\"x\",\"broken\":true}\n");
  REQUIRE(policies.size() == 2);
  CHECK(policies[0].summary == "for code");
  CHECK(policies[1].broken);
}

TEST_CASE("a check-up names what needs a look first") {
  const auto report = doctorReportOf(
      R"({"kernel":"6.1","checks":[{"name":"root","ok":true,"detail":"fine"},{"name":"log","ok":false,"detail":"full\u001b"}]})");
  REQUIRE(report);
  CHECK(report->wrong == 1);
  CHECK(report->checks.front().name == "log");
  CHECK_FALSE(report->checks.front().detail.contains(QChar(0x1b)));
  CHECK_FALSE(doctorReportOf("ringfenced: cannot"));
}

TEST_CASE("what the administrator set is shown with its line") {
  const auto values =
      adminValuesOf("# comment\ndead_man_after = \"10s\"\n\n[governor]\nswap = false # why\nstop_keys = []\n");
  REQUIRE(values.size() == 3);
  CHECK(values[0].key == "dead_man_after");
  CHECK(values[0].line == 2);
  CHECK(values[1].key == "governor.swap");
  CHECK(values[2].line == 6);
}
