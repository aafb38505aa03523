// What clients may ask of the log. Reads go through a connection of their own and see what is durable.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "supervisor/api/answer.h"

namespace ringfence::supervisor {

struct LogEntry {
  std::uint64_t seq = 0;
  Microseconds wall{};
  std::string run;
  std::string kind;
  std::string body;  // canonical JSON
  std::string hash;  // hexadecimal
};

struct LogAccess {
  // Facts after `sinceSeq` in order, at most `limit`.
  std::function<Result<std::vector<LogEntry>>(std::uint64_t sinceSeq, std::size_t limit)> read;
  // Where a reading begins that wants what was recorded from `wall` on: the seq before it. 0 when that is not found
  // soon: then older facts come first. A clock that was set back makes some older facts come along.
  std::function<Result<std::uint64_t>(Microseconds wall)> seqBefore;
  // Checks the chain; `against` is a head kept elsewhere, or empty. `done` is called in a later turn, or at once.
  std::function<void(const std::string& against, std::function<void(Result<api::Verification>)> done)> verify;
};

class SqliteStore;
class Verifier;
// Both outlive it.
LogAccess accessTo(SqliteStore& store, Verifier& verifier);

}  // namespace ringfence::supervisor
