// Is the log what was written? Reads the whole file; needs no daemon and disturbs none.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::supervisor {

struct VerifyReport {
  bool ok = false;
  std::uint64_t facts = 0;        // that were checked and are good
  std::string head;               // hash of the last good one: keep it elsewhere to compare with later
  std::uint64_t firstBadSeq = 0;  // 0: none, or not one fact is to blame
  std::string detail;             // for a person
};

// `against`: a head noted earlier (64 hexadecimal digits), or empty. Fails when the file cannot be opened,
// and with kUnavailable soon after `stop` is asked for.
Result<VerifyReport> verifyLog(const std::string& path, const std::string& against, const std::stop_token& stop = {});

}  // namespace ringfence::supervisor
