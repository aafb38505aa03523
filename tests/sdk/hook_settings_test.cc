#include "sdk/hook/settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "policy/adapter.h"
#include "policy/read_sources.h"
#include "sdk/hook/contract.h"
#include "sdk/hook/home_file.h"
#include "sdk/hook/import.h"
#include "sdk/hook/start.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::hook;
using Json = nlohmann::ordered_json;

namespace {

const Json kOurs = Json::parse(R"({"sandbox":{"enabled":false},"hooks":{"PreToolUse":[
  {"matcher":"*","hooks":[{"type":"command","command":"/usr/libexec/ringfence/ringfence-hook claude --wait 600"}]}]}})");

Json mergedInto(const std::string& present) {
  const auto merged = mergedSettings(present, kOurs);
  REQUIRE(merged);
  REQUIRE(merged->has_value());
  return Json::parse(**merged);
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Wanted wanted() {
  auto read = readWanted(
      Json{{"adapter", "claude"}, {"files", {{{"path", ".claude/settings.json"}, {"merge", kOurs}}}}}.dump());
  REQUIRE(read);
  return *read;
}

}  // namespace

TEST_CASE("settings that are not there are what is wanted, and are not written twice") {
  CHECK(mergedInto("") == kOurs);
  CHECK(mergedInto(" \n") == kOurs);
  const auto again = mergedSettings(mergedInto("").dump(), kOurs);
  REQUIRE(again);
  CHECK_FALSE(again->has_value());
}

TEST_CASE("a person's own settings and hooks stay, in their order") {
  const Json merged =
      mergedInto(R"({"model":"small","sandbox":{"enabled":true,"network":{"x":1}},"hooks":{"Stop":[{"hooks":[]}],
    "PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"~/mine.sh"}]}]}})");
  CHECK(merged["model"] == "small");
  CHECK(merged.begin().key() == "model");
  CHECK(merged["sandbox"] == Json::parse(R"({"enabled":false,"network":{"x":1}})"));
  CHECK(merged["hooks"]["Stop"] == Json::parse(R"([{"hooks":[]}])"));
  REQUIRE(merged["hooks"]["PreToolUse"].size() == 2);
  CHECK(merged["hooks"]["PreToolUse"][0]["hooks"][0]["command"] == "~/mine.sh");
  CHECK(merged["hooks"]["PreToolUse"][1] == kOurs["hooks"]["PreToolUse"][0]);
}

TEST_CASE("an older call of the hook is replaced, and what stood beside it stays") {
  const Json merged = mergedInto(R"({"hooks":{"PreToolUse":[
    {"matcher":"*","hooks":[{"type":"command","command":"/old/ringfence-hook claude"}]},
    {"matcher":"Edit","hooks":[{"type":"command","command":"/old/ringfence-hook claude"},{"type":"command","command":"lint"}]}]}})");
  const Json& hooks = merged["hooks"]["PreToolUse"];
  REQUIRE(hooks.size() == 2);
  CHECK(hooks[0] == Json::parse(R"({"matcher":"Edit","hooks":[{"type":"command","command":"lint"}]})"));
  CHECK(hooks[1] == kOurs["hooks"]["PreToolUse"][0]);
}

TEST_CASE("settings with comments are read") {
  CHECK(mergedInto("{ // mine\n \"model\": \"small\" /* cheap */ }")["model"] == "small");
}

TEST_CASE("what is no settings file is said to be none") {
  std::string deep = R"({"a":)";
  for (int i = 0; i < 40; ++i) deep += "[";
  const std::pair<std::string, std::string> cases[] = {
      {"[]", "it is no JSON object"},
      {"{", "it is no JSON, or ends before its end (at byte 1)"},
      {R"({"a":1,"a":2})", "it names \"a\" twice in one object"},
      {deep, "it nests deeper than 32 levels"},
      {R"({"a":")" + std::string((1 << 20) + 1, 'x') + "\"}", "it is longer than 1.0 MiB"},
  };
  for (const auto& [text, words] : cases) {
    const auto merged = mergedSettings(text, kOurs);
    REQUIRE_FALSE(merged);
    CHECK(merged.error().code == ErrorCode::kInvalid);
    CHECK(merged.error().message.substr(0, 12) == words.substr(0, 12));
  }
}

TEST_CASE("what is wanted names files below the home alone") {
  for (const std::string path : {"/etc/passwd", "../x", "a/../../x", "a//b", ""}) {
    const auto read =
        readWanted(Json{{"adapter", "x"}, {"files", {{{"path", path}, {"merge", Json::object()}}}}}.dump());
    INFO(path);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == ErrorCode::kInvalid);
  }
  CHECK_FALSE(readWanted("{}"));
  CHECK_FALSE(readWanted("no JSON"));
}

TEST_CASE("files are made in the home with their directories, for its owner alone") {
  const test::TempDir home;
  std::string said;
  REQUIRE(makeReady(wanted(), home.path(), said));
  const std::filesystem::path file = std::filesystem::path(home.path()) / ".claude/settings.json";
  CHECK(Json::parse(contents(file)) == kOurs);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto inode = status.st_ino;
  REQUIRE(makeReady(wanted(), home.path(), said));
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK(status.st_ino == inode);
  CHECK(said.empty());
}

TEST_CASE("runs that begin in one home at one moment each find the settings whole") {
  for (int i = 0; i < 20; ++i) {
    const test::TempDir home;
    std::atomic<int> ready = 0;
    const auto begin = [&] {
      std::string said;
      if (makeReady(wanted(), home.path(), said) && said.empty()) ++ready;
    };
    std::vector<std::thread> runs;
    for (int run = 0; run < 8; ++run) runs.emplace_back(begin);
    for (std::thread& run : runs) run.join();
    CHECK(ready == 8);
    const std::filesystem::path folder = std::filesystem::path(home.path()) / ".claude";
    CHECK(Json::parse(contents(folder / "settings.json")) == kOurs);
    CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  }
}

TEST_CASE("links that an earlier run left lead nowhere: they are moved aside, and their targets stay as they are") {
  const test::TempDir outside, home;
  const std::filesystem::path root = home.path(), other = outside.path();
  std::ofstream(other / "precious") << "precious";
  SECTION("the file is a link") {
    std::filesystem::create_directory(root / ".claude");
    std::filesystem::create_symlink(other / "precious", root / ".claude/settings.json");
  }
  SECTION("its directory is a link") {
    std::filesystem::copy_file(other / "precious", other / "settings.json");
    std::filesystem::create_directory_symlink(other, root / ".claude");
  }
  std::string said;
  REQUIRE(makeReady(wanted(), home.path(), said));
  CHECK(said.find("was moved aside") != std::string::npos);
  CHECK(contents(other / "precious") == "precious");
  CHECK(std::distance(std::filesystem::directory_iterator(other), {}) <= 2);
  CHECK_FALSE(std::filesystem::is_symlink(root / ".claude"));
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(root / ".claude/settings.json")));
  CHECK(Json::parse(contents(root / ".claude/settings.json")) == kOurs);
}

TEST_CASE("a pipe or broken settings are moved aside, each under a name of its own, and kept") {
  const test::TempDir home;
  const std::filesystem::path folder = std::filesystem::path(home.path()) / ".claude";
  std::filesystem::create_directory(folder);
  std::string said;
  std::ofstream(folder / "settings.json") << "{ broken";
  REQUIRE(makeReady(wanted(), home.path(), said));
  CHECK(contents(folder / "settings.json.before-ringfence") == "{ broken");
  std::filesystem::remove(folder / "settings.json");
  REQUIRE(::mkfifo((folder / "settings.json").c_str(), 0600) == 0);
  REQUIRE(makeReady(wanted(), home.path(), said));
  CHECK(std::filesystem::is_fifo(folder / "settings.json.before-ringfence-1"));
  CHECK(Json::parse(contents(folder / "settings.json")) == kOurs);
  CHECK(said.find("it is no JSON") != std::string::npos);
}

TEST_CASE("a file is imported once, for its owner alone, and replaced where that is asked for") {
  const test::TempDir home;
  std::string said;
  const std::filesystem::path file = std::filesystem::path(home.path()) / ".mine/auth.json";
  REQUIRE(importFile(home.path(), ".mine/auth.json", "first", Present::kRefuse, said));
  CHECK(contents(file) == "first");
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto twice = importFile(home.path(), ".mine/auth.json", "second", Present::kRefuse, said);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message == "~/.mine/auth.json is there already; --again replaces it");
  CHECK(contents(file) == "first");
  REQUIRE(importFile(home.path(), ".mine/auth.json", "second", Present::kReplace, said));
  CHECK(contents(file) == "second");
  CHECK(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}) == 1);
  CHECK(said.empty());
}

TEST_CASE("what is not below the home, empty or too large is not imported") {
  const test::TempDir home;
  std::string said;
  for (const char* path : {"", "/etc/x", "../x", "a/../x", "a//x", "a/", "."})
    CHECK_FALSE(importFile(home.path(), path, "x", Present::kReplace, said));
  CHECK_FALSE(importFile(home.path(), "x", "", Present::kReplace, said));
  CHECK_FALSE(importFile(home.path(), "x", std::string(kMaxHomeFile.count + 1, 'x'), Present::kReplace, said));
  CHECK(std::filesystem::is_empty(home.path()));
}

TEST_CASE("an import follows no link that an earlier run left") {
  const test::TempDir outside, home;
  const std::filesystem::path root = home.path(), other = outside.path();
  std::string said;
  std::filesystem::create_directory_symlink(other, root / ".mine");
  REQUIRE(importFile(home.path(), ".mine/auth.json", "secret", Present::kRefuse, said));
  CHECK(std::filesystem::is_empty(other));
  std::filesystem::remove(root / ".mine/auth.json");
  std::filesystem::create_symlink(other / "stolen", root / ".mine/auth.json");
  REQUIRE(importFile(home.path(), ".mine/auth.json", "secret", Present::kRefuse, said));
  CHECK(std::filesystem::is_empty(other));
  CHECK(contents(root / ".mine/auth.json") == "secret");
}

TEST_CASE("each shipped adapter is heard by events that the hook program tells, and calls it for each of them") {
  const auto texts = policy::readDirectory(std::string(RF_SOURCE_DIR) + "/policy/adapters");
  REQUIRE(texts);
  for (const policy::SourceText& text : *texts) {
    const auto read = policy::decodeAdapter(text);
    REQUIRE(std::holds_alternative<policy::Adapter>(read));
    const auto& adapter = std::get<policy::Adapter>(read);
    INFO(adapter.name);
    const Contract* contract = findContract(adapter.name);
    REQUIRE(contract != nullptr);
    REQUIRE(adapter.hook);
    std::set<std::string> told{std::string(contract->asking)}, called;
    for (const EventRow& row : contract->events) told.insert(std::string(row.event));
    REQUIRE(adapter.files.size() == 1);
    const Json hooks = Json::parse(adapter.files[0].merge)["hooks"];
    for (const auto& [event, groups] : hooks.items()) {
      called.insert(event);
      CHECK(groups[0]["hooks"][0]["command"].get<std::string>().starts_with("$HOOK " + adapter.name));
    }
    const std::set<std::string> heard(adapter.hook->events.begin(), adapter.hook->events.end());
    // What a model used is told, and says nothing about how the agent is.
    std::set<std::string> known = heard;
    if (!contract->telling.empty()) known.insert(std::string(contract->telling));
    CHECK(called == known);
    for (const std::string& event : heard) CHECK(told.contains(event));
    CHECK(heard.contains(std::string(contract->asking)));
    // The answer comes well before the agent would go on without it, also where both were paused for hours.
    const Json& asking = hooks[std::string(contract->asking)][0]["hooks"][0];
    const int unit = adapter.name == "gemini" ? 1000 : 1;
    CHECK(asking["command"].get<std::string>().ends_with("--wait 600"));
    CHECK(asking["timeout"] == 86'400 * unit);
  }
}
