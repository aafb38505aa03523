// The journal of calls, the rules and the counting of denials, each by itself.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "sandbox/warden/denials.h"
#include "sandbox/warden/journal.h"
#include "sandbox/warden/rules.h"
#include "sdk/base/io.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

UniqueFd journalFile() {
  UniqueFd fd(::memfd_create("journal", MFD_CLOEXEC));
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(kCallsJournalBytes.count)) == 0);
  return fd;
}

Journal opened(const UniqueFd& file) {
  auto journal = Journal::open(UniqueFd(::dup(file.get())));
  REQUIRE(journal);
  return std::move(*journal);
}

Notification call(std::uint64_t id) { return {.id = id, .thread = 42, .number = 257, .arguments = {1, 2, 3, 4, 5, 6}}; }

// As the kernel would write it; the layout is struct seccomp_notif's.
void putIntoInbox(const Journal& journal, std::uint64_t id, std::uint32_t thread) {
  std::memcpy(journal.inbox().data(), &id, sizeof id);
  std::memcpy(journal.inbox().data() + sizeof id, &thread, sizeof thread);
}

Rules rules(policy::Document document) {
  return Rules(
      {.run = {}, .generation = 1, .document = std::move(document), .places = {"/ws", "/home/a"}, .credentials = {}});
}

policy::Action write(const char* path) { return {.operation = policy::Operation::kWrite, .target = path, .argv = {}}; }

}  // namespace

TEST_CASE("what a warden received is there for the next one, with its arguments") {
  const UniqueFd file = journalFile();
  {
    Journal journal = opened(file);
    CHECK(journal.left().empty());
    putIntoInbox(journal, 7, 42);
    const std::size_t first = journal.take(call(7));
    CHECK_FALSE(journal.inboxCall());
    const std::size_t second = journal.take(call(8));
    journal.setAsking(second, 3, 99);
    const std::size_t third = journal.take(call(9));
    journal.setPerforming(third);
    journal.release(first);
  }
  const auto left = opened(file).left();
  REQUIRE(left.size() == 2);
  const auto asking = std::ranges::find(left, CallState::kAsking, &Journal::Left::state);
  REQUIRE(asking != left.end());
  CHECK(asking->call == call(8));
  CHECK(asking->ask == 3);
  CHECK(asking->digest == 99);
  CHECK(std::ranges::find(left, CallState::kPerforming, &Journal::Left::state)->call.id == 9);
}

TEST_CASE("a call that the kernel gave and that no slot has is not lost, and one that both have is one call") {
  const UniqueFd file = journalFile();
  { putIntoInbox(opened(file), 11, 42); }
  {
    const auto left = opened(file).left();
    REQUIRE(left.size() == 1);
    CHECK(left[0].call.id == 11);
    CHECK(left[0].state == CallState::kReceived);
  }
  // Killed after it was moved and before the inbox was emptied.
  { putIntoInbox(opened(file), 11, 42); }
  Journal journal = opened(file);
  CHECK(journal.left().size() == 1);
  CHECK_FALSE(journal.inboxCall());
}

TEST_CASE("numbers of questions are not used twice, also by the next warden") {
  const UniqueFd file = journalFile();
  const std::uint64_t first = opened(file).nextAsk();
  const std::uint64_t second = opened(file).nextAsk();
  CHECK(first != second);
  CHECK(first != 0);
}

TEST_CASE("a digest is the same for the next warden, and another one in another run") {
  const UniqueFd file = journalFile();
  const UniqueFd other = journalFile();
  CHECK(opened(file).digest("x") == opened(file).digest("x"));
  CHECK(opened(file).digest("x") != opened(file).digest("y"));
  CHECK(opened(file).digest("x") != opened(other).digest("x"));
}

TEST_CASE("a journal has room for as many calls as it says, and again when they are answered") {
  const UniqueFd file = journalFile();
  Journal journal = opened(file);
  std::size_t last = 0;
  for (std::size_t i = 0; i < kCallSlots; ++i) {
    REQUIRE(journal.hasRoom());
    last = journal.take(call(i + 1));
  }
  CHECK_FALSE(journal.hasRoom());
  journal.release(last);
  CHECK(journal.hasRoom());
}

TEST_CASE("a file that is too short is no journal") {
  const auto journal = Journal::open(UniqueFd(::memfd_create("journal", MFD_CLOEXEC)));
  CHECK(journal.error().code == ErrorCode::kInvalid);
}

TEST_CASE("the strictest verdict over all targets counts, and says about which") {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.ask.push_back({.pattern = "/ws/asked", .origin = {"f", 1, ""}});
  document.files.forbid.push_back({.pattern = "/ws/keys", .origin = {"f", 2, ""}});
  const Rules all = rules(document);
  CHECK(all.rule({write("/ws/a")}).decision == policy::Decision::kAllow);
  const Ruling asked = all.rule({write("/ws/a"), write("/ws/asked")});
  CHECK(asked.decision == policy::Decision::kAsk);
  CHECK(asked.target == 1);
  const Ruling forbidden = all.rule({write("/ws/keys/x"), write("/ws/asked")});
  CHECK(forbidden.decision == policy::Decision::kForbid);
  CHECK(forbidden.target == 0);
}

TEST_CASE("what a mount holds is refused by name, and what the run made itself under such a name is its own") {
  policy::Document document;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  for (const char* pattern : {"/ws/**/.env*", "/ws/.git/hooks", "/ws/keys"})
    document.files.forbid.push_back({.pattern = pattern, .origin = {"f", 1, ""}});
  // A pattern that matches what is a mount on every machine.
  document.files.forbid.push_back({.pattern = "/pro*", .origin = {"f", 2, ""}});
  const Rules all({.run = {}, .generation = 1, .document = document, .places = {"/ws", "/home/a"}, .credentials = {}});
  CHECK(all.rule({write("/ws/dep/.env.example")}).decision == policy::Decision::kAllow);
  CHECK(all.rule({write("/ws/.git/hooks/pre-commit")}).decision == policy::Decision::kAllow);
  CHECK(all.rule({write("/proc/x")}).decision == policy::Decision::kForbid);
  CHECK(all.rule({write("/ws/keys/x")}).decision == policy::Decision::kForbid);
  CHECK(all.rule({{policy::Operation::kRead, "/ws/dep/.env.example", {}}}).decision == policy::Decision::kForbid);
  document.walls.mount = policy::WallStrength::kBestEffort;
  const Rules bare({.run = {}, .generation = 1, .document = document, .places = {"/ws", "/home/a"}, .credentials = {}});
  CHECK(bare.rule({write("/ws/.git/hooks/pre-commit")}).decision == policy::Decision::kForbid);
}

TEST_CASE("a change in a workspace below /tmp is recorded, one in the /tmp of the run itself is not") {
  const Rules all({.run = {}, .generation = 1, .document = {}, .places = {"/tmp/ws", "/home/a"}, .credentials = {}});
  CHECK(all.rule({write("/tmp/ws/a")}).decision == policy::Decision::kAllow);
  CHECK(all.rule({write("/tmp/ws/a")}).recorded);
  CHECK(all.rule({write("/tmp/a")}).decision == policy::Decision::kAllow);
  CHECK_FALSE(all.rule({write("/tmp/a")}).recorded);
}

TEST_CASE("what only an audit allows is recorded with the rule that would ask, reads included, and no other read") {
  policy::Document document;
  document.mode = policy::Mode::kAudit;
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.read.push_back({.pattern = "/usr", .origin = {"f", 1, ""}});
  document.files.ask.push_back({.pattern = "/asked", .origin = {"f", 2, ""}});
  document.files.askRead.push_back({.pattern = "/private", .origin = {"f", 3, ""}});
  document.auditRead.push_back({.pattern = "/data", .origin = {"f", 4, ""}});
  const auto read = [](const char* path) { return policy::Action{policy::Operation::kRead, path, {}}; };
  const Rules audit = rules(document);
  for (const auto& [action, rule] :
       std::vector<std::pair<policy::Action, std::string>>{{write("/asked/a"), "files.ask /asked"},
                                                           {write("/private/a"), "files.ask_read /private"},
                                                           {read("/private/a"), "files.ask_read /private"},
                                                           {read("/data/a"), "audit.read /data"}}) {
    CAPTURE(action.target, rule);
    const Ruling ruling = audit.rule({action});
    CHECK(ruling.decision == policy::Decision::kAllow);
    CHECK(ruling.recorded);
    CHECK(ruling.verdict.rule == rule);
  }
  for (const char* path : {"/usr/a", "/ws/a", "/asked/a"}) CHECK_FALSE(audit.rule({read(path)}).recorded);
  CHECK(audit.rule({write("/data/a")}).decision == policy::Decision::kForbid);
  CHECK(audit.rule({write("/ws/a")}).recorded);
  document.mode = policy::Mode::kEnforce;
  const Rules enforced = rules(document);
  CHECK(enforced.rule({read("/private/a")}).decision == policy::Decision::kAsk);
  CHECK(enforced.rule({read("/data/a")}).decision == policy::Decision::kForbid);
}

TEST_CASE("what the run brings along may be changed, what is forbidden there may not, and the rest is not granted") {
  policy::Document document;
  document.files.forbid.push_back({.pattern = "~/.bashrc", .origin = {"f", 2, ""}});
  const Rules all = rules(document);
  CHECK(all.rule({write("/tmp/x")}).decision == policy::Decision::kAllow);
  CHECK_FALSE(all.rule({write("/tmp/x")}).recorded);
  CHECK(all.rule({write("/dev/null")}).decision == policy::Decision::kAllow);
  CHECK(all.rule({write("/home/a/notes")}).decision == policy::Decision::kAllow);
  CHECK(all.rule({write("/home/a/notes")}).recorded);
  CHECK(all.rule({write("/home/a/.bashrc")}).decision == policy::Decision::kForbid);
  CHECK(all.rule({write("/home/ab")}).decision == policy::Decision::kForbid);
  CHECK(all.rule({write("/tmpx")}).decision == policy::Decision::kForbid);
  CHECK(all.rule({write("/etc/passwd")}).decision == policy::Decision::kForbid);
  CHECK(all.rule({}).decision == policy::Decision::kAllow);
}

TEST_CASE("a denial is told at once and its repetitions as one number when a second is over") {
  DenialCounter counter;
  const GuardedAction action{.action = write("/x"), .what = "mkdir"};
  const GuardRule rule{.text = "not granted"};
  using Seen = DenialCounter::Seen;
  CHECK(counter.nextDue() == Microseconds::max());
  CHECK(counter.note("k", action, rule, Microseconds(1)) == Seen::kFirst);
  CHECK(counter.note("k", action, rule, Microseconds(2)) == Seen::kAgain);
  CHECK(counter.note("k", action, rule, Microseconds(3)) == Seen::kAgain);
  CHECK(counter.note("other", action, rule, Microseconds(3)) == Seen::kFirst);
  CHECK(counter.due(Microseconds(900'000)).empty());
  CHECK(counter.nextDue() == Microseconds(1'000'001));
  const auto due = counter.due(Microseconds(1'000'001));
  REQUIRE(due.size() == 1);
  CHECK(due[0].count == 2);
  CHECK(due[0].ticket == 0);
  CHECK(counter.note("k", action, rule, Microseconds(1'000'002)) == Seen::kFirst);
}

TEST_CASE("as many different denials as anybody likes are a bounded number, and none is forgotten") {
  DenialCounter counter;
  const GuardRule rule{.text = "not granted"};
  std::uint32_t told = 0;
  constexpr std::uint32_t kDifferent = 2000;
  for (std::uint32_t i = 0; i < kDifferent; ++i) {
    const GuardedAction action{.action = write(("/x" + std::to_string(i)).c_str())};
    const std::string key = std::to_string(i);
    (void)counter.note(key, action, rule, Microseconds(i));
    (void)counter.note(key, action, rule, Microseconds(i));
  }
  for (const Record& record : counter.due(Microseconds(5'000'000))) told += record.count;
  CHECK(told == kDifferent);
}
