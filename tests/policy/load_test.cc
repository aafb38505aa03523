#include "policy/load.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/policy/sources.h"

using namespace ringfence;
using namespace ringfence::policy;
using namespace ringfence::test;

namespace {

bool has(const std::vector<PathRule>& rules, const std::string& pattern) {
  return std::ranges::any_of(rules, [&](const PathRule& rule) { return rule.pattern == pattern; });
}

std::string messages(const std::vector<Diagnostic>& diagnostics) { return renderText(diagnostics); }

bool mentions(const std::vector<Diagnostic>& diagnostics, const std::string& part) {
  return messages(diagnostics).find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every shipped profile loads and has a summary") {
  const Sources sources = shippedSources();
  const auto names = available(sources);
  REQUIRE(names.size() == 5);
  for (const Available& policy : names) {
    INFO(policy.name);
    CHECK_FALSE(policy.broken);
    CHECK_FALSE(policy.summary.empty());
    const Document document = loaded(sources, policy.name);
    CHECK(document.name == policy.name);
    CHECK(document.network.fallback == (policy.name == "coding" ? Decision::kAsk : Decision::kForbid));
    CHECK(document.network.allow.empty());
    CHECK(document.grants.empty());
    CHECK(document.limits.memory.has_value());
    CHECK(document.limits.pids.has_value());
    CHECK(has(document.files.forbid, "**/.env*"));
    CHECK(has(document.files.forbid, "$WORKSPACE/.git/hooks"));
    CHECK(has(document.files.forbid, "$WORKSPACE/.git/config"));
    CHECK(document.walls == Walls{});
  }
}

TEST_CASE("no shipped profile grants a home, /etc as a whole, or anything to write outside the workspace") {
  const Sources sources = shippedSources();
  for (const Available& policy : available(sources)) {
    const Document document = loaded(sources, policy.name);
    CHECK(document.files.write.empty());
    for (const PathRule& rule : document.files.read) {
      INFO(rule.pattern);
      CHECK(rule.pattern.starts_with("/"));
      CHECK(rule.pattern != "/");
      CHECK(rule.pattern != "/etc");
      CHECK(rule.pattern.find("shadow") == std::string::npos);
      CHECK_FALSE(rule.pattern.starts_with("/home"));
      CHECK_FALSE(rule.pattern.starts_with("/run"));
    }
  }
}

TEST_CASE("a policy begins with what it extends, appends to lists and replaces scalars") {
  Sources sources;
  sources.shipped = {
      text("/s/one.toml", "files.read = [\"/a\"]\nlimits.memory = \"1GiB\"\nfiles.workspace = \"ro\"\n"),
      text("/s/two.toml", "extends = [\"one\"]\nfiles.read = [\"/b\", \"/a\"]\nlimits.memory = \"2GiB\"\n")};
  const Document document = loaded(sources, "two");
  REQUIRE(document.files.read.size() == 2);
  CHECK(document.files.read[0].pattern == "/a");
  CHECK(document.files.read[0].origin.file == "/s/one.toml");
  CHECK(document.files.read[1].pattern == "/b");
  CHECK(document.files.read[1].origin ==
        Origin{.file = "/s/two.toml", .line = 2, .text = "files.read = [\"/b\", \"/a\"]"});
  CHECK(document.limits.memory == gibibytes(2));
  CHECK(document.files.workspace == WorkspaceAccess::kReadOnly);
  CHECK(document.origins.at("limits.memory").line == 3);
  CHECK(document.origins.at("files.workspace").file == "/s/one.toml");
}

TEST_CASE("a policy whose files together have thousands of entries is refused, and the rest is not compared") {
  Sources sources = shippedSources();
  for (int file = 0; file < 14; ++file) {
    const std::string name = "p" + std::to_string(file);
    std::string text = "schema = 1\nname = \"" + name + "\"\n";
    if (file > 0) text += "extends = [\"p" + std::to_string(file - 1) + "\"]\n";
    text += "[files]\nread = [";
    for (int i = 0; i < 4000; ++i) text += "\"/x" + std::to_string(file) + "/" + std::to_string(i) + "\",";
    sources.system.push_back({name + ".toml", text + "]\n"});
  }
  const auto result = load(sources, "p13");
  REQUIRE(std::holds_alternative<std::vector<Diagnostic>>(result));
  const auto& errors = std::get<std::vector<Diagnostic>>(result);
  CHECK(errors.size() == 1);
  CHECK(mentions(errors, "at most 2048 entries"));
}

TEST_CASE("a file that two others extend counts once") {
  Sources sources;
  sources.shipped = {
      text("/s/root.toml", "limits.pids = 10\n"), text("/s/left.toml", "extends = [\"root\"]\nlimits.pids = 20\n"),
      text("/s/right.toml", "extends = [\"root\"]\n"), text("/s/both.toml", "extends = [\"left\", \"right\"]\n")};
  CHECK(loaded(sources, "both").limits.pids == 20U);
}

TEST_CASE("tokens are a limit like the others: the stricter number stays, and great ones are read") {
  Sources sources;
  sources.shipped = {text("/s/coding.toml", "limits.tokens = 2_000_000\npriority.preempt_grace = \"5s\"\n")};
  sources.user = {text("/u/coding.toml", "limits.tokens = 1_000_000_000_000\n")};
  auto result = load(sources, "coding");
  const Loaded& both = std::get<Loaded>(result);
  CHECK(both.document.limits.tokens == 2'000'000U);
  CHECK(both.document.preemptGrace == std::chrono::seconds(5));
  CHECK(both.warnings.size() == 1);
}

TEST_CASE("of budgets the stricter stay, of a run and of a day, and the earlier warning") {
  Sources sources;
  sources.shipped = {text("/s/coding.toml",
                          "limits.cost = \"$2.50\"\nlimits.cost_per_day = \"$0.000001\"\nlimits.prompts = 40\n"
                          "limits.tokens_per_day = 500\nlimits.warn_at = \"60%\"\nlimits.on_limit = \"deny\"\n"
                          "limits.prompts_per_day = 100\nlimits.wall_time_per_day = \"2h\"\n")};
  sources.user = {text("/u/coding.toml",
                       "limits.cost = \"$3\"\nlimits.cost_per_day = \"$10.000000\"\nlimits.prompts = 10\n"
                       "limits.tokens_per_day = 600\nlimits.warn_at = \"90%\"\n"
                       "limits.prompts_per_day = 200\nlimits.wall_time_per_day = \"1h\"\n")};
  auto result = load(sources, "coding");
  const Loaded& both = std::get<Loaded>(result);
  CHECK(both.document.limits.costMicroUsd == 2'500'000U);
  CHECK(both.document.limits.costPerDayMicroUsd == 1U);
  CHECK(both.document.limits.prompts == 10U);
  CHECK(both.document.limits.tokensPerDay == 500U);
  CHECK(both.document.limits.warnAtPercent == 60U);
  CHECK(both.document.limits.promptsPerDay == 100U);
  CHECK(both.document.limits.wallTimePerDay == std::chrono::hours(1));
  CHECK(both.document.limits.onLimit == OnLimit::kDeny);
  CHECK(both.warnings.size() == 5);
}

TEST_CASE("the same name in a stronger layer keeps the stricter limits, and says so") {
  Sources sources;
  sources.shipped = {
      text("/s/coding.toml", "limits.memory = \"4GiB\"\nlimits.pids = 100\nfiles.forbid = [\"**/a\"]\n")};
  sources.user = {text("/u/coding.toml", "limits.memory = \"8GiB\"\nlimits.pids = 50\nfiles.forbid = [\"**/b\"]\n")};
  auto result = load(sources, "coding");
  const Loaded& both = std::get<Loaded>(result);
  CHECK(both.document.limits.memory == gibibytes(4));
  CHECK(both.document.origins.at("limits.memory").file == "/s/coding.toml");
  CHECK(both.document.limits.pids == 50U);
  CHECK(has(both.document.files.forbid, "**/a"));
  CHECK(has(both.document.files.forbid, "**/b"));
  REQUIRE(both.warnings.size() == 1);
  CHECK(both.warnings[0].severity == Severity::kWarning);
  CHECK(both.warnings[0].file == "/u/coding.toml");
  CHECK(both.warnings[0].help == "set at /s/coding.toml:1");
}

TEST_CASE("a share of the NPU is from 1 to 100 percent, of the stricter layer") {
  const auto share = [](const std::string& value) { return check(text("mine.toml", "limits.npu = " + value + "\n")); };
  for (const char* value : {"\"1%\"", "\"50%\"", "\"100%\""}) CHECK(share(value).empty());
  for (const char* value : {"\"0%\"", "\"101%\"", "\"50\"", "50", "\"-1%\"", "\"1.5%\"", "\"\""}) {
    INFO(value);
    CHECK(share(value).size() == 1);
  }
  Sources sources;
  sources.system = {text("/etc/mine.toml", "limits.npu = \"30%\"\n")};
  sources.user = {text("/u/mine.toml", "limits.npu = \"80%\"\n")};
  CHECK(loaded(sources, "mine").limits.npu == CpuPercent{30});
}

TEST_CASE("a policy of another name may raise what it extends") {
  Sources sources;
  sources.shipped = {text("/s/coding.toml", "limits.memory = \"4GiB\"\n")};
  sources.user = {text("/u/mine.toml", "extends = [\"coding\"]\nlimits.memory = \"8GiB\"\n")};
  CHECK(loaded(sources, "mine").limits.memory == gibibytes(8));
}

TEST_CASE("a file given by path is the one selected and may build on the others") {
  Sources sources;
  sources.shipped = {text("/s/coding.toml", "limits.pids = 7\n")};
  sources.file = text("/home/u/x.toml", "name = \"special\"\nextends = [\"coding\"]\n");
  const Document document = loaded(sources, "coding");
  CHECK(document.name == "special");
  CHECK(document.limits.pids == 7U);
}

TEST_CASE("a key that the system locks cannot be set by users and projects that build on it") {
  Sources sources;
  sources.shipped = {text("/s/coding.toml", "files.workspace = \"rw\"\n")};
  sources.system = {text("/etc/coding.toml", "lock = [\"limits.memory\"]\nlimits.memory = \"1GiB\"\n")};
  sources.user = {text("/u/mine.toml", "extends = [\"coding\"]\nlimits.memory = \"512MiB\"\n")};
  const auto errors = refused(sources, "mine");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].file == "/u/mine.toml");
  CHECK(errors[0].line == 2);
  CHECK(errors[0].help == "locked at /etc/coding.toml:1");

  sources.user.clear();
  sources.project = text("/w/.ringfence.toml", "limits.memory = \"1MiB\"\n");
  CHECK(mentions(refused(sources, "coding"), "the system locks it"));
  sources.projectTrusted = true;
  CHECK(mentions(refused(sources, "coding"), "the system locks it"));
}

TEST_CASE("what the system's base locks holds for a policy that does not extend it") {
  Sources sources;
  sources.shipped = {text("/s/wild.toml", "files.workspace = \"rw\"\nnetwork.default = \"forbid\"\n")};
  sources.system = {text("/etc/base.toml",
                         "lock = [\"files.workspace\", \"limits.pids\"]\nfiles.workspace = \"ro\"\n"
                         "limits.pids = 9\nfiles.read = [\"/not-taken\"]\n")};
  auto result = load(sources, "wild");
  const Loaded& wild = std::get<Loaded>(result);
  CHECK(wild.document.files.workspace == WorkspaceAccess::kReadOnly);
  CHECK(wild.document.limits.pids == 9U);
  CHECK(wild.document.files.read.empty());
  CHECK(mentions(wild.warnings, "`files.workspace` has no effect here"));

  sources.user = {text("/u/mine.toml", "files.workspace = \"rw\"\n")};
  CHECK(mentions(refused(sources, "mine"), "locked at /etc/base.toml:1"));
}

TEST_CASE("what is locked for a policy is told with the place, for whoever is asked for more by hand") {
  Sources sources;
  sources.shipped = {text("/s/wild.toml", "files.workspace = \"rw\"\n")};
  sources.system = {text("/etc/base.toml", "lock = [\"network.allow\"]\n"),
                    text("/etc/other.toml", "lock = [\"limits.pids\"]\n")};
  const auto result = load(sources, "wild");
  const auto& locked = std::get<Loaded>(result).locked;
  REQUIRE(locked.size() == 1);
  CHECK(locked.at("network.allow").file == "/etc/base.toml");
  CHECK(locked.at("network.allow").line == 1);
}

TEST_CASE("a shipped policy named before the system's base cannot get in front of its locks") {
  Sources sources;
  sources.shipped = {text("/s/big.toml", "files.read = [\"/big\"]\nlimits.memory = \"64GiB\"\n")};
  sources.system = {
      text("/etc/base.toml",
           "lock = [\"files.read\", \"limits.memory\"]\nfiles.read = [\"/usr\"]\nlimits.memory = \"1GiB\"\n")};
  sources.user = {text("/u/mine.toml", "extends = [\"big\", \"base\"]\n")};
  const Document document = loaded(sources, "mine");
  CHECK(document.limits.memory == gibibytes(1));
  REQUIRE(document.files.read.size() == 1);
  CHECK(document.files.read[0].pattern == "/usr");
}

TEST_CASE("a system base that does not load stops every policy") {
  Sources sources;
  sources.shipped = {text("/s/coding.toml", "schema = 1\n")};
  sources.system = {text("/etc/base.toml", "lock = [\n")};
  CHECK(refused(sources, "coding")[0].file == "/etc/base.toml");
}

TEST_CASE("only the system's policies can lock") {
  Sources sources;
  sources.user = {text("/u/mine.toml", "lock = [\"limits.memory\"]\n")};
  CHECK(mentions(refused(sources, "mine"), "only the system's policies can lock keys"));
  sources.user.clear();
  sources.shipped = {text("/s/coding.toml", "schema = 1\n")};
  sources.project = text("/w/.ringfence.toml", "lock = [\"limits.memory\"]\n");
  CHECK(mentions(refused(sources, "coding"), "only the system's policies can lock keys"));
}

TEST_CASE("a policy of the system does not see the files of a user") {
  Sources sources;
  sources.system = {text("/etc/site.toml", "extends = [\"extra\"]\n")};
  sources.user = {text("/u/extra.toml", "files.read = [\"/x\"]\n")};
  const auto errors = refused(sources, "site");
  CHECK(errors[0].message == "there is no policy `extra`");
  CHECK(errors[0].file == "/etc/site.toml");
}

TEST_CASE("circles, unknown names and endless depth are found") {
  Sources sources;
  sources.shipped = {text("/s/a.toml", "extends = [\"b\"]\n"), text("/s/b.toml", "extends = [\"c\"]\n"),
                     text("/s/c.toml", "extends = [\"a\"]\n"), text("/s/self.toml", "extends = [\"self\"]\n"),
                     text("/s/lost.toml", "extends = [\"selff\"]\n")};
  auto errors = refused(sources, "a");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message == "`a` extends itself");
  CHECK(errors[0].help == "a → b → c → a");
  CHECK(errors[0].file == "/s/c.toml");
  CHECK(mentions(refused(sources, "self"), "`self` extends itself, and no layer below has another"));
  CHECK(refused(sources, "lost")[0].help == "did you mean `self`?");
  CHECK(refused(sources, "nothing")[0].message == "there is no policy `nothing`");

  sources.shipped.clear();
  for (int i = 0; i < 20; ++i) {
    sources.shipped.push_back(
        text("/s/p" + std::to_string(i) + ".toml", "extends = [\"p" + std::to_string(i + 1) + "\"]\n"));
  }
  sources.shipped.push_back(text("/s/p20.toml", ""));
  CHECK(mentions(refused(sources, "p0"), "more than 16 deep"));
  CHECK(loaded(sources, "p10").name == "p10");
}

TEST_CASE("two files of one name in one layer are nobody's choice to make") {
  Sources sources;
  sources.user = {text("/u/a/x.toml", ""), text("/u/b/x.toml", "")};
  CHECK(mentions(refused(sources, "x"), "is defined twice"));
}

TEST_CASE("a policy is named like its file, so that a broken one cannot vanish") {
  Sources sources;
  sources.user = {text("/u/x.toml", "name = \"y\"\n")};
  CHECK(mentions(refused(sources, "x"), "the name of a policy is that of its file"));
  CHECK(mentions(refused(sources, "y"), "there is no policy `y`"));
}

TEST_CASE("a broken file that nobody needs is a warning, one that is needed an error") {
  Sources sources;
  sources.shipped = {text("/s/good.toml", "")};
  sources.user = {text("/u/bad.toml", "limits.memory = 5\n"), text("/u/user.toml", "extends = [\"bad\"]\n")};
  auto result = load(sources, "good");
  CHECK(mentions(std::get<Loaded>(result).warnings, "/u/bad.toml:1"));
  CHECK(refused(sources, "user")[0].file == "/u/bad.toml");
  const auto names = available(sources);
  REQUIRE(names.size() == 3);
  CHECK(names[0].broken);
}

TEST_CASE("the hash follows the meaning, not where it is written") {
  const Document one = document("files.read = [\"/a\", \"/b\"]\nlimits.memory = \"1GiB\"\n");
  const Document moved = document("\n# later\n[limits]\nmemory = \"1024MiB\"\n[files]\nread = [\"/b\", \"/a/\"]\n");
  const Document other = document("files.read = [\"/a\", \"/b\"]\nlimits.memory = \"2GiB\"\n");
  CHECK(documentHash(one) == documentHash(moved));
  CHECK(documentHash(one) != documentHash(other));
  CHECK(documentHash(one).size() == 64);
}

TEST_CASE("each value of the format changes the hash") {
  const std::string plain = documentHash(document(""));
  for (const char* line : {"mode = \"audit\"",
                           "walls.net = \"off\"",
                           "walls.limits = \"best-effort\"",
                           "files.workspace = \"ro\"",
                           "files.read = [\"/a\"]",
                           "files.write = [\"/a\"]",
                           "files.ask = [\"/a\"]",
                           "files.ask_read = [\"/a\"]",
                           "files.rewrite = [{match = \"/a\", to = \"/b\"}]",
                           "files.rewrite = [{match = \"/a\", content = \"\"}]",
                           "files.forbid = [\"/a\"]",
                           "network.default = \"allow\"",
                           "network.allow = [{host = \"a.b\"}]",
                           "network.ask = [{host = \"a.b\"}]",
                           "network.forbid = [{host = \"a.b\"}]",
                           "network.rewrite = [{host = \"a.b\", to = \"c.d\"}]",
                           "network.loopback = [80]",
                           "network.publish = [80]",
                           "network.credential = [{host = \"a.b\", header = \"x\", from = \"A\", base = \"B\"}]",
                           "network.send_limit = \"5B\"",
                           "grant = [{op = \"read\", target = \"/a\"}]",
                           "prompt.timeout = \"5s\"",
                           "prompt.per_minute = 5",
                           "audit.read = [\"/a\"]",
                           "exec.rule = [{match = [\"a\"], decide = \"rewrite\", rewrite = [\"a\", \"b\"]}]",
                           "exec.rule = [{match = [\"a\"], decide = \"ask\"}]",
                           "identity.as = \"own\"",
                           "identity.groups = [\"video\"]",
                           "limits.cpu = \"5%\"",
                           "limits.memory = \"5B\"",
                           "limits.pids = 5",
                           "priority.class = \"idle\"",
                           "environment.pass = [\"A\"]",
                           "environment.set = {A = \"\"}"}) {
    INFO(line);
    CHECK(documentHash(document(line)) != plain);
  }
}
