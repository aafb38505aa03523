#include "sandbox/plan/seccomp_table.h"

#include "sdk/base/sha256.h"

namespace ringfence::sandbox {
namespace {

const char* nameOf(SeccompAction action) {
  switch (action) {
    case SeccompAction::kAllow: return "allow";
    case SeccompAction::kErrno: return "errno";
    case SeccompAction::kKillProcess: return "kill";
    case SeccompAction::kNotify: return "notify";
  }
  return "unknown";
}

std::string hex(std::uint64_t value) {
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789abcdef"[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + digits;
}

std::string actionText(SeccompAction action, std::uint16_t errnoValue) {
  return action == SeccompAction::kErrno ? "errno " + std::to_string(errnoValue) : nameOf(action);
}

std::string checkText(const ArgCheck& check) {
  const std::string argument = "arg" + std::to_string(check.index);
  switch (check.op) {
    case ArgOp::kEqual: return argument + " == " + hex(check.value);
    case ArgOp::kNotEqual: return argument + " != " + hex(check.value);
    case ArgOp::kMaskedEqual: return argument + " & " + hex(check.mask) + " == " + hex(check.value);
    case ArgOp::kLess: return argument + " < " + hex(check.value);
    case ArgOp::kGreaterOrEqual: return argument + " >= " + hex(check.value);
  }
  return "unknown";
}

}  // namespace

std::string explain(const SeccompTable& table) {
  std::string text = "otherwise: " + actionText(table.fallback, table.fallbackErrno) + "\n";
  for (const SeccompRule& rule : table.rules) {
    text += rule.call + ": " + actionText(rule.action, rule.errnoValue);
    for (std::size_t i = 0; i < rule.checks.size(); ++i)
      text += (i == 0 ? " when " : " and ") + checkText(rule.checks[i]);
    text += "\n";
  }
  return text;
}

std::string seccompHash(const SharedSeccompTable& table) {
  // Nearly every plan has the same table.
  thread_local SharedSeccompTable last;
  thread_local std::string hash;
  if (hash.empty() || !(last == table)) {
    hash = sha256Hex(explain(table));
    last = table;
  }
  return hash;
}

}  // namespace ringfence::sandbox
