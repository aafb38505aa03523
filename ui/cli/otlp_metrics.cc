// What agents reported and what their egress saw, as metrics.
#include "ui/cli/fact_json.h"
#include "ui/cli/format.h"
#include "ui/cli/otlp.h"
#include "ui/cli/otlp_json.h"

namespace ringfence::cli {
namespace {

using otlp::Json;

constexpr int kDelta = 1;  // AGGREGATION_TEMPORALITY_DELTA

struct Told {
  const client::LogLine& line;
  Microseconds from{}, at{};
  std::string name;
  std::string_view source;
};

Json aboutOf(const Told& told, const nlohmann::json& model) {
  return Json::array(
      {otlp::text("gen_ai.operation.name", "invoke_agent"), otlp::text("gen_ai.provider.name", "unknown"),
       otlp::text("gen_ai.request.model", textOf(model, "model")), otlp::text("gen_ai.agent.name", told.name),
       otlp::text("ringfence.run", told.line.run), otlp::text("ringfence.usage.source", told.source)});
}

Json pointOf(const Told& told, Json attributes) {
  return {{"attributes", std::move(attributes)},
          {"startTimeUnixNano", otlp::nanos(told.from)},
          {"timeUnixNano", otlp::nanos(told.at)}};
}

// How the tokens of reports that came together were spread over them is not known, so there are no buckets.
Json tokensOf(const Told& told, const nlohmann::json& model, std::string_view type, const char* field) {
  Json attributes = aboutOf(told, model);
  attributes.push_back(otlp::text("gen_ai.token.type", type));
  Json point = pointOf(told, std::move(attributes));
  point["count"] = std::to_string(numberOf(model, "reports"));
  point["sum"] = static_cast<double>(numberOf(model, field));
  return point;
}

Json sum(std::string_view name, std::string_view unit, std::string_view description, Json points) {
  return {{"name", name},
          {"unit", unit},
          {"description", description},
          {"sum", {{"aggregationTemporality", kDelta}, {"isMonotonic", true}, {"dataPoints", std::move(points)}}}};
}

}  // namespace

std::vector<std::string> OtlpMetrics::take(const client::LogLine& line) {
  if (otlpTraceId(line.run).empty()) return {};
  const Microseconds at = parseRfc3339(line.at).value_or(Microseconds{0});
  const auto body = nlohmann::json::parse(line.bodyJson, nullptr, false);
  if (!body.is_object()) return {};
  OpenRun& run = runs_.try_emplace(line.run, OpenRun{at, at, ""}).first->second;
  if (line.kind == "run-admitted") run.name = textOf(body, "name");
  const bool isReported = line.kind == "usage-reported";
  if (line.kind == "run-ended" || line.kind == "run-refused") runs_.erase(ended_.add(line.run));
  if (!isReported && line.kind != "usage-seen") return {};
  Microseconds& since = isReported ? run.reportedAt : run.seenAt;
  const Told told{line, std::exchange(since, at), at, run.name, isReported ? otlp::kOfAgent : otlp::kOfEgress};
  Json tokens = Json::array(), costs = Json::array(), counts = Json::array();
  for (const auto& model : body.value("models", nlohmann::json::array())) {
    if (!model.is_object()) continue;
    tokens.push_back(tokensOf(told, model, "input", "input_tokens"));
    tokens.push_back(tokensOf(told, model, "output", "output_tokens"));
    if (model.contains("cost_microusd")) {
      costs.push_back(pointOf(told, aboutOf(told, model)));
      costs.back()["asDouble"] = static_cast<double>(numberOf(model, "cost_microusd")) / 1e6;
    }
    for (const auto& counter : model.value("counters", nlohmann::json::array())) {
      Json attributes = aboutOf(told, model);
      attributes.push_back(otlp::text("ringfence.counter", textOf(counter, "name")));
      counts.push_back(pointOf(told, std::move(attributes)));
      counts.back()["asInt"] = std::to_string(numberOf(counter, "count"));
    }
  }
  Json metrics = Json::array(
      {{{"name", "gen_ai.client.token.usage"},
        {"unit", "{token}"},
        {"description",
         "Tokens that calls to models used, as the agent reported them or its egress saw them; the same call "
         "may be in both."},
        {"histogram", {{"aggregationTemporality", kDelta}, {"dataPoints", std::move(tokens)}}}}});
  if (!costs.empty())
    metrics.push_back(sum("ringfence.client.cost", "{USD}", "Cost of calls to models, as it was told.", costs));
  if (!counts.empty())
    metrics.push_back(sum("ringfence.client.counter", "1", "Counters that the agent reported.", counts));
  return {otlp::envelope("resourceMetrics", "scopeMetrics", "metrics", std::move(metrics))};
}

}  // namespace ringfence::cli
