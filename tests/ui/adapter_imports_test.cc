#include "ui/cli/adapter_imports.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

namespace ringfence::cli {
namespace {

client::LogLine line(const std::string& kind, const std::string& run, const nlohmann::json& body) {
  return {1, "2026-11-30T08:00:00.000000Z", run, kind, body.dump(), ""};
}
client::LogLine admitted(const std::string& run, const nlohmann::json& command, const std::string& policy = "coding",
                         std::uint32_t uid = 1000) {
  return line("run-admitted", run, {{"command", command}, {"policy_name", policy}, {"caller_uid", uid}});
}
client::LogLine ended(const std::string& run, int code = 0) {
  return line("run-ended", run, {{"exit", {{"code", code}}}});
}

const nlohmann::json kImport{"/usr/libexec/ringfence/ringfence-hook", "import", ".codex/auth.json"};

std::vector<std::string> told(const ImportHistory& history) {
  std::vector<std::string> all;
  for (const Import& one : history.imports())
    all.push_back(std::to_string(one.uid) + " " + one.policy + " " + one.path + " " + one.run);
  return all;
}

}  // namespace

TEST_CASE("an import is a run of the hook that went well, and of several the last") {
  ImportHistory history;
  history.note(admitted("r-1", kImport));
  CHECK(told(history).empty());
  history.note(ended("r-1"));
  history.note(admitted("r-2", kImport));
  history.note(ended("r-2", 1));  // It was there already.
  CHECK(told(history) == std::vector<std::string>{"1000 coding .codex/auth.json r-1"});
  history.note(admitted("r-3", {kImport[0], "import", ".codex/auth.json", "--again"}));
  history.note(admitted("r-4", kImport, "offline"));
  history.note(ended("r-4"));
  history.note(ended("r-3"));
  CHECK(told(history) ==
        std::vector<std::string>{"1000 coding .codex/auth.json r-3", "1000 offline .codex/auth.json r-4"});
}

TEST_CASE("a home that is gone takes what was imported into it along, and no other does") {
  ImportHistory history;
  for (const auto& [run, policy, uid] :
       {std::tuple{"r-1", "coding", 1000u}, {"r-2", "coding", 1001u}, {"r-3", "offline", 1000u}}) {
    history.note(admitted(run, kImport, policy, uid));
    history.note(ended(run));
  }
  history.note(line("home-removed", "", {{"policy", "coding"}, {"uid", 1000}, {"by_uid", 0}, {"bytes", 1}}));
  CHECK(told(history) ==
        std::vector<std::string>{"1000 offline .codex/auth.json r-3", "1001 coding .codex/auth.json r-2"});
}

TEST_CASE("names that are no text are told apart, and shown escaped") {
  ImportHistory history;
  const nlohmann::json first{{"base64", "//4="}}, second{{"base64", "/v8="}};
  for (const auto& [run, name] : {std::pair{"r-1", first}, {"r-2", second}}) {
    history.note(line("run-admitted", run,
                      {{"command", {kImport[0], "import", first}}, {"policy_name", name}, {"caller_uid", 1000}}));
    history.note(ended(run));
  }
  REQUIRE(history.imports().size() == 2);
  CHECK(history.imports()[0].path == "\xff\xfe");
  CHECK(importsTable(history.imports()).find('\xff') == std::string::npos);
  history.note(line("home-removed", "", {{"policy", second}, {"uid", 1000}}));
  REQUIRE(history.imports().size() == 1);
  CHECK(history.imports()[0].run == "r-1");
}

TEST_CASE("other commands, and facts that cannot be read, import nothing") {
  ImportHistory history;
  const std::vector<nlohmann::json> commands{{"/usr/bin/cat", "import", "x"},
                                             {kImport[0], "codex"},
                                             {kImport[0], "imports", "x"},
                                             {kImport[0], {{"base64", "//4="}}, "x"},
                                             "import",
                                             nullptr};
  for (const auto& command : commands) {
    history.note(admitted("r-1", command));
    history.note(ended("r-1"));
  }
  history.note({1, "", "r-1", "run-admitted", "{", ""});
  history.note({1, "", "r-1", "run-ended", "[]", ""});
  CHECK(told(history).empty());
  CHECK(importsTable({}) == "nothing was imported into a private home that is there still\n");
}

TEST_CASE("what was imported is shown a line each, and nothing in it reaches the terminal as it is") {
  const std::vector<Import> imports{{".codex/auth.json", "coding", "2026-11-30T08:00:00.000000Z", "r-1", 1000},
                                    {"a\x1b[2J", "x", "2026-11-30T08:00:01.000000Z", "r-2", 1000}};
  const std::string text = importsTable(imports);
  CHECK(text.starts_with("coding  2026-11-30T08:00:00.000000Z  r-1  ~/.codex/auth.json\nx       2026"));
  CHECK(text.find('\x1b') == text.npos);
  const auto json = nlohmann::json::parse(importJson(imports[0]));
  CHECK(json["path"] == ".codex/auth.json");
  CHECK(json["uid"] == 1000);
}

}  // namespace ringfence::cli
