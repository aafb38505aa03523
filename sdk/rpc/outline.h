// What one line of JSON is about, before anything in it is believed, from bytes that may be anything. Pure.
//
// What is passed on is judged before: so a line that two readers could understand in two ways is none. It is refused
// with words where it is no JSON, names a member twice or in other letters ("Method"), holds a list of messages, or
// goes over a bound.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "sdk/base/result.h"

namespace ringfence::rpc {

inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxValues = 1 << 18;  // names, texts, numbers and the like of one message
inline constexpr std::size_t kMaxId = 256;          // bytes

// Of a member of the outermost object.
struct Member {
  std::string json;  // of a text, a whole number or null that was asked for; of everything else empty
  std::string text;  // of a text that was asked for
};
using Outline = std::map<std::string, Member, std::less<>>;

// The members of the outermost object, and what stands in those that are asked for. Fails with kInvalid: what is wrong
// with the line.
Result<Outline> outlineOf(std::string_view line, std::span<const std::string_view> members);
// Whether a member of this object has one of these names in other letters. Fails with kInvalid, and `what` it is in
// words ("the parameters have").
Result<void> checkNames(const nlohmann::json& object, std::initializer_list<std::string_view> names,
                        std::string_view what);

// The same document, in which nothing can be taken for the end of a line by any reader.
std::string inOneLine(std::string line);
// The JSON of a value, whatever bytes its texts hold.
std::string dumped(const nlohmann::json& value);
// A member that is a text; else nothing in it.
std::string textAt(const nlohmann::json& object, std::string_view name);

}  // namespace ringfence::rpc
