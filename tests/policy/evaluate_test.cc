#include "policy/evaluate.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/policy/sources.h"

using namespace ringfence::policy;
using namespace ringfence::test;

namespace {

const Places kPlaces{.workspace = "/home/ann/project", .home = "/home/ann"};

Verdict judge(const Document& policy, Operation operation, const std::string& target,
              std::vector<std::string> argv = {}) {
  return evaluate(policy, kPlaces, {.operation = operation, .target = target, .argv = std::move(argv)});
}

Decision decide(const Document& policy, Operation operation, const std::string& target,
                std::vector<std::string> argv = {}) {
  return judge(policy, operation, target, std::move(argv)).decision;
}

Document coding() { return loaded(shippedSources(), "coding"); }

}  // namespace

TEST_CASE("evaluate allows the workspace and forbids what nothing grants") {
  const Document policy = coding();
  CHECK(decide(policy, Operation::kWrite, "/home/ann/project/src/main.c") == Decision::kAllow);
  CHECK(decide(policy, Operation::kRead, "/usr/lib/libc.so") == Decision::kAllow);
  CHECK(decide(policy, Operation::kWrite, "/usr/lib/libc.so") == Decision::kForbid);
  CHECK(decide(policy, Operation::kRead, "/home/ann/.ssh/id_ed25519") == Decision::kForbid);
  CHECK(decide(policy, Operation::kRead, "/home/ann/project2/x") == Decision::kForbid);
  CHECK(decide(policy, Operation::kRead, "/etc/shadow") == Decision::kForbid);
  const Verdict verdict = judge(policy, Operation::kRead, "/etc/shadow");
  CHECK(verdict.origin.file.empty());
  CHECK(verdict.rule == "not granted");
}

TEST_CASE("evaluate hides secrets and keeps settings of tools readable") {
  const Document policy = coding();
  const Verdict secret = judge(policy, Operation::kRead, "/home/ann/project/app/.env.local");
  CHECK(secret.decision == Decision::kForbid);
  CHECK(secret.rule == "files.forbid **/.env*");
  CHECK(secret.origin.file.ends_with("policy/profiles/base.toml"));
  CHECK(secret.origin.text.find("**/.env*") != std::string::npos);
  CHECK(decide(policy, Operation::kRead, "/home/ann/project/.git/hooks/pre-commit") == Decision::kAllow);
  CHECK(decide(policy, Operation::kWrite, "/home/ann/project/.git/hooks/pre-commit") == Decision::kForbid);
  CHECK(decide(policy, Operation::kWrite, "/home/ann/project/.git/config") == Decision::kForbid);
  CHECK(decide(policy, Operation::kWrite, "/home/ann/project/.git/index") == Decision::kAllow);
  CHECK(decide(policy, Operation::kWrite, "/home/ann/project/.claude/settings.json") == Decision::kForbid);
  CHECK(decide(policy, Operation::kWrite, "/home/ann/project/.ringfence.toml") == Decision::kForbid);
}

TEST_CASE("only patterns of git and of tool settings stay readable") {
  for (const char* pattern : {"$WORKSPACE/.git/hooks", "$WORKSPACE/.git/config", "**/.vscode",
                              "$WORKSPACE/.claude/settings*.json", "$WORKSPACE/.mcp.json", "$WORKSPACE/.envrc"}) {
    INFO(pattern);
    CHECK_FALSE(isSecretPattern({.pattern = pattern, .origin = {}}));
  }
  for (const char* pattern :
       {"**/.env*", "**/*.pem", "~/.ssh/id_rsa", "$WORKSPACE/secrets", "**/.git*", "**/.git-credentials"}) {
    INFO(pattern);
    CHECK(isSecretPattern({.pattern = pattern, .origin = {}}));
  }
}

TEST_CASE("evaluate puts forbid over ask over allow") {
  const Document policy = document(
      "[files]\nread = [\"/data\"]\nwrite = [\"/data/out\"]\nask = [\"/data/out/ask\"]\nforbid = "
      "[\"/data/out/ask/no\"]\n");
  CHECK(decide(policy, Operation::kRead, "/data/x") == Decision::kAllow);
  CHECK(decide(policy, Operation::kWrite, "/data/x") == Decision::kForbid);
  CHECK(decide(policy, Operation::kWrite, "/data/out/x") == Decision::kAllow);
  CHECK(decide(policy, Operation::kWrite, "/data/out/ask/x") == Decision::kAsk);
  CHECK(decide(policy, Operation::kRead, "/data/out/ask/x") == Decision::kAllow);
  CHECK(decide(policy, Operation::kWrite, "/data/out/ask/no/x") == Decision::kForbid);
  CHECK(decide(policy, Operation::kRead, "/data/out/ask/no/x") == Decision::kForbid);
}

TEST_CASE("evaluate judges no path that could mean another") {
  const Document policy = coding();
  for (const char* path : {"/usr/../etc/shadow", "usr/lib", "", "/usr/./lib", "/home/ann/project/.."}) {
    INFO(path);
    CHECK(decide(policy, Operation::kRead, path) == Decision::kForbid);
  }
}

TEST_CASE("the coding policy asks about what other people see and refuses to become root") {
  const Document policy = coding();
  CHECK(decide(policy, Operation::kConnect, "api.example.org:443") == Decision::kAsk);
  CHECK(decide(policy, Operation::kConnect, "169.254.169.254:80") == Decision::kForbid);
  CHECK(decide(policy, Operation::kConnect, "127.0.0.1:5432") == Decision::kForbid);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/git", {"git", "push"}) == Decision::kAsk);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/git", {"git", "commit"}) == Decision::kAllow);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/gh", {"gh", "pr", "create"}) == Decision::kAsk);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/sudo", {"sudo", "id"}) == Decision::kForbid);
  CHECK(decide(policy, Operation::kWrite, "/home/ann/project/a.c") == Decision::kAllow);
}

TEST_CASE("a read-only workspace is named as the reason") {
  const Document policy = document("files.workspace = \"ro\"\n");
  CHECK(decide(policy, Operation::kRead, "/home/ann/project/x") == Decision::kAllow);
  const Verdict verdict = judge(policy, Operation::kWrite, "/home/ann/project/x");
  CHECK(verdict.decision == Decision::kForbid);
  CHECK(verdict.rule == "files.workspace = \"ro\"");
  CHECK(verdict.origin.line == 1);
}

TEST_CASE("patterns match whole names, and everything below what they match") {
  CHECK(matchesPath("/a/b", kPlaces, "/a/b"));
  CHECK(matchesPath("/a/b", kPlaces, "/a/b/c/d"));
  CHECK_FALSE(matchesPath("/a/b", kPlaces, "/a/bc"));
  CHECK_FALSE(matchesPath("/a/b", kPlaces, "/a"));
  CHECK(matchesPath("/", kPlaces, "/x"));
  CHECK(matchesPath("/a/*.c", kPlaces, "/a/x.c"));
  CHECK_FALSE(matchesPath("/a/*.c", kPlaces, "/a/b/x.c"));
  CHECK(matchesPath("/a/**/x", kPlaces, "/a/x"));
  CHECK(matchesPath("/a/**/x", kPlaces, "/a/b/c/x"));
  CHECK(matchesPath("/a/?/x", kPlaces, "/a/ä/x"));
  CHECK_FALSE(matchesPath("/a/?/x", kPlaces, "/a/bb/x"));
  CHECK(matchesPath("**/.env*", kPlaces, "/home/ann/project/.env"));
  CHECK(matchesPath("**/.env*", kPlaces, "/home/ann/project/a/.env.d/key"));
  CHECK_FALSE(matchesPath("**/.env*", kPlaces, "/home/ann/.env"));
  CHECK(matchesPath("~", kPlaces, "/home/ann/x"));
  CHECK(matchesPath("~/x", kPlaces, "/home/ann/x"));
  CHECK(matchesPath("$WORKSPACE", kPlaces, "/home/ann/project/x"));
  CHECK_FALSE(matchesPath("$WORKSPACEx", kPlaces, "/home/ann/projectx"));
}

TEST_CASE("a place that is not known matches nothing") {
  const Places nowhere;
  CHECK(expandPattern("~/x", nowhere).empty());
  CHECK_FALSE(matchesPath("~/x", nowhere, "/x"));
  CHECK_FALSE(matchesPath("$WORKSPACE", nowhere, "/"));
  CHECK(expandPattern("**/x", {.workspace = "/", .home = "/"}) == "/**/x");
}

TEST_CASE("a pattern full of stars is matched in no time") {
  std::string pattern = "/";
  for (int i = 0; i < 500; ++i) pattern += "**/*a*/";
  std::string path;
  for (int i = 0; i < 500; ++i) path += "/aaaaaaaaab";
  CHECK(matchesPath(pattern + "x", kPlaces, path) == false);
}

TEST_CASE("rules about programs match the beginning of a command line") {
  const Document policy = document(R"(
files.read = ["/usr"]
[[exec.rule]]
match = ["git", "push"]
decide = "ask"
why = "publishes"
tests = { match = ["git push origin main", "/usr/bin/git push"], miss = ["git status", "git", "gitx push"] }
[[exec.rule]]
match = ["/usr/bin/curl"]
decide = "forbid"
)");
  const Verdict push = judge(policy, Operation::kExec, "/usr/bin/git", {"git", "push", "--force"});
  CHECK(push.decision == Decision::kAsk);
  CHECK(push.why == "publishes");
  CHECK(push.origin.line == 4);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/git", {"git", "status"}) == Decision::kAllow);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/curl", {"innocent"}) == Decision::kForbid);
  CHECK(decide(policy, Operation::kExec, "/opt/tool", {"tool"}) == Decision::kForbid);
}

TEST_CASE("a false argv[0] neither escapes a rule nor earns one") {
  const Document policy = document(R"(
files.read = ["/usr"]
exec.rule = [{ match = ["git", "push"], decide = "forbid" }, { match = ["safe"], decide = "allow" }]
)");
  CHECK(decide(policy, Operation::kExec, "/usr/bin/git", {"ls", "push"}) == Decision::kForbid);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/busybox", {"git", "push"}) == Decision::kForbid);
  CHECK(decide(policy, Operation::kExec, "/home/ann/evil", {"safe"}) == Decision::kForbid);
  CHECK(decide(policy, Operation::kExec, "/home/ann/safe", {"safe"}) == Decision::kForbid);
  CHECK(decide(policy, Operation::kExec, "/usr/bin/safe", {"safe"}) == Decision::kAllow);
}

TEST_CASE("rules about hosts: exact, wildcard, port and range") {
  const Document policy = document(R"(
[network]
default = "ask"
allow = [{ host = "API.example.org", port = 443 }, { host = "*.example.com" }]
forbid = [{ cidr = "203.0.113.0/24", why = "test net" }, { host = "evil.example.com" }]
)");
  CHECK(decide(policy, Operation::kConnect, "api.example.org:443") == Decision::kAllow);
  CHECK(decide(policy, Operation::kConnect, "api.example.org.:443") == Decision::kAllow);
  CHECK(decide(policy, Operation::kConnect, "api.example.org:80") == Decision::kAsk);
  CHECK(decide(policy, Operation::kConnect, "a.b.example.com:1") == Decision::kAllow);
  CHECK(decide(policy, Operation::kConnect, "example.com:1") == Decision::kAsk);
  CHECK(decide(policy, Operation::kConnect, "notexample.com:1") == Decision::kAsk);
  CHECK(decide(policy, Operation::kConnect, "evil.EXAMPLE.com:1") == Decision::kForbid);
  CHECK(judge(policy, Operation::kConnect, "203.0.113.9:80").why == "test net");
  CHECK(decide(policy, Operation::kConnect, "[::ffff:203.0.113.9]:80") == Decision::kForbid);
}

TEST_CASE("private and local addresses need a rule that names them") {
  const Document open = document("[network]\ndefault = \"allow\"\nallow = [{ host = \"*.localhost\" }]\n");
  for (const char* target :
       {"127.0.0.1:80", "10.1.2.3:80", "192.168.0.1:80", "169.254.169.254:80", "[::1]:80", "[fe80::1]:80",
        "[fd00::1]:80", "0.0.0.0:80", "localhost:80", "x.localhost:80", "[::ffff:127.0.0.1]:80", "100.64.0.1:1"}) {
    INFO(target);
    CHECK(decide(open, Operation::kConnect, target) == Decision::kForbid);
  }
  CHECK(decide(open, Operation::kConnect, "93.184.216.34:80") == Decision::kAllow);
  const Document named =
      document("[network]\nallow = [{ host = \"192.168.0.1\" }, { cidr = \"10.0.0.0/8\", port = 5432 }]\n");
  CHECK(decide(named, Operation::kConnect, "192.168.0.1:80") == Decision::kAllow);
  CHECK(decide(named, Operation::kConnect, "10.9.9.9:5432") == Decision::kAllow);
  CHECK(decide(named, Operation::kConnect, "10.9.9.9:22") == Decision::kForbid);
}

TEST_CASE("targets that some programs read as addresses and others as names are forbidden") {
  const Document open = document("network.default = \"allow\"\n");
  for (const char* target : {"2130706433:80", "127.1:80", "0177.0.0.1:80", "::1:80", "host", "host:0", "host:99999",
                             ":80", "a..b:80", "*:80", "a b:80", "[fe80::1%eth0]:80"}) {
    INFO(target);
    CHECK(decide(open, Operation::kConnect, target) == Decision::kForbid);
  }
}

TEST_CASE("no connection is granted by an empty policy") {
  CHECK(decide(document(""), Operation::kConnect, "example.org:443") == Decision::kForbid);
}

TEST_CASE("a tool is judged by its name: forbid over ask over allow, and the default where no rule names it") {
  const Document rules = document(R"(
[tools]
default = "ask"
[[tools.rule]]
match = ["read_*", "list"]
decide = "allow"
[[tools.rule]]
match = ["*_secret?"]
decide = "forbid"
why = "secrets stay"
[[grant]]
op = "call"
target = "deploy"
)");
  const auto judged = [&](const std::string& tool) {
    return evaluate(rules, {"/w", "/h"}, {Operation::kCall, tool, {"{}"}});
  };
  CHECK(judged("read_file").decision == Decision::kAllow);
  CHECK(judged("list").rule == "tools.rule list");
  CHECK(judged("lists").decision == Decision::kAsk);
  CHECK(judged("lists").rule == "tools.default = \"ask\"");
  CHECK(judged("read_secrets").decision == Decision::kForbid);
  CHECK(judged("read_secrets").why == "secrets stay");
  CHECK(judged("read_secret").decision == Decision::kAllow);
  CHECK(judged("deploy").decision == Decision::kAllow);
  CHECK(judged("deploy").rule == "grant call deploy");
  CHECK(judged("Deploy").decision == Decision::kAsk);
  // A pattern of many stars takes no longer than its length says.
  Document many = rules;
  many.tools.rules = {{{std::string(200, '*') + "b"}, Decision::kForbid, "", {}}};
  CHECK(evaluate(many, {}, {Operation::kCall, std::string(5000, 'a'), {}}).decision == Decision::kAsk);
  CHECK(evaluate(document(""), {}, {Operation::kCall, "anything", {}}).decision == Decision::kAllow);
}
