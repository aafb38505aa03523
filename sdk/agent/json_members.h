// The members of a JSON object as the text that they are. Whoever keeps the values of somebody else keeps them as they
// were: numbers of any length, and text that is not quite Unicode. Pure; what is no JSON is never read beyond its end.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::agent {

struct JsonMember {
  std::string key;    // a JSON string with its quotes, as jsonKey() writes it
  std::string value;  // JSON
};

// Nothing: that is no object. Inner values are looked at only as far as their end must be found.
std::optional<std::vector<JsonMember>> jsonMembersOf(std::string_view object);
std::string jsonObjectOf(const std::vector<JsonMember>& members);
// ASCII alone, as json.dumps of Python has it. `text` is UTF-8.
std::string jsonKey(std::string_view text);
// Null: there is no such member.
const JsonMember* findMember(const std::vector<JsonMember>& members, std::string_view key);
// How many brackets are open at most at once; of text that is JSON.
std::size_t jsonDepth(std::string_view json);

}  // namespace ringfence::agent
