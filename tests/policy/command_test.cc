// `ringfence policy …` without a daemon.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"
#include "ui/cli/policy_command.h"

using namespace ringfence;
using namespace ringfence::cli;
using nlohmann::json;

namespace {

// A home and a project of their own beside the shipped profiles.
struct Desk {
  test::TempDir directory;
  PolicyWorld world = {
      .home = directory.path() + "/home",
      .workingDirectory = directory.makeDirectory("project"),
      .policyDirectories = {std::string(RF_SOURCE_DIR) + "/policy/profiles", directory.path() + "/etc"}};

  PolicyOutcome run(const std::vector<std::string>& args) const { return runPolicy(args, world); }
  void user(const std::string& name, const std::string& content) const {
    directory.write("home/.config/ringfence/policies/" + name, content);
  }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("policy list names each policy with its file and summary") {
  const Desk desk;
  desk.user("mine.toml", "# My own.\nextends = [\"coding\"]\n");
  const PolicyOutcome text = desk.run({"list"});
  CHECK(text.status == 0);
  CHECK(contains(text.out, "coding    A coding agent: changes the workspace, asks"));
  CHECK(contains(text.out, "mine      My own."));
  const PolicyOutcome lines = desk.run({"list", "--json"});
  const json first = json::parse(lines.out.substr(0, lines.out.find('\n')));
  CHECK(first["name"] == "base");
  CHECK(first["broken"] == false);
}

TEST_CASE("what a verb of policy does not take is refused, and its help is given") {
  const Desk desk;
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"list", "foo"}, {"list", "--origin"}, {"schema", "foo"}, {"check", "--origin"}}) {
    const PolicyOutcome refused = desk.run(args);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
  }
  const PolicyOutcome help = desk.run({"show", "--help"});
  CHECK(help.status == 0);
  CHECK(contains(help.out, "usage: ringfence policy"));
}

TEST_CASE("policy show prints the merged policy, and with --origin where each value was written") {
  const Desk desk;
  const PolicyOutcome plain = desk.run({"show", "coding"});
  CHECK(plain.status == 0);
  CHECK(contains(plain.out, "workspace = \"rw\"\n"));
  const PolicyOutcome origins = desk.run({"show", "--origin", "coding"});
  CHECK(contains(origins.out,
                 "workspace = \"rw\"  # " + std::string(RF_SOURCE_DIR) + "/policy/profiles/coding.toml:8\n"));
  CHECK(contains(origins.out, "memory = \"4GiB\"  # " + std::string(RF_SOURCE_DIR) + "/policy/profiles/base.toml:"));
  CHECK(contains(desk.run({"show", "--origin", "strict"}).out, "as = \"own\""));
  const json shown = json::parse(desk.run({"show", "coding", "--json"}).out);
  CHECK(shown["name"] == "coding");
  CHECK(shown["hash"].get<std::string>().size() == 64);
}

TEST_CASE("policy show applies the project's policy of the working directory") {
  const Desk desk;
  desk.directory.write("project/.ringfence.toml", "limits.memory = \"1GiB\"\n");
  CHECK(contains(desk.run({"show"}).out, "memory = \"1GiB\""));
  desk.directory.write("project/.ringfence.toml", "files.read = [\"/srv\"]\n");
  const PolicyOutcome refused = desk.run({"show"});
  CHECK(refused.status == 6);
  CHECK(contains(refused.err, "project policy may only tighten"));
  CHECK(refused.out.empty());
  CHECK(contains(desk.run({"show", "--trusted"}).out, "\"/srv\","));
}

TEST_CASE("policy check ends with 6 and shows what is wrong, as text and as JSON") {
  const Desk desk;
  const std::string good = desk.directory.write("good.toml", "extends = [\"coding\"]\n");
  const std::string bad = desk.directory.write("bad.toml", "extends = [\"codding\"]\n");
  CHECK(desk.run({"check", good}).status == 0);
  const PolicyOutcome text = desk.run({"check", good, bad});
  CHECK(text.status == 6);
  CHECK(text.out == good + ": ok\n");
  CHECK(contains(text.err, bad + ":1:12\n"));
  CHECK(contains(text.err, "did you mean `coding`?"));
  const PolicyOutcome twin = desk.run({"check", "--json", bad});
  CHECK(twin.status == 6);
  const json object = json::parse(twin.out);
  CHECK(object["ok"] == false);
  CHECK(object["diagnostics"][0]["line"] == 1);
  CHECK(object["diagnostics"][0]["column"] == 12);
  CHECK(object["diagnostics"][0]["end_column"] == 21);
  CHECK(desk.run({"check", "/nowhere/x.toml"}).status == 1);
}

TEST_CASE("policy check without names checks every policy, and a file where it stands") {
  const Desk desk;
  CHECK(desk.run({"check"}).status == 0);
  desk.directory.write("etc/site.toml", "extends = [\"base\"]\nlock = [\"limits.memory\"]\n");
  CHECK(desk.run({"check", desk.directory.path() + "/etc/site.toml"}).status == 0);
  const std::string outside = desk.directory.write("elsewhere/site2.toml", "lock = [\"limits.memory\"]\n");
  CHECK(contains(desk.run({"check", outside}).err, "only the system's policies can lock keys"));
  desk.user("broken.toml", "files = 1\n");
  CHECK(desk.run({"check"}).status == 6);
  const std::string project = desk.directory.write("other/.ringfence.toml", "walls.net = \"off\"\n");
  CHECK(contains(desk.run({"check", project}).err, "project policy may only tighten"));
}

TEST_CASE("policy diff says what the second allows or limits otherwise") {
  const Desk desk;
  test::checkGolden("policy/diff_coding_strict.txt", desk.run({"diff", "coding", "strict"}).out);
  CHECK(desk.run({"diff", "coding", "coding"}).out.empty());
  const json changes = json::parse(desk.run({"diff", "--json", "readonly", "coding"}).out)["changes"];
  CHECK_FALSE(changes.empty());
  CHECK(desk.run({"diff", "coding"}).status == 2);
}

TEST_CASE("policy says how it is used") {
  const Desk desk;
  CHECK(desk.run({}).status == 2);
  CHECK(contains(desk.run({"lst"}).err, "did you mean list?"));
  CHECK(desk.run({"list", "--bogus"}).status == 2);
  CHECK(desk.run({"list", "--policy-dir"}).status == 2);
  CHECK(desk.run({"trust"}).status == 2);
  CHECK(json::parse(desk.run({"schema"}).out)["type"] == "object");
  CHECK(contains(desk.run({"list", "--policy-dir", desk.directory.path() + "/none"}).err, "there are no policies"));
}

TEST_CASE("policy trust refuses a file that does not load before it asks anybody") {
  const Desk desk;
  const std::string bad = desk.directory.write("project/.ringfence.toml", "files = 1\n");
  CHECK(desk.run({"trust", bad}).status == 6);
  CHECK(desk.run({"trust", desk.directory.path() + "/none"}).status == 1);
}
