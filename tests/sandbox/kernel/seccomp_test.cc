#include "sandbox/kernel/seccomp.h"

#include <linux/audit.h>
#include <seccomp.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <map>
#include <random>

#include "sandbox/kernel/young_calls.h"
#include "sandbox/plan/seccomp_calls.h"
#include "sandbox/plan/seccomp_default.h"
#include "tests/support/bpf_evaluator.h"
#include "tests/support/golden.h"

namespace ringfence::sandbox {
namespace {

using Arguments = std::array<std::uint64_t, 6>;

struct Target {
  Architecture architecture;
  std::uint32_t audit;
  std::uint32_t token;
  const char* name;
};
constexpr Target kX86{Architecture::kX86_64, AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, "x86_64"};
constexpr Target kArm{Architecture::kAarch64, AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, "aarch64"};
constexpr Target kRiscv{Architecture::kRiscv64, AUDIT_ARCH_RISCV64, SCMP_ARCH_RISCV64, "riscv64"};
constexpr int kNumbers = 1024;
constexpr int kX32Bit = 0x40000000;

std::string nameOf(const Target& target, int number) {
  if (char* known = seccomp_syscall_resolve_num_arch(target.token, number)) {
    std::string name = known;
    free(known);
    return name;
  }
  for (const CallNumber& call : kYoungCalls) {
    if (call.number == number) return std::string(call.name);
  }
  return "";
}

seccomp_data dataOf(std::uint32_t audit, int number, const Arguments& arguments) {
  seccomp_data data{};
  data.nr = number;
  data.arch = audit;
  for (std::size_t i = 0; i < arguments.size(); ++i) data.args[i] = arguments[i];
  return data;
}

std::string verdict(const BpfProgram& program, std::uint32_t audit, int number, const Arguments& arguments = {}) {
  const auto returned = test::runBpf(program, dataOf(audit, number, arguments));
  return returned ? test::verdictText(*returned) : returned.error().message;
}

bool holds(const ArgCheck& check, const Arguments& arguments) {
  const std::uint64_t value = arguments.at(check.index);
  switch (check.op) {
    case ArgOp::kEqual: return value == check.value;
    case ArgOp::kNotEqual: return value != check.value;
    case ArgOp::kMaskedEqual: return (value & check.mask) == check.value;
    case ArgOp::kLess: return value < check.value;
    case ArgOp::kGreaterOrEqual: return value >= check.value;
  }
  return false;
}

// What the table says in so many words, without libseccomp: all rules of the call, the strictest that matches.
std::string meaning(const SeccompTable& table, const std::string& call, const Arguments& arguments) {
  std::string result;
  for (const SeccompRule& rule : table.rules) {
    if (rule.call != call) continue;
    bool matches = true;
    for (const ArgCheck& check : rule.checks) matches = matches && holds(check, arguments);
    if (!matches) continue;
    if (rule.action == SeccompAction::kErrno) return "errno " + std::to_string(rule.errnoValue);
    result = "allow";
  }
  return result.empty() ? "errno " + std::to_string(table.fallbackErrno) : result;
}

// Arguments around every constant that the rules of a call compare with, with noise in the unused bits.
std::vector<Arguments> corners(const SeccompTable& table, const std::string& call, std::mt19937_64& random) {
  std::vector<Arguments> list = {{}};
  list.push_back({~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL});
  list.push_back({~0U, ~0U, ~0U, ~0U, ~0U, ~0U});
  for (const SeccompRule& rule : table.rules) {
    if (rule.call != call || rule.checks.empty()) continue;
    for (int variant = 0; variant < 6; ++variant) {
      Arguments arguments{};
      if (variant >= 2) {
        for (std::uint64_t& argument : arguments) argument = variant == 2 ? 0xdead'beef'0000'0000 : random();
      }
      for (const ArgCheck& check : rule.checks) {
        const std::uint64_t mask = check.op == ArgOp::kMaskedEqual ? check.mask : ~0ULL;
        arguments.at(check.index) = (arguments.at(check.index) & ~mask) | (check.value & mask);
        if (variant % 2 == 1) arguments.at(check.index) ^= std::uint64_t{1} << (random() % 64);
      }
      list.push_back(arguments);
    }
  }
  return list;
}

BpfProgram compileDefault(const Target& target) {
  auto program = compile(defaultSeccompTable(), target.architecture);
  INFO((program ? "" : program.error().message));
  REQUIRE(program);
  return *program;
}

// Calls whose verdict depends on their arguments, with the cases that a reviewer wants to see.
struct Case {
  const char* call;
  const char* what;
  Arguments arguments;
};
const std::vector<Case>& reviewedCases() {
  constexpr std::uint64_t kHigh = 0xffff'ffff'0000'0000;
  static const std::vector<Case> kCases = {
      {"chmod", "0755", {0, 0755}},
      {"chmod", "04755", {0, 04755}},
      {"chmod", "02755", {0, 02755}},
      {"chmod", "01777", {0, 01777}},
      {"fchmod", "06755", {0, 06755}},
      {"fchmodat", "04755", {0, 0, 04755}},
      {"fchmodat", "0644", {0, 0, 0644}},
      {"fchmodat2", "04755", {0, 0, 04755}},
      {"fchmodat2", "0644", {0, 0, 0644}},
      {"mkdir", "02755", {0, 02755}},
      {"mkdirat", "02755", {0, 0, 02755}},
      {"mkdirat", "0755", {0, 0, 0755}},
      {"creat", "04755", {0, 04755}},
      {"creat", "0644", {0, 0644}},
      {"open", "reading, mode 04755 unused", {0, 0, 04755}},
      {"open", "O_CREAT 0644", {0, 0101, 0644}},
      {"open", "O_CREAT 04755", {0, 0101, 04755}},
      {"openat", "O_CREAT 0644", {0, 0, 0101, 0644}},
      {"openat", "O_CREAT 02755", {0, 0, 0101, 02755}},
      {"openat", "O_TMPFILE 04755", {0, 0, 020200002, 04755}},
      {"openat", "O_TMPFILE 0600", {0, 0, 020200002, 0600}},
      {"openat", "O_TMPFILE|O_CREAT 06755", {0, 0, 020200102, 06755}},
      {"mq_open", "O_CREAT 04600", {0, 0102, 04600}},
      {"mknod", "regular 0644", {0, 0100644}},
      {"mknod", "regular 04755", {0, 0104755}},
      {"mknod", "character device", {0, 0020666}},
      {"mknodat", "pipe", {0, 0, 0010644}},
      {"mknodat", "socket", {0, 0, 0140644}},
      {"mknodat", "block device", {0, 0, 0060660}},
      {"mknodat", "no format", {0, 0, 0644}},
      {"clone", "thread", {0x3d0f00}},
      {"clone", "fork", {17}},
      {"clone", "CLONE_NEWUSER", {0x10000011}},
      {"clone", "CLONE_NEWNS", {0x20011}},
      {"clone", "CLONE_NEWNET|CLONE_NEWUSER, high bits set", {kHigh | 0x50000011}},
      {"clone3", "", {}},
      {"unshare", "CLONE_NEWUSER", {0x10000000}},
      {"execveat", "by path", {0, 0, 0, 0, 0}},
      {"execveat", "AT_EMPTY_PATH", {0, 0, 0, 0, 0x1000}},
      {"memfd_create", "MFD_CLOEXEC", {0, 1}},
      {"memfd_create", "MFD_EXEC", {0, 0x10}},
      {"prlimit64", "own", {0, 7}},
      {"prlimit64", "of pid 2", {2, 7}},
      {"prlimit64", "of pid 2, high bits set", {kHigh | 2, 7}},
      {"personality", "0", {0}},
      {"personality", "query", {0xffffffff}},
      {"personality", "ADDR_NO_RANDOMIZE", {0x0040000}},
      {"personality", "READ_IMPLIES_EXEC", {0x0400000}},
      {"personality", "PER_LINUX32", {8}},
      {"sched_setscheduler", "SCHED_OTHER", {0, 0}},
      {"sched_setscheduler", "SCHED_BATCH|RESET_ON_FORK", {0, 0x40000003}},
      {"sched_setscheduler", "SCHED_FIFO", {0, 1}},
      {"sched_setscheduler", "SCHED_RR|RESET_ON_FORK", {0, 0x40000002}},
      {"ioctl", "TCGETS", {0, 0x5401}},
      {"ioctl", "TIOCGWINSZ", {0, 0x5413}},
      {"ioctl", "TIOCSTI", {0, 0x5412}},
      {"ioctl", "TIOCSTI, high bits set", {0, kHigh | 0x5412}},
      {"ioctl", "TIOCLINUX", {0, 0x541c}},
      {"ioctl", "TIOCCONS", {0, 0x541d}},
      {"ioctl", "TIOCSETD", {0, 0x5423}},
      {"ioctl", "FICLONE", {0, 0x40049409}},
      {"prctl", "PR_SET_NAME", {15}},
      {"prctl", "PR_SET_NO_NEW_PRIVS", {38}},
      {"prctl", "PR_SET_SECCOMP", {22}},
      {"prctl", "PR_SET_VMA", {0x53564d41}},
      {"prctl", "PR_SET_MM", {35}},
      {"prctl", "PR_SET_MM, high bits set", {kHigh | 35}},
      {"prctl", "PR_SET_PTRACER", {0x59616d61}},
      {"prctl", "PR_SET_SECUREBITS", {28}},
      {"prctl", "PR_SET_SYSCALL_USER_DISPATCH", {59}},
      {"prctl", "PR_SET_TSC", {26}},
      {"prctl", "PR_SCHED_CORE", {62}},
      {"prctl", "PR_CAP_AMBIENT_IS_SET", {47, 1}},
      {"prctl", "PR_CAP_AMBIENT_RAISE", {47, 2}},
      {"prctl", "unknown", {9999}},
      {"socket", "UNIX stream", {1, 1, 0}},
      {"socket", "UNIX seqpacket, CLOEXEC", {1, 02000005, 0}},
      {"socket", "INET stream TCP, CLOEXEC|NONBLOCK", {2, 02004001, 6}},
      {"socket", "INET datagram UDP", {2, 2, 17}},
      {"socket", "INET6 stream", {10, 1, 0}},
      {"socket", "INET stream MPTCP", {2, 1, 262}},
      {"socket", "INET stream SCTP", {2, 1, 132}},
      {"socket", "INET datagram ICMP", {2, 2, 1}},
      {"socket", "INET datagram UDPLITE", {2, 2, 136}},
      {"socket", "INET raw", {2, 3, 255}},
      {"socket", "INET SOCK_PACKET", {2, 10, 3}},
      {"socket", "INET6 DCCP", {10, 6, 33}},
      {"socket", "INET raw, high bits set", {kHigh | 2, kHigh | 3, kHigh | 255}},
      {"socket", "NETLINK route", {16, 3, 0}},
      {"socket", "NETLINK audit", {16, 3, 9}},
      {"socket", "ALG", {38, 5, 0}},
      {"socket", "VSOCK", {40, 1, 0}},
      {"socket", "PACKET", {17, 3, 0}},
      {"socket", "XDP", {44, 3, 0}},
      {"socketpair", "UNIX", {1, 1, 0}},
      {"socketpair", "TIPC", {30, 1, 0}},
      {"sendto", "plain", {0, 0, 0, 0x4000}},
      {"sendto", "MSG_FASTOPEN", {0, 0, 0, 0x20000000}},
      {"sendmsg", "MSG_FASTOPEN|MSG_NOSIGNAL", {0, 0, 0x20004000}},
      {"sendmmsg", "MSG_FASTOPEN", {0, 0, 0, 0x20000000}},
  };
  return kCases;
}

int numberOf(const Target& target, const std::string& call) {
  for (int number = 0; number < kNumbers; ++number) {
    if (nameOf(target, number) == call) return number;
  }
  return -1;
}

// Every number with no arguments, runs of one verdict on one line where they have no name; then the reviewed cases.
std::string describeProgram(const Target& target, const BpfProgram& program) {
  std::string text;
  for (int number = 0; number < kNumbers; ++number) {
    const std::string call = nameOf(target, number);
    const std::string says = verdict(program, target.audit, number);
    int last = number;
    if (call.empty()) {
      while (last + 1 < kNumbers && nameOf(target, last + 1).empty() &&
             verdict(program, target.audit, last + 1) == says)
        ++last;
    }
    text += std::to_string(number) + (last > number ? "-" + std::to_string(last) : "") + " " +
            (call.empty() ? "(unnamed)" : call) + ": " + says + "\n";
    number = last;
  }
  for (const Case& item : reviewedCases()) {
    const int number = numberOf(target, item.call);
    if (number < 0) continue;
    text +=
        std::string(item.call) + " " + item.what + ": " + verdict(program, target.audit, number, item.arguments) + "\n";
  }
  return text;
}

// One verdict for all numbers of a foreign ABI, or a list of those that differ.
std::string foreign(const BpfProgram& program, std::uint32_t audit, int bits) {
  std::map<std::string, int> counts;
  for (int number = 0; number < kNumbers; ++number) ++counts[verdict(program, audit, number | bits)];
  std::string text;
  for (const auto& [says, count] : counts) text += (text.empty() ? "" : ", ") + says + " x " + std::to_string(count);
  return text;
}

TEST_CASE("the x86_64 filter answers every number of every ABI as the reviewed golden says") {
  const BpfProgram program = compileDefault(kX86);
  std::string text = describeProgram(kX86, program);
  text += "i386, all numbers: " + foreign(program, AUDIT_ARCH_I386, 0) + "\n";
  text += "x32, all numbers: " + foreign(program, AUDIT_ARCH_X86_64, kX32Bit) + "\n";
  text += "aarch64, all numbers: " + foreign(program, AUDIT_ARCH_AARCH64, 0) + "\n";
  test::checkGolden("seccomp/x86_64.txt", text);
}

TEST_CASE("the aarch64 filter answers every number as the reviewed golden says") {
  const BpfProgram program = compileDefault(kArm);
  std::string text = describeProgram(kArm, program);
  text += "arm, all numbers: " + foreign(program, AUDIT_ARCH_ARM, 0) + "\n";
  text += "x86_64, all numbers: " + foreign(program, AUDIT_ARCH_X86_64, 0) + "\n";
  test::checkGolden("seccomp/aarch64.txt", text);
}

TEST_CASE("the riscv64 filter compiles and kills foreign calls") {
  const BpfProgram program = compileDefault(kRiscv);
  CHECK(verdict(program, kRiscv.audit, numberOf(kRiscv, "read")) == "allow");
  CHECK(verdict(program, kRiscv.audit, numberOf(kRiscv, "ptrace")) == "errno 1");
  CHECK(foreign(program, AUDIT_ARCH_X86_64, 0) == "kill x 1024");
}

TEST_CASE("the table reads as the reviewed golden says") {
  test::checkGolden("seccomp/table.txt", explain(defaultSeccompTable()));
}

TEST_CASE("a compiled program means what its table says, around every constant and with noise in unused bits") {
  const SeccompTable table = defaultSeccompTable();
  std::mt19937_64 random(42);  // NOLINT: the same corners every time
  int evaluated = 0;
  for (const Target& target : {kX86, kArm}) {
    const BpfProgram program = compileDefault(target);
    std::map<std::string, int> numbers;
    for (int number = 0; number < kNumbers; ++number) {
      if (const std::string call = nameOf(target, number); !call.empty()) numbers[call] = number;
    }
    for (const auto& [call, number] : numbers) {
      // Compiling for another machine leaves out what the library does not know (sandbox/kernel/seccomp.cc).
      if (target.architecture != nativeArchitecture() &&
          seccomp_syscall_resolve_name_arch(target.token, call.c_str()) == __NR_SCMP_ERROR) {
        continue;
      }
      for (const Arguments& arguments : corners(table, call, random)) {
        ++evaluated;
        const std::string says = verdict(program, target.audit, number, arguments);
        const std::string means = meaning(table, call, arguments);
        if (says != means) {
          INFO(target.name << " " << call << " " << std::hex << arguments[0] << " " << arguments[1] << " "
                           << arguments[2]);
          REQUIRE(says == means);
        }
      }
    }
  }
  CHECK(evaluated > 5000);
}

TEST_CASE(
    "what is allowed whatever its arguments is answered without the program, and opening a file with little of it") {
  constexpr std::size_t kFewOfTheProgram = 48;
  constexpr std::uint64_t kCloseOnExec = 02'000'000;
  for (const Target& target : {kX86, kArm}) {
    const BpfProgram program = compileDefault(target);
    for (const std::string_view call : kAllowedCalls) {
      const int number = seccomp_syscall_resolve_name_arch(target.token, std::string(call).c_str());
      if (number < 0) continue;
      INFO(target.name << " " << call);
      const auto run = test::traceBpf(program, dataOf(target.audit, number, {}));
      REQUIRE(run);
      CHECK(test::verdictText(run->returned) == "allow");
      CHECK_FALSE(run->looksAtArguments);
    }
    const int open = seccomp_syscall_resolve_name_arch(target.token, "openat");
    const auto run = test::traceBpf(program, dataOf(target.audit, open, {~0ULL, 1, kCloseOnExec}));
    REQUIRE(run);
    CHECK(test::verdictText(run->returned) == "allow");
    CHECK(run->looksAtArguments);
    CHECK(run->instructions <= kFewOfTheProgram);
  }
}

TEST_CASE("a table with two rules that contradict each other is refused by name") {
  SeccompTable table;
  table.rules = {{"prctl", SeccompAction::kAllow, 0, {{0, ArgOp::kEqual, 15, 0}}},
                 {"prctl", SeccompAction::kErrno, EPERM, {}}};
  const auto program = compile(table, nativeArchitecture());
  REQUIRE_FALSE(program);
  CHECK(program.error().message.find("seccomp rule for prctl") != std::string::npos);
}

TEST_CASE("a table that allows what it does not name is refused") {
  SeccompTable table;
  table.fallback = SeccompAction::kAllow;
  CHECK(compile(table, nativeArchitecture()).error().code == ErrorCode::kInvalid);
}

TEST_CASE("a rule for a call that nobody knows is refused by name") {
  SeccompTable table;
  table.rules = {{"no_such_call", SeccompAction::kAllow, 0, {}}};
  CHECK(compile(table, nativeArchitecture()).error().message.find("no_such_call") != std::string::npos);
}

TEST_CASE("a rule that compares bits outside its mask is refused") {
  SeccompTable table;
  table.rules = {{"read", SeccompAction::kAllow, 0, {{0, ArgOp::kMaskedEqual, 3, 1}}}};
  CHECK_FALSE(compile(table, nativeArchitecture()));
}

}  // namespace
}  // namespace ringfence::sandbox
