#include "ui/cli/price_views.h"

#include <cmath>
#include <cstdio>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/format.h"

namespace ringfence::cli {
namespace {

std::string secondsText(const std::optional<double>& seconds) {
  if (!seconds || !std::isfinite(*seconds)) return "unknown";
  if (*seconds >= 60 && *seconds < 1e9) return formatDuration(Microseconds(static_cast<std::int64_t>(*seconds * 1e6)));
  char text[32];
  std::snprintf(text, sizeof text, *seconds < 1 ? "%.3fs" : "%.1fs", *seconds);
  return text;
}

std::string tokensText(const std::optional<double>& tokens) {
  if (!tokens || !std::isfinite(*tokens)) return "unknown";
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", *tokens);
  return text;
}

std::string dashIfEmpty(const std::string& text) { return text.empty() ? "-" : escapeForDisplay(text); }

void priceField(JsonWriter& json, std::string_view name, const client::Price& price) {
  json.key(name).beginObject();
  json.fieldOrNull("seconds", price.seconds);
  json.fieldOrNull("tokens", price.tokens);
  json.fieldOrNull("work_cpu_seconds", price.workCpuSeconds);
  json.field("forbidden", price.forbidden);
  json.untrustedFieldOrNull("why", price.why);
  json.untrustedFieldOrNull("cheaper_after", price.cheaperAfter);
  json.endObject();
}

// What the bytes of its connections look like: nobody reads what they carry.
std::string activityLine(const std::string& activity) {
  if (activity.empty()) return {};
  if (activity == "waiting-for-person") return "it is waiting for a person\n";
  if (activity == "waiting-for-model") return "it is waiting for a model, or for another server\n";
  if (activity == "streaming") return "an answer of a model, or of another server, is coming in\n";
  if (activity == "tool-running") return "it is working: a tool runs, or it computes\n";
  return "what it does: " + escapeForDisplay(activity) + "\n";
}

}  // namespace

std::string priceText(const client::PriceAnswer& answer) {
  Table table({"INTERRUPTION", "TIME", "TOKENS", "WORK (CPU)", "CHEAPER AFTER", "MOSTLY"});
  const auto add = [&table](const std::string& name, const client::Price& price) {
    table.add({name, secondsText(price.seconds), tokensText(price.tokens), secondsText(price.workCpuSeconds),
               dashIfEmpty(price.cheaperAfter),
               (price.forbidden ? "must not be done now: " : "") + dashIfEmpty(price.why)});
  };
  add("freeze", answer.freeze);
  add("freeze, take memory back", answer.freezeAndReclaim);
  add("kill", answer.kill);
  std::string text = escapeForDisplay(answer.run) + " (" + dashIfEmpty(answer.name) + "), held for " +
                     formatDuration(answer.hold) + ": estimates, the hold itself not counted\n" + table.text();
  text += answer.safePoint.empty()
              ? "no safe point is known: what a kill would lose is counted from the start of the run\n"
              : "its last safe point: " + escapeForDisplay(answer.safePoint) + "\n";
  text += activityLine(answer.activity);
  return text;
}

std::string priceJson(const client::PriceAnswer& answer) {
  JsonWriter json;
  json.beginObject().field("run", answer.run).untrustedField("name", answer.name);
  json.field("hold_seconds", std::chrono::duration<double>(answer.hold).count());
  json.untrustedFieldOrNull("safe_point", answer.safePoint);
  json.untrustedFieldOrNull("activity", answer.activity);
  priceField(json, "freeze", answer.freeze);
  priceField(json, "freeze_and_reclaim", answer.freezeAndReclaim);
  priceField(json, "kill", answer.kill);
  json.endObject();
  return std::move(json).take();
}

}  // namespace ringfence::cli
