// What a person is told of a log that is not what was written. For this folder alone.
#pragma once

#include <string>

#include "sdk/base/result.h"

namespace ringfence::supervisor {

// "PATH: WHAT; …", with what to do. kInvalid: nothing but a person's decision makes it good.
inline Error damagedLog(const std::string& path, const std::string& what) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  return {ErrorCode::kInvalid,
          path + ": " + what +
              "; the log was changed or damaged: keep it for inspection (`ringfence verify` names the first bad fact), "
              "then put a copy of all of " +
              folder + "log.* back, or move all of them away to begin an empty log, and restart ringfenced",
          0};
}

}  // namespace ringfence::supervisor
