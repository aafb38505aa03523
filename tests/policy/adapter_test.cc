#include "policy/adapter.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "policy/read_sources.h"

using namespace ringfence;
using namespace ringfence::policy;

namespace {

constexpr char kWhole[] = R"(# An agent.
schema = 1
name = "mine"

[match]
programs = ["mine"]
scripts = ["@me/mine/cli.js"]
packages = ["@me/mine"]

[start]
arguments = ["-c", "sandbox=off"]
environment = { MINE_SANDBOX = "false" }

[hook]
events = ["Before", "After"]
silent_after = "90s"

[stop]
signal = "INT"
patience = "12s"

[[file]]
path = ".mine/settings.json"
[file.merge]
flag = false
list = [1, "two", { three = "$HOOK mine" }]
)";

std::vector<Diagnostic> errorsOf(const std::string& text) {
  const auto read = decodeAdapter({"/etc/ringfence/adapters/mine.toml", text});
  const auto* errors = std::get_if<std::vector<Diagnostic>>(&read);
  return errors != nullptr ? *errors : std::vector<Diagnostic>();
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = kWhole;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Adapter whole() {
  const auto read = decodeAdapter({"/etc/ringfence/adapters/mine.toml", kWhole});
  REQUIRE(std::holds_alternative<Adapter>(read));
  return std::get<Adapter>(read);
}

std::vector<Adapter> shipped() {
  const auto texts = readDirectory(std::string(RF_SOURCE_DIR) + "/policy/adapters");
  REQUIRE(texts);
  std::vector<Adapter> adapters;
  for (const SourceText& text : *texts) {
    auto read = decodeAdapter(text);
    if (const auto* errors = std::get_if<std::vector<Diagnostic>>(&read)) FAIL(renderText(*errors));
    adapters.push_back(std::get<Adapter>(std::move(read)));
  }
  return adapters;
}

// The name of the shipped adapter that knows the command, and which word it knows.
std::string knownBy(const std::vector<std::string>& argv, const std::string& program) {
  std::string known;
  for (const Adapter& adapter : shipped()) {
    const auto place = placeOfAgent(adapter, argv, program);
    if (!place) continue;
    known += adapter.name + " " + std::to_string(*place);
    const auto text = readSource(std::string(RF_SOURCE_DIR) + "/policy/adapters/" + adapter.name + ".toml");
    REQUIRE(text);
    CHECK(mayKnowAgent(text->text, argv, program));
  }
  return known;
}

}  // namespace

TEST_CASE("an adapter is read whole, its files as JSON") {
  const Adapter adapter = whole();
  CHECK(adapter.name == "mine");
  CHECK(adapter.summary == "An agent.");
  CHECK(adapter.arguments == std::vector<std::string>{"-c", "sandbox=off"});
  CHECK(adapter.environment == std::vector<std::pair<std::string, std::string>>{{"MINE_SANDBOX", "false"}});
  REQUIRE(adapter.hook);
  CHECK(adapter.hook->events == std::vector<std::string>{"Before", "After"});
  CHECK(adapter.hook->silentAfterSec == 90);
  REQUIRE(adapter.stop);
  CHECK(adapter.stop->signal == "INT");
  CHECK(adapter.stop->patienceSec == 12);
  REQUIRE(adapter.files.size() == 1);
  CHECK(adapter.files[0].path == ".mine/settings.json");
  CHECK(nlohmann::json::parse(adapter.files[0].merge) ==
        nlohmann::json::parse(R"({"flag":false,"list":[1,"two",{"three":"$HOOK mine"}]})"));
  CHECK(withHook(adapter.files[0].merge, "/a \"b\"/hook").find(R"("/a \"b\"/hook mine")") != std::string::npos);
}

TEST_CASE("the files of a login are named below the home alone, and nothing else is said of them") {
  const std::string start = "schema = 1\nname = \"mine\"\n[match]\nprograms = [\"mine\"]\n";
  const auto read = decodeAdapter(
      {"/a/mine.toml", start + "[[credential]]\npath = \".mine/auth.json\"\n[[credential]]\npath = \"token\"\n", ""});
  REQUIRE(std::holds_alternative<Adapter>(read));
  CHECK(std::get<Adapter>(read).credentials == std::vector<std::string>{".mine/auth.json", "token"});
  const auto first = [&](const std::string& text) { return errorsOf(start + text).at(0); };
  CHECK(first("[[credential]]\npath = \"../x\"\n").message == "`path` is a path below the home of the agent");
  CHECK(first("[[credential]]\npath = \"/etc/shadow\"\n").line == 6);
  CHECK(first("[[credential]]\npath = 1\n").help == "\".agent/auth.json\"");
  CHECK(first("[[credential]]\npth = \"x\"\n").help == "did you mean `path`?");
  CHECK(first("[[credential]]\n").message == "a [[credential]] needs `path`");
  CHECK(first("[credential]\npath = \"x\"\n").message == "`credential` takes [[credential]] tables, not a table");
  std::string many;
  for (int i = 0; i < 9; ++i) many += "[[credential]]\npath = \"x\"\n";
  CHECK(first(many).message == "an adapter has at most 8 [[credential]] tables");
}

TEST_CASE("a text is passed by only when no word of the command can be in it") {
  const std::string text = "[match]\nprograms = [\"mine\", 'other']\nscripts = [\"lib/mine.js\"]\n";
  for (const char* word : {"mine", "/opt/bin/mine", "other"}) CHECK(mayKnowAgent(text, {word, "-p"}, "/usr/bin/x"));
  CHECK(mayKnowAgent(text, {"x"}, "/opt/lib/mine.js"));
  CHECK(mayKnowAgent(text, {"node", "--flag", "/opt/lib/mine.js"}, "/usr/bin/node"));
  CHECK(mayKnowAgent("packages = [\"@a/mine\"]", {"npx", "-y", "@a/mine@1.2"}, "/usr/bin/npx"));
  CHECK_FALSE(mayKnowAgent(text, {"min"}, "/usr/bin/min"));
  CHECK_FALSE(mayKnowAgent(text, {"true", "mine"}, "/usr/bin/true"));  // Not the command's own words.
  CHECK_FALSE(mayKnowAgent(text, {"programs"}, "/usr/bin/programs"));
  CHECK_FALSE(mayKnowAgent(text, {}, ""));
  CHECK(mayKnowAgent("programs = [\"\\u006dine\"]", {"mine"}, "/usr/bin/mine"));
}

TEST_CASE("what is wrong with an adapter is said with its line, and the nearest name") {
  struct Case {
    std::string from, to, message, help;
    std::uint32_t line;
  };
  const std::vector<Case> cases{
      {"programs =", "programms =", "unknown key `programms` in [match]", "did you mean `programs`?", 6},
      {"[start]\n", "[start]\nevents = []\n", "unknown key `events` in [start]", "`events` belongs in [hook]", 11},
      {"[start]\n", "stop = \"SIGINT\"\n[start]\n", "unknown key `stop` in [match]", "", 10},
      {"schema = 1", "schema = 2", "this build reads version 1 of the format, not 2", "", 2},
      {"name = \"mine\"", "name = \"other\"", "`other` is not the name of the file",
       "the file of this name is other.toml", 3},
      {"[\"mine\"]", "[\"bin/mine\"]", "`bin/mine` cannot be in `match.programs`",
       "the name of a program, without its directory", 6},
      {"MINE_SANDBOX", "RINGFENCE_RUN", "`RINGFENCE_RUN` cannot be the name of a variable here",
       "letters, digits and _; not RINGFENCE_…", 12},
      {"\"90s\"", "90", "`hook.silent_after` takes a string like \"2m\", not an integer", "", 16},
      {"\"90s\"", "\"25h\"", "`25h` is no value of `hook.silent_after`", "from a second to a day", 16},
      {"\"INT\"", "\"KILL\"", "`KILL` is no value of `stop.signal`", "HUP, INT, QUIT or TERM", 19},
      {"\"INT\"", "2", "`stop.signal` takes the name of a signal, not an integer", "", 19},
      {"\"12s\"", "\"2m\"", "`2m` is no value of `stop.patience`", "from a second to a minute", 20},
      {".mine/settings.json", "../settings.json", "`path` is a path below the home of the agent",
       "\".agent/settings.json\"", 23},
      {".mine/settings.json", "/etc/settings.json", "`path` is a path below the home of the agent",
       "\".agent/settings.json\"", 23},
      {"flag = false", "flag = 1.5", "a file takes strings, integers, true, false, lists and tables", "", 25},
  };
  for (const Case& one : cases) {
    INFO(one.to);
    const auto errors = errorsOf(with(one.from, one.to));
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].message == one.message);
    CHECK(errors[0].help == one.help);
    CHECK(errors[0].line == one.line);
    CHECK_FALSE(errors[0].sourceLine.empty());
  }
}

TEST_CASE("an adapter that knows no command, or a hook that can never be heard, is refused") {
  CHECK(errorsOf("schema = 1\nname = \"mine\"\n").at(0).message == "nothing says how the agent's command is known");
  CHECK(errorsOf(with("events = [\"Before\", \"After\"]", "events = []")).at(0).message ==
        "a [hook] needs `events`: without them it is silent for ever");
  CHECK(errorsOf(with("silent_after = \"90s\"\n", "")).at(0).message == "a [hook] needs `silent_after`");
  CHECK(errorsOf(with("name = \"mine\"\n", "")).at(0).message == "an adapter needs `name`, that of its file");
  CHECK(errorsOf("match = ").at(0).line == 1);
}

TEST_CASE("the shipped adapters know their agents however they are started, and nothing else") {
  const std::string modules = "/usr/lib/node_modules/";
  struct Case {
    std::vector<std::string> argv;
    std::string program, known;
  };
  const std::vector<Case> cases{
      {{"claude", "-p", "hi"}, "/opt/claude", "claude 0"},
      {{"/usr/bin/codex", "exec"}, "/usr/bin/codex", "codex 0"},
      {{"my-gemini"}, modules + "@google/gemini-cli/bundle/gemini.js", "gemini 0"},
      {{"node", "--no-warnings", modules + "@google/gemini-cli/bundle/gemini.js", "-p", "x"},
       "/usr/bin/node",
       "gemini 2"},
      {{"node", "/home/ada/bin/claude"}, "/usr/bin/node", "claude 1"},
      {{"npx", "-y", "@openai/codex@0.169.0", "exec"}, "/usr/bin/npx", "codex 2"},
      {{"npm", "exec", "--", "@anthropic-ai/claude-code"}, "/usr/bin/npm", "claude 3"},
      {{"bunx", "@google/gemini-cli"}, "/usr/bin/bunx", "gemini 1"},
      {{"make", "claude"}, "/usr/bin/make", ""},
      {{"claude-code-review"}, "/usr/bin/claude-code-review", ""},
      {{"npx", "claude-flow"}, "/usr/bin/npx", ""},
      {{"npm", "install", "@openai/codex"}, "/usr/bin/npm", ""},
      {{"node", "not-codex/bin/codex.js"}, "/usr/bin/node", ""},
      {{"node", "-e", "claude()"}, "/usr/bin/node", ""},
      {{"sh", "-c", "claude"}, "/bin/sh", ""},
      {{"node"}, "/usr/bin/node", ""},
  };
  for (const Case& one : cases) {
    INFO(one.argv[0] << " " << one.program);
    CHECK(knownBy(one.argv, one.program) == one.known);
  }
}
