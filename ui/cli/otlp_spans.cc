// Runs and what they did as spans.
#include <algorithm>
#include <array>
#include <cstdio>

#include "ui/cli/fact_json.h"
#include "ui/cli/format.h"
#include "ui/cli/otlp.h"
#include "ui/cli/otlp_json.h"

namespace ringfence::cli {
namespace {

using otlp::Json;

constexpr int kInternal = 1;  // SPAN_KIND_INTERNAL
constexpr int kError = 2;     // STATUS_CODE_ERROR
constexpr std::size_t kMaxSpanEvents = 128;
constexpr std::size_t kMaxActionsOfFact = 0xffff;

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kEvents{
    {{"run-frozen", "ringfence.frozen"},
     {"run-resumed", "ringfence.resumed"},
     {"run-stopping", "ringfence.stopping"},
     {"limit-reached", "ringfence.limit_reached"},
     {"alarm-raised", "ringfence.alarm"},
     {"run-restrained", "ringfence.restrained"}}};

// The number of "r-0123456789abcdef"; empty: it is none.
std::string_view digitsOf(std::string_view run) {
  if (run.size() != 18 || !run.starts_with("r-")) return {};
  run.remove_prefix(2);
  return run.find_first_not_of("0123456789abcdef") == std::string_view::npos ? run : std::string_view();
}

// "call deploy" is the tool "deploy"; a file that is written, the tool "write".
std::string toolOf(const nlohmann::json& action) {
  const std::string op = textOf(action, "op");
  return op == "call" ? textOf(action, "target") : op;
}

struct Deed {
  std::string_view run;
  std::uint64_t seq = 0;
  std::size_t index = 0;
  Microseconds from{}, to{};
  std::string outcome;  // "allowed", "performed", … ; empty: not known
  bool isRefused = false;
  std::string guard, rule, place, say;
  std::uint64_t count = 1;
  std::optional<std::uint64_t> byUid;
};

std::string spanOf(const Deed& deed, const nlohmann::json& action) {
  const std::string tool = toolOf(action);
  Json attributes = Json::array(
      {otlp::text("gen_ai.operation.name", "execute_tool"), otlp::text("gen_ai.tool.name", tool),
       otlp::text("ringfence.run", deed.run), otlp::number("ringfence.seq", deed.seq),
       otlp::text("ringfence.op", textOf(action, "op")), otlp::text("ringfence.target", textOf(action, "target"))});
  const auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) attributes.push_back(otlp::text(key, value));
  };
  add("ringfence.outcome", deed.outcome);
  add("ringfence.guard", deed.guard);
  add("ringfence.rule", deed.rule);
  add("ringfence.rule.place", deed.place);
  add("ringfence.say", deed.say);
  if (deed.byUid) attributes.push_back(otlp::number("ringfence.answered_by_uid", *deed.byUid));
  if (deed.count > 1) attributes.push_back(otlp::number("ringfence.count", deed.count));
  if (deed.isRefused) attributes.push_back(otlp::text("error.type", deed.outcome));
  Json span = {{"traceId", otlpTraceId(deed.run)},
               {"spanId", otlpSpanId(deed.seq, deed.index)},
               {"parentSpanId", otlpRunSpanId(deed.run)},
               {"name", "execute_tool " + escapeForDisplay(tool)},
               {"kind", kInternal},
               {"startTimeUnixNano", otlp::nanos(deed.from)},
               {"endTimeUnixNano", otlp::nanos(deed.to)},
               {"attributes", std::move(attributes)}};
  if (deed.isRefused) span["status"] = {{"code", kError}, {"message", deed.outcome}};
  return otlp::envelope("resourceSpans", "scopeSpans", "spans", Json::array({std::move(span)}));
}

void putRule(Deed& deed, const nlohmann::json& rule) {
  deed.rule = textOf(rule, "text");
  const std::string file = textOf(rule, "file");
  if (!file.empty()) deed.place = file + ":" + std::to_string(numberOf(rule, "line"));
}

const nlohmann::json& objectOf(const nlohmann::json& object, const char* name) {
  static const nlohmann::json kNone = nlohmann::json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kNone;
}

}  // namespace

struct OtlpSpans::Fact {
  const client::LogLine& line;
  Microseconds at{};
  nlohmann::json body;
};

std::string otlpTraceId(std::string_view run) {
  const std::string_view digits = digitsOf(run);
  return digits.empty() ? std::string() : encodeHex("ringfenc") + std::string(digits);
}

std::string otlpRunSpanId(std::string_view run) { return std::string(digitsOf(run)); }

std::string otlpSpanId(std::uint64_t seq, std::size_t index) {
  char text[17];
  std::snprintf(text, sizeof text, "%012llx%04llx", static_cast<unsigned long long>(seq & 0xffff'ffff'ffff),
                static_cast<unsigned long long>(index & kMaxActionsOfFact));
  return text;
}

OtlpSpans::OpenRun& OtlpSpans::runOf(const Fact& fact) {
  return runs_.try_emplace(fact.line.run, OpenRun{.began = fact.at}).first->second;
}

// What is done to it, and what it used.
void OtlpSpans::note(const Fact& fact) {
  OpenRun& run = runOf(fact);
  if (fact.line.kind == "run-admitted") {
    run.began = fact.at;
    run.isBeginKnown = true;
    run.name = textOf(fact.body, "name");
    run.policyName = textOf(fact.body, "policy_name");
    run.policyHash = textOf(fact.body, "policy_hash");
    const auto command = fact.body.find("command");
    if (command != fact.body.end() && command->is_array() && !command->empty() && command->front().is_string())
      run.program = command->front().get<std::string>();
  }
  if (fact.line.kind == "usage-reported" || fact.line.kind == "usage-seen") {
    Used& used = fact.line.kind == "usage-seen" ? run.seen : run.reported;
    for (const auto& model : fact.body.value("models", nlohmann::json::array())) {
      used.inputTokens += numberOf(model, "input_tokens");
      used.outputTokens += numberOf(model, "output_tokens");
      used.reports += numberOf(model, "reports");
      if (model.contains("cost_microusd"))
        used.costMicroUsd = used.costMicroUsd.value_or(0) + numberOf(model, "cost_microusd");
    }
  }
  for (const auto& [kind, name] : kEvents) {
    if (fact.line.kind != kind) continue;
    if (run.events.size() == kMaxSpanEvents) {
      ++run.droppedEvents;
      continue;
    }
    Event event{fact.at, std::string(name), {}};
    for (const char* field : {"reason", "limit", "kind", "step", "itself"}) {
      const std::string value = textOf(fact.body, field);
      if (!value.empty()) event.attributes.emplace_back("ringfence." + std::string(field), value);
    }
    const std::string cause = textOf(objectOf(fact.body, "preemption"), "cause");
    if (!cause.empty()) event.attributes.emplace_back("ringfence.cause", cause);
    run.events.push_back(std::move(event));
  }
}

std::string OtlpSpans::ended(const Fact& fact) {
  const OpenRun run = runOf(fact);
  runs_.erase(fact.line.run);
  (void)ended_.add(fact.line.run);
  const bool isRefused = fact.line.kind == "run-refused";
  const nlohmann::json& exit = objectOf(fact.body, "exit");
  std::string failure;
  if (isRefused) failure = textOf(fact.body, "token");
  if (exit.contains("signal")) failure = "signal " + std::to_string(numberOf(exit, "signal"));
  if (numberOf(exit, "code") != 0) failure = "exit " + std::to_string(numberOf(exit, "code"));
  const auto outOfMemory = fact.body.find("out_of_memory");
  if (outOfMemory != fact.body.end() && *outOfMemory == true) failure = "out of memory";
  Json attributes =
      Json::array({otlp::text("gen_ai.operation.name", "invoke_agent"), otlp::text("gen_ai.provider.name", "unknown"),
                   otlp::text("gen_ai.agent.name", run.name), otlp::text("gen_ai.agent.id", fact.line.run),
                   otlp::text("ringfence.run", fact.line.run), otlp::text("ringfence.policy.name", run.policyName),
                   otlp::text("ringfence.policy.hash", run.policyHash), otlp::text("ringfence.program", run.program),
                   otlp::flag("ringfence.begin_known", run.isBeginKnown)});
  // The same call may be in both, so the greater counts, as for a budget. A run of which neither tells anything has
  // used an unknown number.
  const bool isSeen =
      run.seen.inputTokens + run.seen.outputTokens > run.reported.inputTokens + run.reported.outputTokens;
  const Used& used = isSeen ? run.seen : run.reported;
  if (used.reports > 0) {
    attributes.push_back(otlp::number("gen_ai.usage.input_tokens", used.inputTokens));
    attributes.push_back(otlp::number("gen_ai.usage.output_tokens", used.outputTokens));
    attributes.push_back(otlp::number("ringfence.usage.reports", used.reports));
    attributes.push_back(otlp::text("ringfence.usage.source", isSeen ? otlp::kOfEgress : otlp::kOfAgent));
  }
  const auto cost = std::max(run.reported.costMicroUsd, run.seen.costMicroUsd);
  if (cost) attributes.push_back(otlp::number("ringfence.usage.cost_microusd", *cost));
  if (exit.contains("code")) attributes.push_back(otlp::number("process.exit.code", numberOf(exit, "code")));
  const nlohmann::json& usage = objectOf(fact.body, "usage");
  for (const char* field : {"cpu_usec", "memory_peak_bytes", "io_read_bytes", "io_write_bytes"})
    if (usage.contains(field))
      attributes.push_back(otlp::number(std::string("ringfence.") + field, numberOf(usage, field)));
  if (!failure.empty()) attributes.push_back(otlp::text("error.type", failure));
  Json events = Json::array();
  for (const Event& event : run.events) {
    Json about = Json::array();
    for (const auto& [key, value] : event.attributes) about.push_back(otlp::text(key, value));
    events.push_back({{"timeUnixNano", otlp::nanos(event.at)}, {"name", event.name}, {"attributes", std::move(about)}});
  }
  Json span = {{"traceId", otlpTraceId(fact.line.run)},
               {"spanId", otlpRunSpanId(fact.line.run)},
               {"name", "invoke_agent " + escapeForDisplay(run.name)},
               {"kind", kInternal},
               {"startTimeUnixNano", otlp::nanos(run.began)},
               {"endTimeUnixNano", otlp::nanos(fact.at)},
               {"attributes", std::move(attributes)},
               {"events", std::move(events)}};
  if (run.droppedEvents > 0) span["droppedEventsCount"] = run.droppedEvents;
  if (!failure.empty()) {
    const std::string note = textOf(fact.body, isRefused ? "message" : "note");
    span["status"] = {{"code", kError}, {"message", escapeForDisplay(note.empty() ? failure : note)}};
  }
  return otlp::envelope("resourceSpans", "scopeSpans", "spans", Json::array({std::move(span)}));
}

std::vector<std::string> OtlpSpans::actions(const Fact& fact) {
  const std::string& kind = fact.line.kind;
  Deed deed{.run = fact.line.run, .seq = fact.line.seq, .from = fact.at, .to = fact.at};
  deed.guard = textOf(fact.body, "guard");
  if (kind == "action-asked") {
    questions_[numberOf(fact.body, "id")] = {fact.line.run, fact.line.bodyJson, fact.line.seq, fact.at};
    return {};
  }
  if (kind == "action-answered") {
    const auto found = questions_.find(numberOf(fact.body, "id"));
    if (found == questions_.end()) return {};
    const OpenQuestion question = std::move(found->second);
    questions_.erase(found);
    const auto asked = nlohmann::json::parse(question.bodyJson, nullptr, false);
    deed.run = question.run;
    deed.seq = question.seq;
    deed.from = question.asked;
    deed.outcome = textOf(fact.body, "outcome");
    deed.isRefused = deed.outcome != "allowed" && deed.outcome != "rewritten";
    deed.guard = textOf(asked, "guard");
    deed.say = textOf(fact.body, "say");
    if (fact.body.contains("by_uid")) deed.byUid = numberOf(fact.body, "by_uid");
    putRule(deed, objectOf(asked, "rule"));
    return {spanOf(deed, objectOf(asked, "action"))};
  }
  if (kind == "actions-allowed") {
    std::vector<std::string> lines;
    deed.outcome = "allowed";
    for (const auto& action : fact.body.value("actions", nlohmann::json::array())) {
      deed.rule = textOf(action, "rule");
      deed.count = numberOf(action, "count");
      lines.push_back(spanOf(deed, action));
      if (++deed.index > kMaxActionsOfFact) break;
    }
    return lines;
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kRecords{{{"action-denied", "forbidden"},
                                                                                   {"action-rewritten", "rewritten"},
                                                                                   {"connection-opened", "allowed"},
                                                                                   {"outcome-unknown", "unknown"},
                                                                                   {"asks-refused", "denied"}}};
  for (const auto& [record, outcome] : kRecords) {
    if (kind != record) continue;
    deed.outcome = outcome;
    deed.isRefused = outcome == "forbidden" || outcome == "denied";
    deed.count = numberOf(fact.body, "count");
    deed.say = textOf(fact.body, "why");
    if (deed.say.empty()) deed.say = textOf(objectOf(fact.body, "rule"), "why");
    putRule(deed, objectOf(fact.body, "rule"));
    return {spanOf(deed, objectOf(fact.body, "action"))};
  }
  return {};
}

std::vector<std::string> OtlpSpans::take(const client::LogLine& line) {
  if (digitsOf(line.run).empty()) return {};
  Fact fact{line, parseRfc3339(line.at).value_or(Microseconds{0}),
            nlohmann::json::parse(line.bodyJson, nullptr, false)};
  if (!fact.body.is_object()) return {};
  if (line.kind == "run-ended" || line.kind == "run-refused") return {ended(fact)};
  if (!ended_.contains(line.run)) note(fact);
  return actions(fact);
}

}  // namespace ringfence::cli
