// What clients may ask of the log. Reads go through a connection of their own and see what is durable.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "supervisor/api/answer.h"
#include "supervisor/store/sample.h"

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
  // What became of the samples of a run that end after `since`, in order. Not part of the chain. Absent: none are kept.
  std::function<Result<std::vector<SampleBucket>>(const RunId& run, Microseconds since)> series = nullptr;
};

class SqliteStore;
class Verifier;
// Both outlive it. Without a store all reading fails with `locked`, why there is none; checking works.
LogAccess accessTo(SqliteStore* store, const std::string& locked, Verifier& verifier);

}  // namespace ringfence::supervisor
