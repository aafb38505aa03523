// The filters of the guards over themselves: which calls a warden and the halves of an egress could still make if an
// agent had taken them over.
#include "sandbox/kernel/own_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "sandbox/kernel/egress_filter.h"
#include "sandbox/kernel/young_calls.h"
#include "tests/support/bpf_evaluator.h"
#include "tests/support/golden.h"

namespace ringfence::sandbox {
namespace {

using Arguments = std::array<std::uint64_t, 6>;

constexpr pid_t kSelf = 4711;
constexpr int kNumbers = 1024;
constexpr unsigned kX32Bit = 0x40000000;
const std::uint32_t kOwnArchitecture = seccomp_arch_native();

struct Guard {
  const char* name;
  std::vector<sock_filter> filter;
};
const std::vector<Guard>& guards() {
  static const std::vector<Guard> kGuards = {{"warden", filterOver(wardenCalls(kSelf))},
                                             {"inner egress", filterOver(innerEgressCalls(kSelf))},
                                             {"outer egress", filterOver(outerEgressCalls(kSelf))}};
  return kGuards;
}

seccomp_data dataOf(std::uint32_t architecture, unsigned number, const Arguments& arguments) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = architecture;
  for (std::size_t i = 0; i < arguments.size(); ++i) data.args[i] = arguments[i];
  return data;
}

std::string verdict(const Guard& guard, long number, const Arguments& arguments) {
  const auto returned = test::runBpf(guard.filter, dataOf(kOwnArchitecture, static_cast<unsigned>(number), arguments));
  return returned ? test::verdictText(*returned) : returned.error().message;
}

std::string nameOf(unsigned number) {
  if (char* known = seccomp_syscall_resolve_num_arch(kOwnArchitecture, static_cast<int>(number))) {
    std::string name = known;
    free(known);
    return name;
  }
  for (const CallNumber& call : kYoungCalls) {
    if (call.number == static_cast<int>(number)) return std::string(call.name);
  }
  return "number " + std::to_string(number);
}

// The calls that may answer, and how many numbers may not.
std::string describe(const Guard& guard) {
  std::string text = std::string("[") + guard.name + "]\n";
  std::map<std::string, int> others;
  for (unsigned number = 0; number < kNumbers; ++number) {
    const auto run = test::traceBpf(guard.filter, dataOf(kOwnArchitecture, number, {}));
    REQUIRE(run);
    if (run->looksAtArguments) {
      text += nameOf(number) + ": by its arguments\n";
    } else if (run->returned == SECCOMP_RET_ALLOW) {
      text += nameOf(number) + ": allow\n";
    } else {
      ++others[test::verdictText(run->returned)];
    }
  }
  for (const auto& [says, count] : others) text += "other numbers: " + says + " x " + std::to_string(count) + "\n";
  return text;
}

struct Case {
  const char* what;
  long number;
  Arguments arguments;
  std::array<const char*, 3> says;  // of warden, inner and outer egress
};
constexpr const char* kNo = "errno 38";
constexpr const char* kYes = "allow";
constexpr std::uint64_t kOther = kSelf + 1;

// What makes the difference between a guard that answers wrongly and one that does something else.
std::vector<Case> cases() {
  return {
      {"a program", SYS_execve, {}, {kNo, kNo, kNo}},
      {"a program by descriptor", SYS_execveat, {}, {kNo, kNo, kNo}},
      {"a process", SYS_clone, {SIGCHLD}, {kNo, kNo, kNo}},
      {"a process by clone3", SYS_clone3, {}, {kNo, kNo, kNo}},
      {"a thread", SYS_clone, {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD}, {kYes, kNo, kNo}},
      {"memory", SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE}, {kYes, kYes, kYes}},
      {"memory to run", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC}, {kNo, kNo, kNo}},
      {"memory made one to run", SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}, {kNo, kNo, kNo}},
      {"a user namespace", SYS_unshare, {CLONE_NEWUSER}, {kNo, kNo, kNo}},
      {"a namespace beside what it needs", SYS_unshare, {CLONE_FS | CLONE_NEWNS}, {kNo, kNo, kNo}},
      {"another's namespaces", SYS_setns, {}, {kNo, kNo, kNo}},
      {"a mount", SYS_mount, {}, {kNo, kNo, kNo}},
      {"another root", SYS_chroot, {}, {kNo, kNo, kNo}},
      {"a kernel's program", SYS_bpf, {}, {kNo, kNo, kNo}},
      {"a ring of calls", SYS_io_uring_setup, {}, {kNo, kNo, kNo}},
      {"another id", SYS_setuid, {}, {kNo, kNo, kNo}},
      {"other rights", SYS_capset, {}, {kNo, kNo, kNo}},
      {"its own terminal's input", SYS_ioctl, {0, 0x5412}, {kNo, kNo, kNo}},
      {"its listener", SYS_ioctl, {4, SECCOMP_IOCTL_NOTIF_RECV}, {kYes, kNo, kNo}},
      {"another's signal", SYS_tgkill, {kOther, kOther, SIGTERM}, {kNo, kNo, kNo}},
      {"its own signal", SYS_tgkill, {kSelf, kSelf, SIGABRT}, {kYes, kYes, kYes}},
      {"an end", SYS_kill, {kOther, SIGKILL}, {kYes, kNo, kNo}},
      {"a signal", SYS_kill, {kOther, SIGTERM}, {kNo, kNo, kNo}},
      {"a signal by descriptor", SYS_pidfd_send_signal, {9, SIGTERM}, {kNo, kNo, kNo}},
      {"another's descriptor", SYS_pidfd_getfd, {}, {kNo, kNo, kNo}},
      {"to be traced", SYS_ptrace, {PTRACE_TRACEME}, {kNo, kNo, kNo}},
      {"to trace for an exec", SYS_ptrace, {PTRACE_SEIZE, kOther}, {kYes, kNo, kNo}},
      {"another's processor", SYS_sched_setaffinity, {kOther}, {kNo, kNo, kNo}},
      {"a socket of IPv4", SYS_socket, {AF_INET, SOCK_STREAM}, {kNo, kYes, kYes}},
      {"a socket of IPv6", SYS_socket, {AF_INET6, SOCK_STREAM}, {kNo, kNo, kYes}},
      {"a local socket", SYS_socket, {AF_UNIX, SOCK_STREAM}, {kNo, kNo, kNo}},
      {"a netlink socket", SYS_socket, {AF_NETLINK, SOCK_RAW}, {kNo, kNo, kNo}},
      {"a packet socket", SYS_socket, {AF_PACKET, SOCK_RAW}, {kNo, kNo, kNo}},
      {"to read a file", SYS_openat, {0, 0, O_RDONLY | O_CLOEXEC}, {kYes, kNo, kYes}},
      {"to write a file", SYS_openat, {0, 0, O_WRONLY | O_CLOEXEC}, {kYes, kNo, kNo}},
      {"to make a file", SYS_openat, {0, 0, O_RDONLY | O_CREAT | O_CLOEXEC}, {kYes, kNo, kNo}},
      {"to remove a file", SYS_unlinkat, {}, {kYes, kNo, kNo}},
  };
}

TEST_CASE("a guard can start nothing, leave nowhere and make nothing but what its work needs") {
  for (std::size_t i = 0; i < guards().size(); ++i) {
    for (const Case& one : cases()) {
      CAPTURE(guards()[i].name, one.what);
      CHECK(verdict(guards()[i], one.number, one.arguments) == one.says[i]);
    }
  }
}

TEST_CASE("a guard that makes a call of another ABI is killed") {
  for (const Guard& guard : guards()) {
    CAPTURE(guard.name);
    for (unsigned number = 0; number < kNumbers; ++number) {
      CAPTURE(number);
      for (const std::uint32_t architecture : {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_MIPS}) {
        const auto returned = test::runBpf(guard.filter, dataOf(architecture, number, {}));
        REQUIRE((returned && test::verdictText(*returned) == "kill"));
      }
      REQUIRE(verdict(guard, number | kX32Bit, {}) == "kill");
    }
  }
}

#if defined(__x86_64__)
TEST_CASE("the calls that the guards may make are the reviewed ones") {
  std::string text;
  for (const Guard& guard : guards()) text += describe(guard);
  test::checkGolden("seccomp/guards.txt", text);
}
#endif

}  // namespace
}  // namespace ringfence::sandbox
