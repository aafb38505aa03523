#include "ui/cli/fact_json.h"

#include "sdk/base/text.h"

namespace ringfence::cli {

std::optional<std::string> factText(const nlohmann::json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  const auto encoded = value.is_object() ? value.find("base64") : value.end();
  if (!value.is_object() || encoded == value.end() || !encoded->is_string()) return std::nullopt;
  return decodeBase64(encoded->get_ref<const std::string&>());
}

std::string textOf(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::string() : factText(*found).value_or("");
}

std::uint64_t numberOf(const nlohmann::json& object, const char* name, std::uint64_t absent) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : absent;
}

}  // namespace ringfence::cli
