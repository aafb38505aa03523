// One event of an agent's hooks, read from bytes that may be anything. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sdk/base/result.h"
#include "sdk/base/units.h"

namespace ringfence::hook {

inline constexpr Bytes kMaxEvent{1 << 20};
inline constexpr std::size_t kMaxNesting = 32;
inline constexpr std::size_t kMaxToolName = 256;  // as the daemon takes it

struct Event {
  std::string name;  // never empty
  std::string cwd;   // empty: none, or not absolute
  std::string tool;  // empty: of an event that is about no tool
  nlohmann::json input = nlohmann::json::object();
  std::string message;
};

// Fails with kInvalid and words that say what is wrong and where: no JSON object, more than there may be, deeper than
// kMaxNesting, a name twice in one object (readers differ in which of them counts), a field of another type.
Result<Event> readEvent(std::string_view bytes);

// Whether a text is one JSON object under the same bounds. Fails with kInvalid, and `what` it is in words.
enum class Comments { kRefuse, kAllow };
Result<void> checkObject(std::string_view bytes, const std::string& what, Comments comments);

// A JSON object that a person wrote in place of a tool's input, under the same bounds.
Result<nlohmann::json> readObject(std::string_view bytes);

}  // namespace ringfence::hook
