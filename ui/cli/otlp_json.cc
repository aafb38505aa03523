#include "ui/cli/otlp_json.h"

#include "ui/cli/otlp.h"

namespace ringfence::cli::otlp {

std::string envelope(std::string_view resource, std::string_view scope, std::string_view list, Json content) {
  const std::string schema = "https://opentelemetry.io/schemas/" + std::string(kGenAiConventions);
  const Json about = {{"attributes", Json::array({text("service.name", "ringfence")})}};
  const Json teller = {{"name", "ringfence"}, {"version", RINGFENCE_VERSION}};
  const Json scoped = {{"scope", teller}, {std::string(list), std::move(content)}, {"schemaUrl", schema}};
  const Json whole = {
      {std::string(resource),
       Json::array({{{"resource", about}, {std::string(scope), Json::array({scoped})}, {"schemaUrl", schema}}})}};
  return whole.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string textOf(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_object()) return "";
  const auto bytes = found->find("base64");
  return bytes != found->end() && bytes->is_string() ? decodeBase64(bytes->get<std::string>()).value_or("") : "";
}

std::uint64_t numberOf(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

}  // namespace ringfence::cli::otlp
