// A project's own policy may tighten what its user has, and nothing else.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <random>
#include <set>

#include "policy/evaluate.h"
#include "policy/load.h"
#include "tests/policy/sources.h"
#include "tests/support/golden.h"

using namespace ringfence;
using namespace ringfence::policy;
using namespace ringfence::test;

namespace {

constexpr const char* kUserPolicy = R"(
[walls]
ipc = "best-effort"
uts = "off"
[files]
workspace = "rw"
read = ["/usr", "/opt/tools"]
write = ["~/.cache/pip"]
ask = ["~/docs"]
forbid = ["**/.env*"]
[network]
default = "ask"
allow = [{ host = "a.example.org" }]
loopback = [8080]
send_limit = "1MiB"
[[network.rewrite]]
host = "r.example.org"
to = "a.example.org"
[[exec.rule]]
match = ["git", "push"]
decide = "ask"
[[exec.rule]]
match = ["npm", "publish"]
decide = "rewrite"
rewrite = ["npm", "publish", "--dry-run"]
[prompt]
timeout = "5m"
per_minute = 4
[identity]
as = "caller"
groups = ["video"]
[limits]
memory = "4GiB"
pids = 100
[priority]
class = "background"
[environment]
pass = ["LANG", "LC_*"]
set = { EDITOR = "true" }
)";

Sources withProject(const std::string& project, const std::string& more = {}) {
  Sources sources;
  sources.user = {text("/u/mine.toml", kUserPolicy + more)};
  sources.project = text("/w/.ringfence.toml", project);
  return sources;
}

std::set<std::string> patterns(const std::vector<PathRule>& rules) {
  std::set<std::string> result;
  for (const PathRule& rule : rules) result.insert(rule.pattern);
  return result;
}

bool within(const std::set<std::string>& inner, const std::set<std::string>& outer) {
  return std::ranges::includes(outer, inner);
}

bool notWeaker(const Walls& inner, const Walls& outer) {
  return inner.mount <= outer.mount && inner.pid <= outer.pid && inner.net <= outer.net && inner.ipc <= outer.ipc &&
         inner.uts <= outer.uts && inner.cgroup <= outer.cgroup && inner.seccomp <= outer.seccomp &&
         inner.landlock <= outer.landlock && inner.privileges <= outer.privileges && inner.limits <= outer.limits;
}

template <typename T>
bool notLooser(const std::optional<T>& inner, const std::optional<T>& outer) {
  return !outer || (inner && *inner <= *outer);
}

// Of leave may become a question, and of everything a no.
void checkActions(const Document& inner, const Document& outer) {
  const Places places{.workspace = "/w", .home = "/home/ann"};
  std::vector<Action> actions;
  for (const Operation operation : {Operation::kRead, Operation::kWrite}) {
    for (const char* path : {"/w/x", "/w/a/Makefile", "/w/.env", "/usr/x", "/home/ann/docs/x", "/home/ann/mail/x",
                             "/home/ann/.cache/pip/x", "/opt/tools/x", "/etc/shadow"})
      actions.push_back({.operation = operation, .target = path, .argv = {}});
  }
  for (const char* host :
       {"a.example.org:1", "b.org:1", "r.example.org:1", "10.0.0.1:1", "127.0.0.1:8080", "localhost:1"})
    actions.push_back({.operation = Operation::kConnect, .target = host, .argv = {}});
  for (const auto& argv :
       {std::vector<std::string>{"git", "push"}, {"git", "status"}, {"npm", "publish"}, {"npm", "i"}}) {
    actions.push_back({.operation = Operation::kExec, .target = "/usr/bin/" + argv[0], .argv = argv});
    actions.push_back({.operation = Operation::kExec, .target = "/nowhere/" + argv[0], .argv = argv});
  }
  for (const char* tool : {"a", "ab", "c"})
    actions.push_back({.operation = Operation::kCall, .target = tool, .argv = {}});
  for (const Action& action : actions) {
    const Decision now = evaluate(inner, places, action).decision;
    const Decision before = evaluate(outer, places, action).decision;
    INFO(action.target);
    CHECK((now == before || now == Decision::kForbid || (now == Decision::kAsk && before == Decision::kAllow)));
  }
}

// Everything that `inner` lets happen, `outer` lets happen too.
void checkNotWider(const Document& inner, const Document& outer) {
  CHECK(within(patterns(inner.files.read), patterns(outer.files.read)));
  CHECK(within(patterns(inner.files.write), patterns(outer.files.write)));
  CHECK(within(patterns(outer.files.forbid), patterns(inner.files.forbid)));
  CHECK((inner.files.workspace == outer.files.workspace || inner.files.workspace == WorkspaceAccess::kReadOnly));
  CHECK(notWeaker(inner.walls, outer.walls));
  CHECK(inner.network.fallback >= outer.network.fallback);
  CHECK(inner.mode == Mode::kEnforce);
  CHECK(inner.files.rewrite == outer.files.rewrite);
  CHECK(inner.network.rewrite == outer.network.rewrite);
  CHECK(inner.network.credentials == outer.network.credentials);
  CHECK(inner.network.loopback == outer.network.loopback);
  CHECK(inner.network.publish == outer.network.publish);
  CHECK(notLooser(inner.network.sendLimit, outer.network.sendLimit));
  CHECK(inner.grants == outer.grants);
  CHECK(inner.auditRead == outer.auditRead);
  CHECK(inner.prompt.timeout <= outer.prompt.timeout);
  CHECK(inner.prompt.perMinute <= outer.prompt.perMinute);
  checkActions(inner, outer);
  CHECK((inner.identity == outer.identity || inner.identity == IdentityKind::kOwn));
  CHECK(within({inner.groups.begin(), inner.groups.end()}, {outer.groups.begin(), outer.groups.end()}));
  CHECK(notLooser(inner.limits.cpu, outer.limits.cpu));
  CHECK(notLooser(inner.limits.memory, outer.limits.memory));
  CHECK(notLooser(inner.limits.pids, outer.limits.pids));
  CHECK(inner.priority >= outer.priority);
  CHECK(inner.environment.pass == outer.environment.pass);
  for (const auto& [name, value] : outer.environment.set) CHECK(inner.environment.set.at(name) == value);
  for (const auto& [name, value] : inner.environment.set) {
    CHECK((outer.environment.set.contains(name) || name == "MY_FLAG"));
  }
}

// Lines that tighten, widen or do neither, to be thrown together.
constexpr const char* kLines[] = {
    "walls.net = \"required\"",
    "walls.net = \"best-effort\"",
    "walls.net = \"off\"",
    "walls.ipc = \"required\"",
    "walls.ipc = \"off\"",
    "walls.uts = \"best-effort\"",
    "walls.mount = \"off\"",
    "walls.pid = \"best-effort\"",
    "walls.cgroup = \"off\"",
    "walls.seccomp = \"off\"",
    "walls.landlock = \"best-effort\"",
    "walls.privileges = \"off\"",
    "walls.limits = \"off\"",
    "files.workspace = \"ro\"",
    "files.workspace = \"rw\"",
    "files.read = [\"/usr\"]",
    "files.read = [\"/usr\", \"/home\"]",
    "files.read = [\"~/.ssh\"]",
    "files.write = [\"~/.cache/pip\"]",
    "files.write = [\"~\"]",
    "files.forbid = [\"**/*.pem\"]",
    "files.forbid = []",
    "files.ask = [\"**/Makefile\"]",
    "files.ask = [\"$WORKSPACE/Makefile\", \"~/docs/x\"]",
    "files.ask = [\"~/mail\"]",
    "files.ask = [\"/usr\"]",
    "files.ask_read = [\"~/docs\"]",
    "files.ask_read = [\"$WORKSPACE/keys\"]",
    "files.ask_read = [\"/usr/x\"]",
    "files.rewrite = [{ match = \"/w/a\", to = \"/w/b\" }]",
    "network.default = \"forbid\"",
    "network.default = \"ask\"",
    "network.default = \"allow\"",
    "network.allow = [{ host = \"b.org\" }]",
    "network.ask = [{ host = \"b.org\" }]",
    "network.ask = [{ host = \"10.0.0.1\" }]",
    "network.forbid = [{ host = \"b.org\" }]",
    "network.rewrite = [{ host = \"b.org\", to = \"c.org\" }]",
    "network.loopback = [8080]",
    "network.loopback = [22]",
    "network.publish = [3000]",
    "network.credential = [{ host = \"b.org\", header = \"x\", from = \"A\", base = \"B\" }]",
    "network.send_limit = \"1KiB\"",
    "network.send_limit = \"1GiB\"",
    "tools.default = \"ask\"",
    "tools.default = \"forbid\"",
    "tools.rule = [{ match = [\"a*\"], decide = \"ask\" }]",
    "tools.rule = [{ match = [\"a*\"], decide = \"forbid\" }]",
    "tools.rule = [{ match = [\"a\"], decide = \"allow\" }]",
    "exec.rule = [{ match = [\"git\"], decide = \"forbid\" }]",
    "exec.rule = [{ match = [\"git\"], decide = \"ask\" }]",
    "exec.rule = [{ match = [\"npm\"], decide = \"ask\" }]",
    "exec.rule = [{ match = [\"git\", \"push\"], decide = \"allow\" }]",
    "exec.rule = [{ match = [\"a\"], decide = \"rewrite\", rewrite = [\"/w/b\"] }]",
    "grant = [{ op = \"write\", target = \"~/docs\" }]",
    "prompt.timeout = \"1m\"",
    "prompt.timeout = \"1h\"",
    "prompt.per_minute = 1",
    "prompt.per_minute = 100",
    "audit.read = [\"/etc\"]",
    "mode = \"audit\"",
    "identity.as = \"own\"",
    "identity.as = \"caller\"",
    "identity.groups = [\"docker\"]",
    "identity.groups = [\"video\"]",
    "limits.cpu = \"50%\"",
    "limits.memory = \"1GiB\"",
    "limits.memory = \"5GiB\"",
    "limits.pids = 100",
    "limits.pids = 101",
    "limits.pids = 5",
    "priority.class = \"idle\"",
    "priority.class = \"interactive\"",
    "environment.pass = [\"LANG\"]",
    "environment.pass = [\"AWS_SECRET_ACCESS_KEY\"]",
    "environment.pass = [\"*\"]",
    "environment.set.MY_FLAG = \"1\"",
    "environment.set.LD_PRELOAD = \"/w/x.so\"",
    "environment.set.PATH = \"/w\"",
    "environment.set.EDITOR = \"vi\"",
    "environment.set.LANG = \"C\"",
    "environment.set.OPENAI_BASE_URL = \"https://b.org\"",
    "environment.set.NODE_EXTRA_CA_CERTS = \"/w/ca.pem\"",
    "environment.set.LC_ALL = \"C\"",
    "extends = [\"mine\"]",
    "lock = [\"limits.pids\"]",
    "mode = \"enforce\"",
    "name = \"x\"",
    "schema = 1"};

}  // namespace

TEST_CASE("whatever lines a project's policy has, the result grants nothing that its user does not") {
  const std::string more = GENERATE("", "[tools]\ndefault = \"forbid\"\n");
  Sources sources;
  sources.user = {text("/u/mine.toml", kUserPolicy + more)};
  const Document user = loaded(sources, "mine");
  std::mt19937 random(20261128);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::set<std::size_t> chosen;
    const std::size_t count = 1 + random() % 4;
    while (chosen.size() < count) chosen.insert(random() % std::size(kLines));
    std::string project;
    for (const std::size_t line : chosen) project += std::string(kLines[line]) + "\n";
    const auto result = load(withProject(project, more), "mine");
    if (!std::holds_alternative<Loaded>(result)) continue;
    ++accepted;
    INFO(project);
    checkNotWider(std::get<Loaded>(result).document, user);
  }
  CHECK(accepted > 300);
}

TEST_CASE("each line that widens is refused where it stands, each that tightens is taken") {
  std::string widening;
  std::string tightening;
  for (const char* line : kLines) {
    const auto result = load(withProject(line), "mine");
    const auto* errors = std::get_if<std::vector<Diagnostic>>(&result);
    if (errors == nullptr) {
      tightening += std::string(line) + "\n";
      continue;
    }
    REQUIRE_FALSE(errors->empty());
    CHECK(errors->front().file == "/w/.ringfence.toml");
    CHECK(errors->front().line == 1);
    widening += std::string(line) + "\n    " + errors->front().message + "\n";
  }
  checkGolden("policy/project_lines.txt", "taken:\n" + tightening + "\nrefused:\n" + widening);
}

TEST_CASE("a project tightens what it may") {
  const Document document = loaded(
      withProject(
          "files.workspace = \"ro\"\nfiles.forbid = [\"**/*.pem\"]\nlimits.memory = \"1GiB\"\nlimits.cpu = \"50%\"\n"
          "walls.uts = \"required\"\n"),
      "mine");
  CHECK(document.name == "mine");
  CHECK(document.files.workspace == WorkspaceAccess::kReadOnly);
  CHECK(document.files.forbid.size() == 2);
  CHECK(document.limits.memory == gibibytes(1));
  CHECK(document.limits.cpu == CpuPercent{50});
  CHECK(document.walls.uts == WallStrength::kRequired);
  CHECK(document.origins.at("limits.memory").file == "/w/.ringfence.toml");
}

TEST_CASE("a trusted project may widen, but raises no limit") {
  Sources sources =
      withProject("files.read = [\"/srv/data\"]\nlimits.memory = \"64GiB\"\nenvironment.set.PATH = \"/w\"\n");
  sources.projectTrusted = true;
  const auto result = load(sources, "mine");
  const Loaded& project = std::get<Loaded>(result);
  CHECK(patterns(project.document.files.read).contains("/srv/data"));
  CHECK(project.document.limits.memory == gibibytes(4));
  CHECK(project.document.environment.set.at("PATH") == "/w");
  REQUIRE(project.warnings.size() == 1);
  CHECK(project.warnings[0].message == "`limits.memory` keeps its stricter value");
}

TEST_CASE("a project's policy that does not load stops the run") {
  CHECK(refused(withProject("files = ["), "mine")[0].file == "/w/.ringfence.toml");
}

TEST_CASE("a project asks about hosts only where nothing is rewritten and nothing is forbidden") {
  Sources sources;
  sources.user = {text("/u/mine.toml", "network.default = \"allow\"\n")};
  sources.project = text("/w/.ringfence.toml", "network.ask = [{ host = \"b.org\" }]\n");
  CHECK(loaded(sources, "mine").network.ask.size() == 1);
  sources.project = text("/w/.ringfence.toml", "network.ask = [{ cidr = \"10.0.0.0/8\" }]\n");
  CHECK(refused(sources, "mine").front().line == 1);
  sources.user = {text("/u/mine.toml", "network.default = \"forbid\"\n")};
  sources.project = text("/w/.ringfence.toml", "network.ask = [{ host = \"b.org\" }]\n");
  CHECK(refused(sources, "mine").front().line == 1);
}

TEST_CASE("a project sets no variable in which a credential is named") {
  Sources sources;
  sources.user = {text("/u/mine.toml", R"([[network.credential]]
host = "a.org"
header = "x"
from = "A_TOKEN"
base = "A_HOME"
)")};
  for (const char* name : {"A_TOKEN", "A_HOME"}) {
    sources.project = text("/w/.ringfence.toml", "environment.set." + std::string(name) + " = \"x\"\n");
    CHECK(refused(sources, "mine").front().line == 1);
  }
  sources.project = text("/w/.ringfence.toml", "environment.set.A_FLAG = \"x\"\n");
  CHECK(loaded(sources, "mine").environment.set.contains("A_FLAG"));
}

TEST_CASE("a grant counts in files of the system and the user, and in no project's, trusted or not") {
  const std::string grant = "[[grant]]\nop = \"connect\"\ntarget = \"a.b:443\"\n";
  Sources sources;
  sources.system = {text("/etc/site.toml", grant)};
  sources.user = {text("/u/mine.toml", "extends = [\"site\"]\n" + grant)};
  CHECK(loaded(sources, "mine").grants.size() == 1);
  sources.project = text("/w/.ringfence.toml", grant);
  for (const bool trusted : {false, true}) {
    sources.projectTrusted = trusted;
    CHECK(refused(sources, "mine").front().file == "/w/.ringfence.toml");
  }
  sources.project.reset();
  sources.shipped = {text("/usr/share/given.toml", grant)};
  CHECK(refused(sources, "given").front().file == "/usr/share/given.toml");
}

TEST_CASE("what a project asks in a read-only workspace or of what is rewritten widens, and is refused") {
  Sources sources;
  sources.user = {text("/u/mine.toml", "files.workspace = \"ro\"\n")};
  sources.project = text("/w/.ringfence.toml", "files.ask = [\"$WORKSPACE/a\"]\n");
  CHECK(refused(sources, "mine").front().line == 1);
  sources.user = {text("/u/mine.toml", "files.rewrite = [{ match = \"**/a\", to = \"/w/b\" }]\n")};
  sources.project = text("/w/.ringfence.toml", "files.ask = [\"**/a\"]\n");
  CHECK(refused(sources, "mine").front().line == 1);
}

TEST_CASE("a limit on what is sent keeps the stricter value between layers of one name") {
  Sources sources;
  sources.system = {text("/etc/mine.toml", "network.send_limit = \"1MiB\"\n")};
  sources.user = {text("/u/mine.toml", "network.send_limit = \"1GiB\"\n")};
  CHECK(loaded(sources, "mine").network.sendLimit->count == 1 << 20);
}

TEST_CASE("a project may lower a share of the NPU that was given, and gives itself none") {
  const auto outcome = [](const std::string& user, const std::string& project) {
    Sources sources;
    sources.user = {text("/u/mine.toml", user)};
    sources.project = text("/w/.ringfence.toml", project);
    return load(sources, "mine");
  };
  const auto refused = [&](const std::string& user, const std::string& project) {
    const auto result = outcome(user, project);
    const auto* errors = std::get_if<std::vector<Diagnostic>>(&result);
    return errors == nullptr ? std::string() : errors->at(0).message;
  };
  const auto lower = outcome("limits.npu = \"50%\"\n", "limits.npu = \"20%\"\n");
  CHECK(std::get<Loaded>(lower).document.limits.npu == CpuPercent{20});
  CHECK(refused("limits.npu = \"50%\"\n", "limits.npu = \"51%\"\n") ==
        "project policy may only tighten: it may not raise `limits.npu`");
  CHECK(refused("limits.pids = 9\n", "limits.npu = \"1%\"\n") ==
        "project policy may only tighten: it may not set `limits.npu`");
}
