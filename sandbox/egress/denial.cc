#include "sandbox/egress/denial.h"

#include "sdk/base/json_writer.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxText = 512;

const char* outcomeName(DenialOutcome outcome) {
  switch (outcome) {
    case DenialOutcome::kForbidden: return "forbidden";
    case DenialOutcome::kDenied: return "denied";
    case DenialOutcome::kExpired: return "expired";
    case DenialOutcome::kStopped: return "stopped";
  }
  return "forbidden";
}

std::string_view cut(std::string_view text) { return text.substr(0, kMaxText); }

}  // namespace

std::string denialJson(const Denial& denial) {
  JsonWriter json;
  json.beginObject().field("op", "connect").untrustedField("target", cut(denial.target));
  json.field("outcome", outcomeName(denial.outcome)).untrustedField("rule", cut(denial.rule.text));
  const policy::Origin& origin = denial.rule.origin;
  json.untrustedField("file_line", origin.file.empty() ? "" : cut(origin.file + ":" + std::to_string(origin.line)));
  json.untrustedField("say", cut(denial.say)).key("next").beginArray();
  json.value(denial.outcome == DenialOutcome::kExpired ? "ask" : "do not retry").endArray().endObject();
  return std::move(json).take();
}

GuardRule ruleOf(const policy::Verdict& verdict) {
  return {.text = verdict.rule, .origin = verdict.origin, .why = verdict.why};
}

}  // namespace ringfence::sandbox
