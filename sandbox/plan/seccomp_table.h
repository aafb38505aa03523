// The system calls that a run may make, as a table: default deny. Meaning only; sandbox/kernel/seccomp.h compiles it
// with libseccomp for one architecture and installs it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ringfence::sandbox {

enum class SeccompAction { kAllow, kErrno, kKillProcess, kNotify };

enum class ArgOp { kEqual, kNotEqual, kMaskedEqual, kLess, kGreaterOrEqual };
// Compares argument `index`: kMaskedEqual is (arg & mask) == value; the others ignore mask.
struct ArgCheck {
  std::uint8_t index = 0;
  ArgOp op = ArgOp::kEqual;
  std::uint64_t value = 0;
  std::uint64_t mask = 0;
  bool operator==(const ArgCheck&) const = default;
};

// One rule: all checks hold → action. Several rules for one call: the strictest matching action wins, as libseccomp
// orders them; a call without a rule gets `fallback`.
struct SeccompRule {
  std::string call;  // libseccomp's name; a call that the architecture lacks is left out
  SeccompAction action = SeccompAction::kAllow;
  std::uint16_t errnoValue = 0;  // for kErrno
  std::vector<ArgCheck> checks;
  bool operator==(const SeccompRule&) const = default;
};

struct SeccompTable {
  SeccompAction fallback = SeccompAction::kErrno;
  std::uint16_t fallbackErrno = 38;  // ENOSYS: a program falls back to what it knows
  std::vector<SeccompRule> rules;
  bool operator==(const SeccompTable&) const = default;
};

// One table of many plans, which nobody changes: a copy is another name for it.
class SharedSeccompTable {
 public:
  SharedSeccompTable() : SharedSeccompTable(SeccompTable{}) {}
  SharedSeccompTable(SeccompTable table) : table_(std::make_shared<const SeccompTable>(std::move(table))) {}

  operator const SeccompTable&() const { return *table_; }
  const SeccompTable* operator->() const { return table_.get(); }
  bool operator==(const SharedSeccompTable& other) const { return isSame(other) || *table_ == *other.table_; }
  bool isSame(const SharedSeccompTable& other) const { return table_ == other.table_; }

 private:
  std::shared_ptr<const SeccompTable> table_;
};

// One rule a line, in their order; and the SHA-256 of that text.
std::string explain(const SeccompTable& table);
std::string seccompHash(const SharedSeccompTable& table);

}  // namespace ringfence::sandbox
