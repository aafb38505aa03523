// The file of a checkpoint, as text: one line that names the format and the SHA-256 of the rest, and one JSON object,
// {"data": null or {"value", "version", "run", "saved"}, "steps": {ID: {} or {"result"}}}. Python's checkpoint.py reads
// and writes the same. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/agent/checkpoint.h"
#include "sdk/agent/json_members.h"
#include "sdk/base/result.h"

namespace ringfence::agent {

inline constexpr std::size_t kMaxCheckpointBytes = 8 << 20;  // of the file
inline constexpr std::size_t kMaxCheckpointSteps = 4096;

struct CheckpointContent {
  std::string data = "null";            // JSON, as above
  std::vector<JsonMember> steps = {};   // begun, or done
  std::vector<JsonMember> others = {};  // of whoever wrote more than this version knows
};

// Fails with kInvalid and words: it is not what was written, or was written by a later version.
Result<CheckpointContent> checkpointIn(std::string_view text);
std::string checkpointText(const CheckpointContent& content);

std::string checkpointData(std::string_view valueJson, std::int64_t version, std::string_view run,
                           std::chrono::system_clock::time_point saved);
// Of `data` as above. Nothing: "null". Fails with kInvalid: it is something else.
Result<std::optional<CheckpointRestored>> restoredIn(std::string_view data);

}  // namespace ringfence::agent
