// The hash chain over facts: hash(n) = SHA-256(hash(n-1), canonical bytes of fact n). It is not keyed: who can write
// the file can write a whole new chain. A head kept elsewhere (`ringfence verify --against HEAD`) shows that too.
#pragma once

#include <string>
#include <string_view>

#include "supervisor/core/fact.h"

namespace ringfence::supervisor {

// A fact as it is stored; the body stays the text that was hashed.
struct FactRow {
  std::uint64_t seq = 0;
  std::string run;
  Now at;
  std::string bootId;
  std::string kind;
  std::string body;
};

// Before the first fact: 32 zero bytes.
std::string chainStart();
// 32 raw bytes.
std::string chainHash(std::string_view previous, const FactRow& row);

FactRow toRow(const Fact& fact);
// Fails with kInvalid naming seq.
Result<Fact> toFact(const FactRow& row);

}  // namespace ringfence::supervisor
