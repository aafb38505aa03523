#include "sandbox/kernel/seccomp.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/young_calls.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {
namespace {

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

// The most instructions that the kernel takes.
constexpr Bytes kMaxProgram{BPF_MAXINSNS * sizeof(sock_filter)};

std::uint32_t tokenOf(Architecture architecture) {
  switch (architecture) {
    case Architecture::kX86_64: return SCMP_ARCH_X86_64;
    case Architecture::kAarch64: return SCMP_ARCH_AARCH64;
    case Architecture::kRiscv64: return SCMP_ARCH_RISCV64;
  }
  return 0;
}

std::uint32_t actionOf(SeccompAction action, std::uint16_t errnoValue) {
  switch (action) {
    case SeccompAction::kAllow: return SCMP_ACT_ALLOW;
    case SeccompAction::kErrno: return SCMP_ACT_ERRNO(errnoValue);
    case SeccompAction::kNotify: return SCMP_ACT_NOTIFY;
    case SeccompAction::kKillProcess: break;
  }
  return SCMP_ACT_KILL_PROCESS;
}

Error invalidRule(const SeccompRule& rule, const std::string& why) {
  return Error{ErrorCode::kInvalid, "seccomp rule for " + escapeForDisplay(rule.call) + ": " + why};
}

// The condition does not hold for that value.
bool excludes(const ArgCheck& check, std::uint64_t value) {
  switch (check.op) {
    case ArgOp::kEqual: return value != check.value;
    case ArgOp::kNotEqual: return value == check.value;
    case ArgOp::kMaskedEqual: return (value & check.mask) != check.value;
    case ArgOp::kLess: return value >= check.value;
    case ArgOp::kGreaterOrEqual: break;
  }
  return value < check.value;
}

// Where both conditions hold for some value of the argument. May say so of two that exclude each other, never the
// reverse.
bool mayOverlap(const ArgCheck& left, const ArgCheck& right) {
  if (left.index != right.index) return true;
  const auto maskOf = [](const ArgCheck& check) -> std::optional<std::uint64_t> {
    if (check.op == ArgOp::kEqual) return ~std::uint64_t{0};
    if (check.op == ArgOp::kMaskedEqual) return check.mask;
    return std::nullopt;
  };
  const auto leftMask = maskOf(left);
  const auto rightMask = maskOf(right);
  if (leftMask && rightMask) return ((left.value ^ right.value) & *leftMask & *rightMask) == 0;
  if (left.op == ArgOp::kEqual) return !excludes(right, left.value);
  if (right.op == ArgOp::kEqual) return !excludes(left, right.value);
  const bool apart = (left.op == ArgOp::kLess && right.op == ArgOp::kGreaterOrEqual && left.value <= right.value) ||
                     (left.op == ArgOp::kGreaterOrEqual && right.op == ArgOp::kLess && right.value <= left.value);
  return !apart;
}

bool mayOverlap(const SeccompRule& left, const SeccompRule& right) {
  for (const ArgCheck& a : left.checks) {
    for (const ArgCheck& b : right.checks) {
      if (!mayOverlap(a, b)) return false;
    }
  }
  return true;
}

// libseccomp has no order among the rules of one call: where two that disagree could both match, which one wins would
// be chance. Such a table is refused, so that "the strictest wins" holds by there being only one.
Result<void> checkOverlaps(const SeccompTable& table) {
  std::map<std::string_view, std::vector<const SeccompRule*>> byCall;
  for (const SeccompRule& rule : table.rules) byCall[rule.call].push_back(&rule);
  for (const auto& [call, rules] : byCall) {
    for (std::size_t i = 0; i < rules.size(); ++i) {
      for (std::size_t j = i + 1; j < rules.size(); ++j) {
        const bool agree = rules[i]->action == rules[j]->action && rules[i]->errnoValue == rules[j]->errnoValue;
        // Refusals may overlap: whichever answers, it refuses.
        const bool refuse = rules[i]->action == SeccompAction::kErrno && rules[j]->action == SeccompAction::kErrno;
        if (!agree && !refuse && mayOverlap(*rules[i], *rules[j])) {
          return invalidRule(*rules[i], "two rules with different actions match the same call");
        }
      }
    }
  }
  return {};
}

struct ResolvedCall {
  int number = 0;
  bool present = false;
};

std::optional<int> findYoung(const SeccompRule& rule, Architecture architecture) {
  for (const CallNumber& call : kYoungCalls) {
    if (call.name == rule.call) return call.number;
  }
  for (const CallNumber& call : kYoungRiscvCalls) {
    if (call.name == rule.call) return architecture == Architecture::kRiscv64 ? call.number : -1;
  }
  return std::nullopt;
}

// libseccomp takes the numbers of the machine that compiles and translates them by name. A call that is too young for
// its tables can therefore be added only for that machine; elsewhere it stays refused.
Result<ResolvedCall> resolve(const SeccompRule& rule, Architecture architecture) {
  const int there = seccomp_syscall_resolve_name_arch(tokenOf(architecture), rule.call.c_str());
  if (there != __NR_SCMP_ERROR) {
    const int here = seccomp_syscall_resolve_name(rule.call.c_str());
    return ResolvedCall{here, there >= 0};
  }
  const std::optional<int> young = findYoung(rule, architecture);
  if (!young) return invalidRule(rule, "no system call has this name");
  return ResolvedCall{*young, *young >= 0 && architecture == nativeArchitecture()};
}

Result<scmp_arg_cmp> compareOf(const SeccompRule& rule, const ArgCheck& check) {
  if (check.index > 5) return invalidRule(rule, "a system call has six arguments");
  scmp_arg_cmp compare{};
  compare.arg = check.index;
  compare.datum_a = check.value;
  switch (check.op) {
    case ArgOp::kEqual: compare.op = SCMP_CMP_EQ; return compare;
    case ArgOp::kNotEqual: compare.op = SCMP_CMP_NE; return compare;
    case ArgOp::kLess: compare.op = SCMP_CMP_LT; return compare;
    case ArgOp::kGreaterOrEqual: compare.op = SCMP_CMP_GE; return compare;
    case ArgOp::kMaskedEqual: break;
  }
  compare.op = SCMP_CMP_MASKED_EQ;
  compare.datum_a = check.mask;
  compare.datum_b = check.value;
  if ((check.value & ~check.mask) != 0) return invalidRule(rule, "compares bits that its mask leaves out");
  return compare;
}

Result<void> addRule(const Context& context, const SeccompTable& table, const SeccompRule& rule,
                     Architecture architecture) {
  const ResolvedCall call = RF_TRY(resolve(rule, architecture));
  const std::uint32_t action = actionOf(rule.action, rule.errnoValue);
  // libseccomp refuses a rule that says what happens anyway.
  if (!call.present || action == actionOf(table.fallback, table.fallbackErrno)) return {};
  std::vector<scmp_arg_cmp> compares;
  for (const ArgCheck& check : rule.checks) compares.push_back(RF_TRY(compareOf(rule, check)));
  const int failure = seccomp_rule_add_array(context.get(), action, call.number, static_cast<unsigned>(compares.size()),
                                             compares.data());
  if (failure != 0 && failure != -EEXIST) return posixError(-failure, "adding the seccomp rule for " + rule.call);
  return {};
}

Result<Context> makeContext(const SeccompTable& table, Architecture architecture) {
  Context context(seccomp_init(actionOf(table.fallback, table.fallbackErrno)), &seccomp_release);
  if (!context) return posixError(ENOMEM, "making a seccomp filter");
  const std::uint32_t token = tokenOf(architecture);
  int failure = 0;
  if (token != seccomp_arch_native()) {
    failure = seccomp_arch_add(context.get(), token);
    if (failure == 0) failure = seccomp_arch_remove(context.get(), seccomp_arch_native());
  }
  if (failure == 0) failure = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (failure == 0) failure = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  // A binary tree over the numbers: a few comparisons for any call.
  if (failure == 0) failure = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (failure != 0) return posixError(-failure, "configuring a seccomp filter");
  return context;
}

Result<BpfProgram> exportProgram(const Context& context) {
  // libseccomp writes to nothing but a descriptor.
  const UniqueFd file(memfd_create("ringfence-bpf", MFD_CLOEXEC));
  if (!file) return posixError(errno, "making a file for a seccomp program");
  const int failure = seccomp_export_bpf(context.get(), file.get());
  if (failure != 0) return posixError(-failure, "compiling a seccomp filter");
  if (lseek(file.get(), 0, SEEK_SET) != 0) return posixError(errno, "rewinding a seccomp program");
  const std::string bytes = RF_TRY(readAll(file.get(), kMaxProgram, "a seccomp program"));
  if (bytes.empty() || bytes.size() % sizeof(sock_filter) != 0) {
    return Error{ErrorCode::kInternal, "libseccomp wrote " + std::to_string(bytes.size()) + " bytes of program"};
  }
  BpfProgram program(bytes.size() / sizeof(sock_filter));
  bytes.copy(reinterpret_cast<char*>(program.data()), bytes.size());
  return program;
}

}  // namespace

Architecture nativeArchitecture() {
#if defined(__x86_64__)
  return Architecture::kX86_64;
#elif defined(__aarch64__)
  return Architecture::kAarch64;
#elif defined(__riscv) && __riscv_xlen == 64
  return Architecture::kRiscv64;
#else
#error "no seccomp table for this architecture"
#endif
}

Result<BpfProgram> compile(const SeccompTable& table, Architecture architecture) {
  if (table.fallback == SeccompAction::kAllow) {
    return Error{ErrorCode::kInvalid, "the seccomp table allows what it does not name: a table is default deny"};
  }
  RF_TRY(checkOverlaps(table));
  Context context = RF_TRY(makeContext(table, architecture));
  for (const SeccompRule& rule : table.rules) RF_TRY(addRule(context, table, rule, architecture));
  return exportProgram(context);
}

int install(const BpfProgram& program) {
  sock_fprog filter{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  if (program.empty() || program.size() > BPF_MAXINSNS) return EINVAL;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0 ? 0 : errno;
}

bool notifies(const SeccompTable& table) {
  return std::ranges::any_of(table.rules, [](const auto& rule) { return rule.action == SeccompAction::kNotify; });
}

int installWithListener(const BpfProgram& program) {
  sock_fprog filter{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  if (program.empty() || program.size() > BPF_MAXINSNS) return -EINVAL;
  constexpr unsigned kFlags = abi::kSeccompNewListener | abi::kSeccompWaitKillable;
  const long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, &filter);
  return listener >= 0 ? static_cast<int>(listener) : -errno;
}

void preferSynchronousWakeUp(int listener) { (void)ioctl(listener, abi::kSeccompSetFlags, abi::kSeccompSyncWakeUp); }

}  // namespace ringfence::sandbox
