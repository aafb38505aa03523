#include <catch2/catch_test_macros.hpp>

#include "ui/cli/protection.h"

using namespace ringfence::cli;

namespace {

const Placement kRight{"/user.slice/session", "/ringfence-background/r-1/agent", true, false, false};

ProtectionSamples samples(double alone, double besideAgent, double besideUncontrolled) {
  ProtectionSamples taken{std::vector<double>(100, alone), std::vector<double>(100, besideAgent),
                          std::vector<double>(100, besideUncontrolled)};
  taken.workMicroseconds = 1000;
  taken.agentCpuSeconds = 0.9;
  taken.leftCpuSeconds = 1;
  return taken;
}

}  // namespace

TEST_CASE("the branch of an agent is what stands beside the person's way") {
  CHECK(branchOf("/ringfence-background/r-1/agent", "/user.slice/a") == "/ringfence-background");
  CHECK(branchOf("/ringfence-background/r-1/agent", "/") == "/ringfence-background");
  CHECK(branchOf("/user.slice/app.slice/agent/leaf", "/user.slice/app.slice/editor") == "/user.slice/app.slice/agent");
  CHECK(branchOf("/user.slice/agent", "/user.slice") == "/user.slice/agent");
  CHECK(branchOf("/user.slicer/agent", "/user.slice/x") == "/user.slicer");
  CHECK(branchOf("/a/b", "/a/b").empty());
  CHECK(branchOf("/a/b", "/a/b/c").empty());
  CHECK(branchOf("/", "/a").empty());
}

TEST_CASE("a program that stays as fast beside an agent is protected, whatever uncontrolled work does to it") {
  const Protection found = judge(samples(1100, 1150, 4000), kRight);
  CHECK(isGood(found));
  CHECK(found.findings.empty());
  CHECK(found.agentShare == 0.9);
  CHECK(protectionText(found).starts_with("ok   protection: your programs take 1.05 times as long"));
}

TEST_CASE("a program that an agent slows down is not protected, and the reason is looked for") {
  Placement wrong = kRight;
  wrong.branchIsIdle = false;
  const Protection found = judge(samples(1100, 3500, 4000), wrong);
  CHECK_FALSE(isGood(found));
  REQUIRE(found.findings.size() == 1);
  CHECK(found.findings[0].find("/ringfence-background is the sibling of what you work in") == 0);
  CHECK(protectionText(found).starts_with("FAIL protection"));
}

TEST_CASE(
    "where agents have their place and a program is slowed down all the same, a processor of its own is the way") {
  const Protection found = judge(samples(1100, 3500, 4000), kRight);
  CHECK_FALSE(isGood(found));
  REQUIRE(found.findings.size() == 1);
  CHECK(found.findings[0].find("reserve_processors = \"1\"") != std::string::npos);
}

TEST_CASE("each placement that protects nothing is named") {
  const auto findings = [](Placement placement) { return judge(samples(1100, 3500, 4000), placement).findings; };
  CHECK(findings({std::nullopt, std::nullopt, std::nullopt, false, true}).size() == 2);
  CHECK(findings({"/a", "/a", std::nullopt, false, false}).size() == 1);
  CHECK(findings({"/a", "/b/c", std::nullopt, false, false})[0].find("cpu.idle (Linux 5.15)") != std::string::npos);
  CHECK(findings({"/a", "/b/c", true, true, false})[0].find("sched_ext") != std::string::npos);
}

TEST_CASE("a measurement beside other work says that it proves nothing") {
  CHECK(judge(samples(9000, 9000, 9000), kRight).disturbed);
  const Protection noLoad = judge(samples(1100, 1100, 1100), kRight);
  CHECK(noLoad.disturbed);
  CHECK_FALSE(isGood(noLoad));
  CHECK(protectionText(noLoad).starts_with("     protection:"));
}

TEST_CASE("measurements are kept one a kernel and layout, the newest first, and read back") {
  Protection first{"6.1", "hybrid", "2026-11-28T10:00:00Z", 1.1, 3.5, 0.97, false, {"why"}};
  Protection second = first;
  second.kernel = "6.12";
  const std::string both = keptProtections(parseProtections(keptProtections({}, first)), second);
  CHECK(parseProtections(both) == std::vector<Protection>{second, first});
  first.factor = 2;
  CHECK(parseProtections(keptProtections(parseProtections(both), first)) == std::vector<Protection>{first, second});
  CHECK(parseProtections("not json").empty());
  CHECK(parseProtections("{\"kernel\": 1}").empty());
}
