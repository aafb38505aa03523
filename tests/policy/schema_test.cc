// The schema, the table of keys and the shipped profiles say the same.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "policy/keys.h"
#include "policy/load.h"
#include "policy/parse.h"
#include "tests/policy/sources.h"

using namespace ringfence::policy;
using namespace ringfence::test;
using nlohmann::json;

namespace {

// The parts of JSON Schema that our schema uses, over a policy as parsed. Returns what does not fit.
std::vector<std::string> misfits(const json& schema, const Value& value, const std::string& at);

void addAll(std::vector<std::string>& to, std::vector<std::string> more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::vector<std::string> tableMisfits(const json& schema, const Table& table, const std::string& at) {
  std::vector<std::string> wrong;
  for (const Entry& entry : table) {
    const std::string here = at + "/" + entry.key;
    if (schema.contains("properties") && schema["properties"].contains(entry.key)) {
      addAll(wrong, misfits(schema["properties"][entry.key], entry.value, here));
    } else if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
      const std::regex names(schema["propertyNames"]["pattern"].get<std::string>());
      if (!std::regex_search(entry.key, names)) wrong.push_back(here + ": name");
      addAll(wrong, misfits(schema["additionalProperties"], entry.value, here));
    } else {
      wrong.push_back(here + ": not in the schema");
    }
  }
  return wrong;
}

std::vector<std::string> misfits(const json& schema, const Value& value, const std::string& at) {
  if (const auto* table = std::get_if<Table>(&value.content)) {
    if (schema.value("type", "") != "object") return {at + ": type"};
    return tableMisfits(schema, *table, at);
  }
  if (const auto* array = std::get_if<Array>(&value.content)) {
    if (schema.value("type", "") != "array") return {at + ": type"};
    std::vector<std::string> wrong;
    for (const Value& element : *array) addAll(wrong, misfits(schema["items"], element, at + "[]"));
    return wrong;
  }
  if (const auto* text = std::get_if<std::string>(&value.content)) {
    if (schema.contains("enum")) {
      return std::ranges::find(schema["enum"], json(*text)) == schema["enum"].end() ? std::vector{at + ": enum"}
                                                                                    : std::vector<std::string>{};
    }
    if (schema.value("type", "") != "string") return {at + ": type"};
    if (schema.contains("pattern") && !std::regex_search(*text, std::regex(schema["pattern"].get<std::string>()))) {
      return {at + ": pattern"};
    }
    return {};
  }
  if (const auto* number = std::get_if<std::int64_t>(&value.content)) {
    if (schema.value("type", "") != "integer") return {at + ": type"};
    const bool isTooSmall = schema.contains("minimum") && *number < schema["minimum"].get<std::int64_t>();
    const bool isTooGreat = schema.contains("maximum") && *number > schema["maximum"].get<std::int64_t>();
    return isTooSmall || isTooGreat ? std::vector{at + ": out of its bounds"} : std::vector<std::string>{};
  }
  return {at + ": type"};
}

std::vector<std::string> misfitsOf(const std::string& content) {
  const SourceText source = text("x.toml", content);
  const SourceLines lines(source.file, source.text);
  auto parsed = parseToml(source, lines);
  REQUIRE(std::holds_alternative<Table>(parsed));
  return tableMisfits(json::parse(jsonSchema()), std::get<Table>(parsed), "");
}

}  // namespace

TEST_CASE("the schema is JSON Schema 2020-12 and closed") {
  const json schema = json::parse(jsonSchema());
  CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  CHECK(schema["additionalProperties"] == false);
  for (const char* group : {"walls", "files", "network", "identity", "limits", "priority", "environment"}) {
    INFO(group);
    REQUIRE(schema["properties"].contains(group));
    CHECK(schema["properties"][group]["additionalProperties"] == false);
  }
}

TEST_CASE("the schema has each key that this build enforces and no other") {
  const json properties = json::parse(jsonSchema())["properties"];
  std::size_t wired = 0;
  for (const Key& key : keys()) {
    const std::size_t dot = key.name.find('.');
    const std::string group(key.name.substr(0, dot));
    bool present = properties.contains(group);
    if (present && dot != std::string_view::npos) {
      present = properties[group]["properties"].contains(std::string(key.name.substr(dot + 1)));
    }
    INFO(key.name);
    CHECK(present == (key.wiring == Wiring::kWired));
    wired += key.wiring == Wiring::kWired ? 1U : 0U;
  }
  std::size_t inSchema = 0;
  for (const auto& [name, property] : properties.items())
    inSchema += property.contains("properties") ? property["properties"].size() : 1;
  CHECK(inSchema == wired);
  CHECK(properties["mode"]["enum"] == json({"enforce", "audit"}));
  CHECK(properties["network"]["properties"]["default"]["enum"] == json({"allow", "ask", "forbid"}));
  CHECK(properties["files"]["properties"]["workspace"]["enum"] == json({"rw", "ro"}));
}

TEST_CASE("the shipped profiles fit the schema") {
  for (const SourceText& profile : shippedProfiles()) {
    INFO(profile.file);
    CHECK(misfitsOf(profile.text) == std::vector<std::string>{});
  }
}

TEST_CASE("each field of a rule is in the schema, and no other") {
  for (const char* content :
       {"network.allow = [{ host = \"a.b\", port = 1, why = \"\" }, { cidr = \"10.0.0.0/8\" }]",
        "[[exec.rule]]\nmatch = [\"a\"]\ndecide = \"rewrite\"\nrewrite = [\"a\", \"b\"]\nwhy = \"w\"\n"
        "tests = { match = [\"a\"], miss = [\"b\"] }",
        "[[files.rewrite]]\nmatch = \"/a\"\nto = \"/b\"\nwhy = \"w\"",
        "[[files.rewrite]]\nmatch = \"/a\"\ncontent = \"x\"",
        "[[network.rewrite]]\nhost = \"a.b\"\nport = 1\nto = \"c.d\"\nwhy = \"w\"",
        "[[network.credential]]\nhost = \"a.b\"\nport = 1\nheader = \"x\"\nprefix = \"p\"\nfrom = \"A\"\nbase = \"B\"",
        "[[grant]]\nop = \"exec\"\ntarget = \"/a\"\nargv = [\"a\"]\nuntil = \"2026-12-31T00:00:00Z\"\nwhy = \"w\""}) {
    INFO(content);
    CHECK(check(text("x.toml", content)).empty());
    CHECK(misfitsOf(content) == std::vector<std::string>{});
  }
  for (const char* content :
       {"network.allow = [{ hst = \"a.b\" }]", "[[exec.rule]]\nmatch = [\"a\"]\ndecide = \"deny\"",
        "[[exec.rule]]\nmatch = \"a\"\ndecide = \"ask\"", "[[files.rewrite]]\nmatch = \"/a\"\ntoo = \"/b\"",
        "[[network.credential]]\nhost = \"a.b\"\nkey = \"x\"", "[[grant]]\nop = \"run\"\ntarget = \"/a\""}) {
    INFO(content);
    CHECK_FALSE(check(text("x.toml", content)).empty());
    CHECK_FALSE(misfitsOf(content).empty());
  }
}

TEST_CASE("what the decoder refuses does not fit the schema either") {
  for (const char* content : {"workspce = 1",
                              "mode = \"learn\"",
                              "files.workspace = \"overlay\"",
                              "files.ask = [\"a\"]",
                              "network.loopback = 80",
                              "network.publish = [\"80\"]",
                              "prompt.timeout = \"10\"",
                              "files.read = [\"a\"]",
                              "files.read = [\"/a*\"]",
                              "files.forbid = [\"*.pem\"]",
                              "limits.memory = \"6GB\"",
                              "limits.memory = 6",
                              "limits.cpu = \"2\"",
                              "limits.pids = \"5\"",
                              "network.default = \"rewrite\"",
                              "grant = 1",
                              "prompt.per_minute = \"1\"",
                              "environment.pass = [\"A-B\"]",
                              "environment.set = { A = 1 }",
                              "identity.groups = [\"44\"]",
                              "lock = [\"limits.token\"]",
                              "limits.tokens = 1000000000001",
                              "priority.preempt_grace = \"5\"",
                              "name = \"X y\"",
                              "extends = \"base\""}) {
    INFO(content);
    CHECK_FALSE(check(text("x.toml", content)).empty());
    CHECK_FALSE(misfitsOf(content).empty());
  }
}
