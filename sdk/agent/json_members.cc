#include "sdk/agent/json_members.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ringfence::agent {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool takes(char wanted) {
    skipSpaces();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool isAtEnd() {
    skipSpaces();
    return at_ == text_.size();
  }
  // With its quotes; empty: there is none.
  std::string_view string() {
    skipSpaces();
    const std::size_t from = at_;
    return skipString() ? text_.substr(from, at_ - from) : std::string_view();
  }
  std::string_view value() {
    skipSpaces();
    const std::size_t from = at_;
    return skipValue() ? text_.substr(from, at_ - from) : std::string_view();
  }

 private:
  void skipSpaces() {
    while (at_ < text_.size() && kSpaces.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool skipString() {
    if (at_ >= text_.size() || text_[at_] != '"') return false;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
    return false;
  }
  bool skipScalar() {
    const std::size_t from = at_;
    at_ = std::min(text_.find_first_of(",]}{[\" \t\r\n", at_), text_.size());
    return at_ > from;
  }
  bool skipValue() {
    if (at_ >= text_.size()) return false;
    if (text_[at_] == '"') return skipString();
    if (text_[at_] != '{' && text_[at_] != '[') return skipScalar();
    std::string open;
    do {
      const char now = text_[at_];
      if (now == '"') {
        if (!skipString()) return false;
        continue;
      }
      if (now == '{' || now == '[') open += now == '{' ? '}' : ']';
      if (now == '}' || now == ']') {
        if (open.back() != now) return false;
        open.pop_back();
      }
      ++at_;
    } while (!open.empty() && at_ < text_.size());
    return open.empty();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// As jsonKey() would write it. What Unicode has not stays as it is.
std::string sameKey(std::string_view literal) {
  const auto parsed = nlohmann::json::parse(literal, nullptr, false);
  return parsed.is_string() ? jsonKey(parsed.get_ref<const std::string&>()) : std::string(literal);
}

}  // namespace

std::optional<std::vector<JsonMember>> jsonMembersOf(std::string_view object) {
  std::vector<JsonMember> members;
  Reader reader(object);
  if (!reader.takes('{')) return std::nullopt;
  if (!reader.takes('}')) {
    do {
      const std::string_view key = reader.string();
      if (key.empty() || !reader.takes(':')) return std::nullopt;
      const std::string_view value = reader.value();
      if (value.empty()) return std::nullopt;
      members.push_back({sameKey(key), std::string(value)});
    } while (reader.takes(','));
    if (!reader.takes('}')) return std::nullopt;
  }
  return reader.isAtEnd() ? std::optional(std::move(members)) : std::nullopt;
}

std::string jsonObjectOf(const std::vector<JsonMember>& members) {
  std::string json = "{";
  for (const auto& [key, value] : members) {
    if (json.size() > 1) json += ',';
    json.append(key).append(1, ':').append(value);
  }
  return json + "}";
}

std::string jsonKey(std::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

const JsonMember* findMember(const std::vector<JsonMember>& members, std::string_view key) {
  const auto found = std::ranges::find(members, key, &JsonMember::key);
  return found == members.end() ? nullptr : &*found;
}

std::size_t jsonDepth(std::string_view json) {
  std::size_t depth = 0, deepest = 0;
  bool isInString = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (isInString && json[i] == '\\')
      ++i;
    else if (json[i] == '"')
      isInString = !isInString;
    else if (!isInString && (json[i] == '{' || json[i] == '['))
      deepest = std::max(deepest, ++depth);
    else if (!isInString && (json[i] == '}' || json[i] == ']') && depth > 0)
      --depth;
  }
  return deepest;
}

}  // namespace ringfence::agent
