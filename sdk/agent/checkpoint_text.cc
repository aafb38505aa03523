#include "sdk/agent/checkpoint_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/agent/digest.h"
#include "sdk/base/text.h"

namespace ringfence::agent {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kFormat = 1;
constexpr double kLatest = 1e11;  // seconds since 1970, in the year 5138

Error damaged(std::string why) { return {ErrorCode::kInvalid, std::move(why), 0}; }

// Empty: it is ours, and of that digest.
std::string faultOf(std::string_view head, std::string_view body) {
  const Json header = Json::parse(head, nullptr, false);
  if (!header.is_object()) return "is no checkpoint";
  const auto format = header.find("ringfence_checkpoint");
  const auto digest = header.find("sha256");
  if (format == header.end() || digest == header.end() || !digest->is_string()) return "is no checkpoint";
  if (*format != kFormat)
    return "has format " + format->dump(-1, ' ', true) + "; this version reads " + std::to_string(kFormat);
  return *digest == digestHex(body) ? "" : "is not what was written";
}

}  // namespace

Result<CheckpointContent> checkpointIn(std::string_view text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view body = text.substr(std::min(end + 1, text.size()));
  if (std::string fault = faultOf(text.substr(0, end), body); !fault.empty()) return damaged(std::move(fault));
  auto members = jsonMembersOf(body);
  if (!members) return damaged("is no checkpoint");
  CheckpointContent content;
  bool hasSteps = false;
  for (JsonMember& member : *members) {
    if (member.key == "\"data\"") {
      content.data = std::move(member.value);
    } else if (member.key == "\"steps\"") {
      auto steps = jsonMembersOf(member.value);
      if (!steps) return damaged("is no checkpoint");
      content.steps = *std::move(steps);
      hasSteps = true;
    } else {
      content.others.push_back(std::move(member));
    }
  }
  if (!hasSteps) return damaged("is no checkpoint");
  (void)RF_TRY(restoredIn(content.data));
  return content;
}

std::string checkpointText(const CheckpointContent& content) {
  std::vector<JsonMember> members = content.others;
  members.push_back({"\"data\"", content.data});
  members.push_back({"\"steps\"", jsonObjectOf(content.steps)});
  const std::string body = jsonObjectOf(members);
  return "{\"ringfence_checkpoint\": " + std::to_string(kFormat) + ", \"sha256\": \"" + digestHex(body) + "\"}\n" +
         body;
}

std::string checkpointData(std::string_view valueJson, std::int64_t version, std::string_view run,
                           std::chrono::system_clock::time_point saved) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(saved.time_since_epoch()).count();
  const std::string part = std::to_string(1'000'000 + microseconds % 1'000'000);
  return "{\"value\":" + std::string(valueJson) + ",\"version\":" + std::to_string(version) +
         ",\"run\":" + quoteJson(run) + ",\"saved\":" + std::to_string(microseconds / 1'000'000) + "." +
         part.substr(1) + "}";
}

Result<std::optional<CheckpointRestored>> restoredIn(std::string_view data) {
  if (data == "null") return std::optional<CheckpointRestored>();
  const auto members = jsonMembersOf(data);
  if (!members) return damaged("is no checkpoint");
  CheckpointRestored restored;
  bool hasValue = false, hasVersion = false;
  for (const auto& [key, value] : *members) {
    if (key == "\"value\"") {
      restored.dataJson = value;
      hasValue = true;
    } else if (key == "\"version\"") {
      const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), restored.version);
      if (failed != std::errc() || end != value.data() + value.size())
        return damaged("has a version that is too large");
      hasVersion = true;
    } else if (key == "\"run\"") {
      const Json run = Json::parse(value, nullptr, false);
      if (run.is_string()) restored.run = run.get<std::string>();
    } else if (key == "\"saved\"") {
      const Json saved = Json::parse(value, nullptr, false);
      const double seconds = saved.is_number() ? saved.get<double>() : 0;
      if (std::isfinite(seconds) && seconds > 0 && seconds < kLatest)
        restored.saved += std::chrono::microseconds(static_cast<std::int64_t>(std::llround(seconds * 1e6)));
    }
  }
  if (!hasValue || !hasVersion) return damaged("is no checkpoint");
  return std::optional(std::move(restored));
}

}  // namespace ringfence::agent
