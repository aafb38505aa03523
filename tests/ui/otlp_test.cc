// The log as OpenTelemetry has it: against golden lines, and against what OTLP/JSON asks for.
#include "ui/cli/otlp.h"

#include <catch2/catch_all.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/golden.h"

using namespace ringfence;
using namespace ringfence::cli;
using Json = nlohmann::json;

namespace {

std::vector<client::LogLine> log() {
  std::ifstream file(std::string(RF_SOURCE_DIR) + "/tests/golden/otlp/log.jsonl");
  REQUIRE(file);
  std::vector<client::LogLine> lines;
  for (std::string text; std::getline(file, text);) {
    const Json one = Json::parse(text);
    lines.push_back({one["seq"], one["at"], one.value("run", ""), one["kind"], one["body"].dump(), one["hash"]});
  }
  return lines;
}

template <typename Exporter>
std::string exported() {
  Exporter exporter;
  std::string text;
  for (const client::LogLine& line : log())
    for (const std::string& out : exporter.take(line)) text += out + "\n";
  return text;
}

std::vector<Json> spansOf(const std::string& text) {
  std::vector<Json> spans;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const Json whole = Json::parse(line);
    for (const Json& span : whole["resourceSpans"][0]["scopeSpans"][0]["spans"]) spans.push_back(span);
  }
  return spans;
}

std::string attribute(const Json& of, const std::string& key) {
  for (const Json& one : of["attributes"])
    if (one["key"] == key)
      return one["value"].begin()->is_string() ? one["value"].begin()->get<std::string>()
                                               : one["value"].begin()->dump();
  return "";
}

bool isHex(const Json& id, std::size_t digits) {
  const auto& text = id.get_ref<const std::string&>();
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos &&
         text.find_first_not_of('0') != std::string::npos;
}

// Whatever is a 64-bit number in OTLP is text in its JSON.
void eachNumber(const Json& value, const std::string& name, const std::function<void(const std::string&)>& found) {
  if (value.is_object())
    for (const auto& [key, inner] : value.items()) eachNumber(inner, key, found);
  if (value.is_array())
    for (const Json& inner : value) eachNumber(inner, name, found);
  if (value.is_number()) found(name);
}

}  // namespace

TEST_CASE("a log becomes the spans of its runs and of what they did, the same lines each time") {
  const std::string text = exported<OtlpSpans>();
  test::checkGolden("otlp/traces.jsonl", text);
  CHECK(text == exported<OtlpSpans>());
}

TEST_CASE("what agents reported becomes metrics, the same lines each time") {
  const std::string text = exported<OtlpMetrics>();
  test::checkGolden("otlp/metrics.jsonl", text);
  CHECK(text == exported<OtlpMetrics>());
}

TEST_CASE(
    "spans are as OTLP in JSON has them: hexadecimal ids that differ, times and numbers as text, enums as numbers") {
  const std::vector<Json> spans = spansOf(exported<OtlpSpans>());
  REQUIRE(spans.size() == 8);
  std::set<std::string> ids;
  for (const Json& span : spans) {
    CHECK(isHex(span["traceId"], 32));
    CHECK(isHex(span["spanId"], 16));
    CHECK(ids.insert(span["traceId"].get<std::string>() + span["spanId"].get<std::string>()).second);
    CHECK(std::stoull(span["startTimeUnixNano"].get<std::string>()) <=
          std::stoull(span["endTimeUnixNano"].get<std::string>()));
    eachNumber(span, "", [](const std::string& name) {
      CHECK((name == "kind" || name == "code" || name == "doubleValue" || name == "droppedEventsCount"));
    });
  }
}

TEST_CASE("a run's span tells how long it was, what it used, what was done to it and how it ended") {
  const std::vector<Json> spans = spansOf(exported<OtlpSpans>());
  const auto root = std::ranges::find_if(spans, [](const Json& span) { return !span.contains("parentSpanId"); });
  REQUIRE(root != spans.end());
  CHECK((*root)["name"] == "invoke_agent tidier");
  CHECK((*root)["startTimeUnixNano"] == "1795827601000000000");
  CHECK((*root)["endTimeUnixNano"] == "1795827614000001000");
  CHECK(attribute(*root, "gen_ai.operation.name") == "invoke_agent");
  CHECK(attribute(*root, "gen_ai.usage.input_tokens") == "910");
  CHECK(attribute(*root, "ringfence.usage.cost_microusd") == "1200");
  CHECK(attribute(*root, "error.type") == "exit 3");
  REQUIRE((*root)["events"].size() == 2);
  CHECK((*root)["events"][0]["name"] == "ringfence.frozen");
  CHECK(attribute((*root)["events"][0], "ringfence.cause") == "limit");
  CHECK((*root)["status"]["code"] == 2);
  // One whose beginning is not in the log any more says so.
  const auto cut = std::ranges::find(spans, "r-00000000000000a3",
                                     [](const Json& span) { return attribute(span, "gen_ai.agent.id"); });
  REQUIRE(cut != spans.end());
  CHECK(attribute(*cut, "ringfence.begin_known") == "false");
  CHECK(attribute(*cut, "error.type") == "out of memory");
  CHECK(attribute(*cut, "gen_ai.usage.input_tokens").empty());
  CHECK(attribute(*cut, "ringfence.usage.source").empty());
}

TEST_CASE("of what the agent reported and what its egress saw a span has the greater, and says whose it is") {
  const Json seen = spansOf(exported<OtlpSpans>()).back();
  CHECK(attribute(seen, "gen_ai.agent.name") == "seen");
  CHECK(attribute(seen, "gen_ai.usage.input_tokens") == "700");
  CHECK(attribute(seen, "gen_ai.usage.output_tokens") == "50");
  CHECK(attribute(seen, "ringfence.usage.reports") == "3");
  CHECK(attribute(seen, "ringfence.usage.source") == "egress");
  const auto fact = [](std::uint64_t seq, const char* kind, std::uint64_t tokens) {
    const Json body = {{"models", {{{"model", "m"}, {"input_tokens", tokens}, {"output_tokens", 0}, {"reports", 1}}}}};
    return client::LogLine{seq, "2026-11-28T01:00:00Z", "r-00000000000000a1", kind, body.dump(), ""};
  };
  OtlpSpans spans;
  (void)spans.take(fact(1, "usage-seen", 100));
  (void)spans.take(fact(2, "usage-reported", 100));
  const auto ended = spans.take({3, "2026-11-28T01:00:00Z", "r-00000000000000a1", "run-ended", "{}", ""});
  REQUIRE(ended.size() == 1);
  CHECK(attribute(spansOf(ended[0]).at(0), "gen_ai.usage.input_tokens") == "100");
  CHECK(attribute(spansOf(ended[0]).at(0), "ringfence.usage.source") == "agent");
}

TEST_CASE("what the egress saw is metrics of their own, each from the one before of the same source") {
  std::map<std::string, std::vector<Json>> points;
  OtlpMetrics metrics;
  for (const client::LogLine& line : log())
    for (const std::string& text : metrics.take(line)) {
      const Json whole = Json::parse(text);
      const Json& metric = whole["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
      for (const Json& point : metric["histogram"]["dataPoints"])
        if (attribute(point, "gen_ai.token.type") == "input" && attribute(point, "gen_ai.agent.name") == "seen")
          points[attribute(point, "ringfence.usage.source")].push_back(point);
    }
  REQUIRE(points["agent"].size() == 1);
  REQUIRE(points["egress"].size() == 2);
  CHECK(points["agent"][0]["sum"] == 300.0);
  CHECK(points["egress"][1]["sum"] == 400.0);
  CHECK(points["egress"][0]["startTimeUnixNano"] == points["agent"][0]["startTimeUnixNano"]);
  CHECK(points["egress"][1]["startTimeUnixNano"] == points["egress"][0]["timeUnixNano"]);
}

TEST_CASE("what an egress tells just after its run is a metric of that run, and begins no other one") {
  const auto fact = [](std::uint64_t seq, const std::string& at, const char* kind, const std::string& body) {
    return client::LogLine{seq, "2026-11-28T01:00:" + at + "Z", "r-00000000000000a1", kind, body, ""};
  };
  const std::string seen = R"({"models":[{"model":"m","input_tokens":7,"output_tokens":1,"reports":1}]})";
  const std::vector<client::LogLine> all{fact(1, "00", "run-admitted", R"({"name":"brief","command":["/bin/a"]})"),
                                         fact(2, "01", "run-ended", R"({"exit":{"code":0}})"),
                                         fact(3, "02", "usage-seen", seen)};
  OtlpMetrics metrics;
  OtlpSpans spans;
  std::vector<std::string> told, drawn;
  for (const client::LogLine& line : all) {
    for (std::string& text : metrics.take(line)) told.push_back(std::move(text));
    for (std::string& text : spans.take(line)) drawn.push_back(std::move(text));
  }
  CHECK(drawn.size() == 1);
  REQUIRE(told.size() == 1);
  const Json whole = Json::parse(told[0]);
  const Json& point = whole["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["histogram"]["dataPoints"][0];
  CHECK(attribute(point, "gen_ai.agent.name") == "brief");
  CHECK(point["startTimeUnixNano"] == "1795827600000000000");
  // Had it begun one, that would have used something.
  const auto again = spans.take(fact(4, "03", "run-ended", "{}"));
  REQUIRE(again.size() == 1);
  CHECK(attribute(spansOf(again[0]).at(0), "gen_ai.usage.input_tokens").empty());
}

TEST_CASE("what was asked is a span from the question to the answer, below its run, under the tool's name") {
  const std::vector<Json> spans = spansOf(exported<OtlpSpans>());
  const auto asked = std::ranges::find(spans, "execute_tool deploy", [](const Json& span) { return span["name"]; });
  REQUIRE(asked != spans.end());
  CHECK((*asked)["parentSpanId"] == "00000000000000a1");
  CHECK((*asked)["startTimeUnixNano"] == "1795827603000000000");
  CHECK((*asked)["endTimeUnixNano"] == "1795827610000000000");
  CHECK(attribute(*asked, "ringfence.outcome") == "denied");
  CHECK(attribute(*asked, "ringfence.say") == "not on Friday");
  CHECK(attribute(*asked, "ringfence.rule.place") == "/etc/p.toml:12");
  CHECK(attribute(*asked, "error.type") == "denied");
}

TEST_CASE("what no reader should be deceived by is escaped, and what is no fact makes no line") {
  const std::string text = exported<OtlpSpans>() + exported<OtlpMetrics>();
  CHECK(text.find("\\u001b") == std::string::npos);
  CHECK(text.find("\\\\x1b[31m") != std::string::npos);
  OtlpSpans spans;
  CHECK(spans.take({1, "2026-11-28T01:00:00Z", "r-00000000000000a1", "run-ended", "not json", ""}).empty());
  CHECK(spans.take({2, "2026-11-28T01:00:00Z", "r-00000000000000a1", "run-ended", "[]", ""}).empty());
  CHECK(spans.take({3, "2026-11-28T01:00:00Z", "../etc", "run-ended", "{}", ""}).empty());
  CHECK(spans.take({4, "nonsense", "r-00000000000000a1", "run-ended", "{\"exit\":7,\"out_of_memory\":\"x\"}", ""})
            .size() == 1);
  OtlpMetrics metrics;
  CHECK(metrics.take({5, "2026-11-28T01:00:00Z", "r-00000000000000a1", "usage-reported", "{\"models\":[7]}", ""})
            .size() == 1);
}
