#include "sandbox/wire/guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/wire/action_ring.h"
#include "sandbox/wire/long_message.h"

namespace ringfence::sandbox {
namespace {

GuardedAction sampleAction() {
  return {.action = {.operation = policy::Operation::kExec, .target = "/usr/bin/git", .argv = {"git", "push"}},
          .what = "execve",
          .cwd = "/home/ann/project",
          .object = "8:1",
          .chain = {{812, "bash"}, {1, "run-init"}},
          .reversible = Reversibility::kLeavesDevice};
}

GuardRules sampleRules() {
  GuardRules rules{.run = *RunId::parse("r-0123456789abcdef"), .generation = 3};
  rules.document.name = "coding";
  rules.document.files.ask.push_back({"~/Documents", {"coding.toml", 12, "ask = [\"~/Documents\"]"}});
  rules.document.network.publish = {3000};
  rules.document.prompt.timeout = std::chrono::seconds(90);
  rules.document.grants.push_back({.id = 7, .target = "/home/ann/notes", .until = "2026-12-01T00:00:00Z"});
  rules.document.environment.set = {{"EDITOR", "true"}};
  rules.document.origins = {{"files.workspace", {"base.toml", 3, "workspace = \"rw\""}}};
  rules.places = {"/home/ann/project", "/home/ann"};
  return rules;
}

TEST_CASE("what a guard says comes back as it was said, and no shorter message is one") {
  const Ask ask{.ask = 41, .action = sampleAction(), .rule = {"exec.rule git push", {"p.toml", 4, "x"}, "publishes"}};
  const auto bytes = encodeBounded(GuardEvent(ask));
  REQUIRE(bytes);
  const auto decoded = decodeGuardEvent(*bytes);
  REQUIRE(decoded);
  const auto* back = std::get_if<Ask>(&*decoded);
  REQUIRE(back != nullptr);
  CHECK(back->ask == 41);
  CHECK(back->action == ask.action);
  CHECK(back->rule == ask.rule);
  for (std::size_t length = 0; length < bytes->size(); ++length)
    CHECK_FALSE(decodeGuardEvent(bytes->substr(0, length)));
  CHECK_FALSE(decodeGuardEvent(*bytes + "x"));
  CHECK_FALSE(decodeGuardOrder(*bytes));
}

TEST_CASE("a whole policy reaches a guard, also one that is longer than a packet") {
  GuardRules rules = sampleRules();
  for (const std::size_t extra : {0U, 3000U}) {
    for (std::size_t i = 0; i < extra; ++i)
      rules.document.files.forbid.push_back({"$WORKSPACE/" + std::string(40, 'f') + std::to_string(i), {"f", 1, "t"}});
    auto bytes = encodeBounded(GuardOrder(rules));
    REQUIRE(bytes);
    CHECK((bytes->size() > kMaxGuardPacket.count) == (extra > 0));
    const auto packet = packRequest(std::move(*bytes));
    REQUIRE(packet);
    const auto order = decodeGuardOrder(*packet);
    REQUIRE(order);
    const auto* back = std::get_if<GuardRules>(&*order);
    REQUIRE(back != nullptr);
    CHECK(back->document == rules.document);
    CHECK(back->places.home == "/home/ann");
    CHECK(back->generation == 3);
  }
}

TEST_CASE("a ring of actions gives back what was put in, in order, and overwrites nothing") {
  auto writer = ActionRing::create(kibibytes(8));
  REQUIRE(writer);
  auto reader = ActionRing::open(UniqueFd(dup(writer->fd())));
  REQUIRE(reader);
  std::string expected;
  std::size_t put = 0;
  std::size_t taken = 0;
  const auto entryOf = [](std::size_t number) { return std::to_string(number) + std::string(number % 300, 'x'); };
  for (int round = 0; round < 200; ++round) {
    CHECK(writer->put(entryOf(put)) == ActionRing::Put::kFirst);
    ++put;
    while (writer->put(entryOf(put)) == ActionRing::Put::kDone) ++put;
    CHECK_FALSE(writer->isHalfFree());
    for (;;) {
      const auto entry = reader->take();
      REQUIRE(entry);
      if (!*entry) break;
      CHECK(**entry == entryOf(taken));
      ++taken;
    }
    CHECK(reader->empty());
    CHECK(writer->isHalfFree());
    CHECK(taken == put);
  }
  CHECK(put > 5000);
  CHECK(writer->put(std::string(kMaxRingEntry.count + 1, 'x')) == ActionRing::Put::kFull);
}

TEST_CASE("what an egress tells of its connections, and is told of holds, comes back, and impossible states do not") {
  const NetworkActivity activity{NetworkState::kStreaming, 7, 3000};
  const auto told = encodeBounded(GuardEvent(activity));
  REQUIRE(told);
  CHECK(std::get<NetworkActivity>(*decodeGuardEvent(*told)) == activity);
  const HoldReport report{4000, 3, 1, 2, 1, 65536};
  CHECK(std::get<HoldReport>(*decodeGuardEvent(*encodeBounded(GuardEvent(report)))) == report);
  CHECK(std::get<RunHeld>(*decodeGuardOrder(*encodeBounded(GuardOrder(RunHeld{true})))).held);
  CHECK(std::get<DeferCalls>(*decodeGuardOrder(*encodeBounded(GuardOrder(DeferCalls{true})))).defer);
  std::string odd = *told;
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < odd.size(); ++at) {
    const char was = std::exchange(odd[at], '\x7f');
    if (const auto event = decodeGuardEvent(odd)) {
      ++accepted;
      CHECK(std::get<NetworkActivity>(*event).state <= NetworkState::kStreaming);
    }
    odd[at] = was;
  }
  CHECK(accepted < odd.size());
}

TEST_CASE("a ring whose writer lies is emptied and called broken") {
  auto ring = ActionRing::create(kibibytes(8));
  REQUIRE(ring);
  REQUIRE(ring->put("honest") == ActionRing::Put::kFirst);
  auto* bytes = static_cast<unsigned char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd(), 0));
  REQUIRE(bytes != MAP_FAILED);
  bytes[4096] = 0xff;  // the length of the entry
  CHECK_FALSE(ring->take());
  CHECK(ring->empty());
  bytes[16 + 7] = 0x7f;  // all that was ever written
  CHECK_FALSE(ring->take());
  CHECK(ring->empty());
  munmap(bytes, 8192);
  CHECK_FALSE(ActionRing::open(UniqueFd(memfd_create("other", MFD_CLOEXEC))));
}

TEST_CASE("an allowed action comes back from its entry") {
  const AllowedAction allowed{sampleAction(), "files.workspace = \"rw\"", Microseconds(123456)};
  const auto back = decodeEntry(encodeEntry(allowed));
  REQUIRE(back);
  CHECK(*back == allowed);
}

TEST_CASE("an entry that is encoded once for many is the one of each process and time") {
  AllowedAction allowed{sampleAction(), "files.workspace = \"rw\"", Microseconds(0)};
  const EntryForm form(allowed.action, allowed.rule);
  for (const auto& [pid, time] : {std::pair{1, 0}, std::pair{2147483647, 123456789}, std::pair{258, 65537}}) {
    allowed.action.chain = {{.pid = pid, .name = {}}};
    allowed.boottime = Microseconds(time);
    CHECK(form.entry(pid, allowed.boottime) == encodeEntry(allowed));
  }
}

}  // namespace
}  // namespace ringfence::sandbox
