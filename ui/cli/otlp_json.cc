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

}  // namespace ringfence::cli::otlp
