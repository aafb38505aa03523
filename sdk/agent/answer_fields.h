// Fields of what the daemon sends, which is looked at as anything from elsewhere: what does not fit is as if it were
// not there.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace ringfence::agent {

inline std::optional<std::string> maybeTextIn(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}
inline std::string textIn(const nlohmann::json& object, const char* name) {
  return maybeTextIn(object, name).value_or("");
}
// 64-bit numbers are text.
inline std::optional<std::uint64_t> numberIn(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text.c_str(), &end, 10);
  return !text.empty() && *end == '\0' ? std::optional(number) : std::nullopt;
}
inline std::optional<double> realIn(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}
inline bool flagIn(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}
inline std::vector<std::string> wordsIn(const nlohmann::json& object, const char* name) {
  std::vector<std::string> words;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return words;
  for (const auto& word : *found)
    if (word.is_string()) words.push_back(word.get<std::string>());
  return words;
}
// Null: there is no such object.
inline const nlohmann::json* objectIn(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? &*found : nullptr;
}

}  // namespace ringfence::agent
