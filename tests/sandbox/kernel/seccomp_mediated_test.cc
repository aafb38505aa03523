// The tables of runs with a warden, compiled and run in user space against the default one.
#include <linux/audit.h>
#include <seccomp.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include "sandbox/kernel/seccomp.h"
#include "sandbox/plan/seccomp_default.h"
#include "sandbox/plan/seccomp_mediated.h"
#include "tests/support/bpf_evaluator.h"
#include "tests/support/golden.h"

namespace ringfence::sandbox {
namespace {

using Arguments = std::array<std::uint64_t, 6>;

constexpr Mediation kChanges{};
constexpr Mediation kAsks{.attributes = AttributesNotified::kByDescriptorToo};
constexpr Mediation kCommands{.execs = ExecsNotified::kAll};
constexpr Mediation kEverything{OpensNotified::kAll, AttributesNotified::kByDescriptorToo, ExecsNotified::kAll};

struct Target {
  Architecture architecture;
  std::uint32_t audit;
  std::uint32_t token;
  const char* name;
};
constexpr Target kTargets[] = {{Architecture::kX86_64, AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, "x86_64"},
                               {Architecture::kAarch64, AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, "aarch64"}};

// A table and its program for one machine.
class Filter {
 public:
  Filter(const SeccompTable& table, const Target& target) : target_(target) {
    auto program = compile(table, target.architecture);
    INFO((program ? "" : program.error().message));
    REQUIRE(program);
    program_ = *std::move(program);
  }
  std::string at(int number, const Arguments& arguments) const {
    seccomp_data data{};
    data.nr = number;
    data.arch = target_.audit;
    for (std::size_t i = 0; i < arguments.size(); ++i) data.args[i] = arguments[i];
    const auto returned = test::runBpf(program_, data);
    return returned ? test::verdictText(*returned) : returned.error().message;
  }
  std::string of(const char* call, const Arguments& arguments = {}) const {
    const int number =
        call == std::string_view("fchmodat2") ? 452 : seccomp_syscall_resolve_name_arch(target_.token, call);
    return number < 0 ? "absent" : at(number, arguments);
  }
  std::size_t size() const { return program_.size(); }

 private:
  Target target_;
  BpfProgram program_;
};

Filter mediated(const Mediation& mediation, const Target& target = kTargets[0]) {
  return Filter(mediatedSeccompTable(mediation), target);
}

// What a table has that the default one has not, and the reverse.
std::string changes(const Mediation& mediation) {
  std::multimap<std::string, char> lines;
  const auto add = [&](const SeccompTable& table, char mark) {
    std::istringstream text(explain(table));
    for (std::string line; std::getline(text, line);) lines.emplace(line, mark);
  };
  add(defaultSeccompTable(), '-');
  add(mediatedSeccompTable(mediation), '+');
  std::string result;
  for (const auto& [line, mark] : lines) {
    const auto [first, last] = lines.equal_range(line);
    if (std::distance(first, last) == 1) result += std::string(1, mark) + " " + line + "\n";
  }
  return result;
}

constexpr std::uint64_t kHigh = 0xffff'ffff'0000'0000;

// Arguments near what rules compare with, and any others.
Arguments someArguments(std::mt19937_64& random) {
  static constexpr std::uint64_t kNear[] = {
      0,     1,          2,          3,        0100,      01000,      0101,       020200002,  04755,
      02755, 0644,       0100644,    020666,   0x1000,    0x5412,     0x40086602, 0x401c5820, 0x5401,
      17,    0x10000011, 0x5000940f, 02000000, kHigh | 1, 0xffffffff, 010000000};
  Arguments arguments{};
  for (std::uint64_t& argument : arguments) {
    argument = kNear[random() % std::size(kNear)];
    if (random() % 4 == 0) argument |= kHigh;
    if (random() % 8 == 0) argument = random();
  }
  return arguments;
}

TEST_CASE("the tables of mediated runs differ from the default one as the reviewed golden says") {
  std::string text;
  text += "changes of files:\n" + changes(kChanges) + "\nwith asked paths:\n" + changes(kAsks) +
          "\nwith rules about commands:\n" + changes(kCommands) + "\neverything:\n" + changes(kEverything);
  test::checkGolden("seccomp/mediated.txt", text);
}

TEST_CASE("a mediated filter notifies where the default one allows, and opens nothing that it refuses") {
  std::mt19937_64 random(20'261'128);
  std::map<std::string, int> seen;
  for (const Target& target : kTargets) {
    const Filter plain(defaultSeccompTable(), target);
    const int openat2 = seccomp_syscall_resolve_name_arch(target.token, "openat2");
    const int ioctl = seccomp_syscall_resolve_name_arch(target.token, "ioctl");
    for (const Mediation& mediation : {kChanges, kAsks, kCommands, kEverything}) {
      const Filter filter = mediated(mediation, target);
      for (int number = 0; number < 512; ++number) {
        for (int i = 0; i < 12; ++i) {
          const Arguments arguments = someArguments(random);
          const std::string before = plain.at(number, arguments);
          const std::string now = filter.at(number, arguments);
          ++seen[now];
          const bool same = now == before;
          const bool notified = now == "notify" && (before == "allow" || number == openat2);
          const bool refused = number == ioctl && before == "allow" && now == "errno 1";
          INFO(target.name << " " << number << " " << before << " -> " << now);
          REQUIRE((same || notified || refused));
        }
      }
    }
  }
  CHECK(seen["notify"] > 500);
  CHECK(seen["allow"] > 5000);
  CHECK(seen["errno 38"] > 5000);
}

TEST_CASE("an open is notified for what it may change, by its flags alone") {
  for (const Target& target : kTargets) {
    const Filter filter = mediated(kChanges, target);
    INFO(target.name);
    constexpr std::uint64_t kHarmless[] = {0, 02000000, 0200000, 010000000, 04000, 0400000};
    for (const std::uint64_t flags : kHarmless) {
      CHECK(filter.of("openat", {0, 0, flags, 0}) == "allow");
      CHECK(filter.of("openat", {0, 0, kHigh | flags, 04755}) == "allow");
    }
    for (const std::uint64_t flags : {1, 2, 3, 01000, 0101, 0100, 01101, 02001, 020200002, 020200001}) {
      CHECK(filter.of("openat", {0, 0, flags, 0644}) == "notify");
      CHECK(filter.of("openat", {0, 0, kHigh | flags, 0644}) == "notify");
    }
    CHECK(filter.of("openat", {0, 0, 0101, 04755}) == "errno 1");
    CHECK(filter.of("openat", {0, 0, 020200002, 02755}) == "errno 1");
    CHECK(filter.of("openat2") == "notify");
    CHECK(mediated(kEverything, target).of("openat") == "notify");
    CHECK(mediated(kEverything, target).of("openat", {0, 0, 0101, 04755}) == "errno 1");
  }
  CHECK(mediated(kChanges).of("open", {0, 0}) == "allow");
  CHECK(mediated(kChanges).of("open", {0, 1}) == "notify");
  CHECK(mediated(kChanges).of("creat", {0, 0644}) == "notify");
  CHECK(mediated(kChanges).of("creat", {0, 04755}) == "errno 1");
  CHECK(mediated(kChanges).of("mq_open", {0, 0102, 0600}) == "allow");
}

TEST_CASE("where all opens are notified, only what gives no content is opened unheard") {
  for (const Target& target : kTargets) {
    const Filter filter = mediated(kEverything, target);
    INFO(target.name);
    // Alone, and with what the kernel heeds or ignores beside it.
    for (const std::uint64_t flags : {0, 02000000, 0200000, 040000, 0400000, 0100000, 1, 2, 3, 01000}) {
      CHECK(filter.of("openat", {0, 0, flags, 0}) == "notify");
      CHECK(filter.of("openat", {0, 0, kHigh | flags, 0}) == "notify");
      CHECK(filter.of("openat", {0, 0, 010000000 | flags, 0}) == "allow");
      CHECK(filter.of("openat", {0, 0, kHigh | 010000000 | flags, 04755}) == "allow");
      // Only the low half of the register is the flags.
      CHECK(filter.of("openat", {0, 0, 010000000ULL << 32 | flags, 0}) == "notify");
    }
    for (const std::uint64_t flags : {0100, 020000000, 020200002}) {
      CHECK(filter.of("openat", {0, 0, 010000000 | flags, 0644}) == "notify");
      CHECK(filter.of("openat", {0, 0, 010000000 | flags, 04755}) == "errno 1");
    }
    CHECK(filter.of("openat2") == "notify");
  }
  CHECK(mediated(kEverything).of("open", {0, 010200000}) == "allow");
  CHECK(mediated(kEverything).of("open", {0, 0200000}) == "notify");
}

TEST_CASE("a table says whether it hears of each open") {
  CHECK(notifiesEachOpen(mediatedSeccompTable(kEverything)));
  CHECK(notifiesEachOpen(mediatedSeccompTable({.opens = OpensNotified::kAll})));
  for (const Mediation& mediation : {kChanges, kAsks, kCommands})
    CHECK_FALSE(notifiesEachOpen(mediatedSeccompTable(mediation)));
  CHECK_FALSE(notifiesEachOpen(defaultSeccompTable()));
}

TEST_CASE("a file that may be read cannot be changed through its descriptor where paths are asked about") {
  const Filter unasked = mediated(kChanges);
  const Filter asked = mediated(kAsks);
  for (const char* call : {"fchmod", "fchown", "fsetxattr", "fremovexattr"}) {
    INFO(call);
    CHECK(unasked.of(call) == "allow");
    CHECK(asked.of(call) == "notify");
  }
  CHECK(asked.of("fchmod", {3, 04755}) == "errno 1");
  for (const char* call : {"utimensat", "futimesat"}) {
    INFO(call);
    CHECK(unasked.of(call, {3, 0}) == "allow");
    CHECK(unasked.of(call, {3, 0x7fff'0000'0000}) == "notify");
    CHECK(unasked.of(call, {3, 1}) == "notify");
    CHECK(asked.of(call, {3, 0}) == "notify");
  }
  for (const std::uint64_t request : {0x40086602ULL, 0x401c5820ULL, 0x40806685ULL, 0x5000940eULL, 0x40047211ULL}) {
    CHECK(unasked.of("ioctl", {3, request}) == "allow");
    CHECK(asked.of("ioctl", {3, request}) == "errno 1");
    CHECK(asked.of("ioctl", {3, kHigh | request}) == "errno 1");
    CHECK(asked.of("ioctl", {3, request ^ 0x40}) == "allow");
  }
  CHECK(asked.of("ioctl", {3, 0x5412}) == "errno 1");
  CHECK(asked.of("ioctl", {3, 0x5401}) == "allow");
}

TEST_CASE("an exec is notified only where commands have rules, and never by an empty path") {
  CHECK(mediated(kChanges).of("execve") == "allow");
  CHECK(mediated(kCommands).of("execve") == "notify");
  CHECK(mediated(kCommands).of("execveat") == "notify");
  CHECK(mediated(kCommands).of("execveat", {0, 0, 0, 0, 0x1000}) == "errno 1");
}

TEST_CASE("calls that must not be lost to a signal are never notified") {
  const Filter filter = mediated(kEverything);
  for (const char* call : {"close", "close_range", "dup2", "fork", "vfork", "clone", "wait4", "waitid", "read", "write",
                           "futex", "connect", "exit_group", "mmap", "stat", "readlink", "kill", "rt_sigreturn"}) {
    INFO(call);
    CHECK(filter.of(call, {17}) == "allow");
  }
}

TEST_CASE("a policy's table follows from what it asks") {
  policy::Document document;
  document.exec = {{{"git"}, policy::Decision::kAsk, "", {}}};
  CHECK(mediationOf(document) == kCommands);
  document.exec.clear();
  document.files.ask = {{"/a", {}}};
  CHECK(mediationOf(document) == kAsks);
  document.files.ask.clear();
  document.files.rewrite = {{"/a", "/b", std::nullopt, "", {}}};
  CHECK(mediationOf(document) == kChanges);
  document.files.rewrite.front().content = "x";
  CHECK(mediationOf(document).opens == OpensNotified::kAll);
  document.files.rewrite.clear();
  document.mode = policy::Mode::kAudit;
  CHECK(mediationOf(document).opens == OpensNotified::kAll);
  CHECK(mediationOf(document).execs == ExecsNotified::kAll);
  document.mode = policy::Mode::kEnforce;
  document.files.askRead = {{"/a", {}}};
  CHECK(mediationOf(document) == kEverything);
}

TEST_CASE("the longest filter stays far below what a kernel takes") {
  for (const Target& target : kTargets) CHECK(mediated(kEverything, target).size() < BPF_MAXINSNS / 2);
}

}  // namespace
}  // namespace ringfence::sandbox
