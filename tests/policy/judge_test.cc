// What is asked, granted, rewritten and audited; and that a Judge, evaluate() and the rules read in plain words agree.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "policy/evaluate.h"
#include "policy/match.h"
#include "tests/policy/sources.h"

using namespace ringfence::policy;
using namespace ringfence::test;

namespace {

const Places kPlaces{.workspace = "/w/app", .home = "/h"};

PathRule path(const std::string& pattern, std::uint32_t line = 1) {
  return {.pattern = pattern, .origin = {.file = "test.toml", .line = line, .text = {}}};
}
PathRewrite movedTo(const std::string& pattern, const std::string& to) {
  return {.pattern = pattern, .to = to, .content = {}, .why = "staged", .origin = {}};
}
PathRewrite prepared(const std::string& pattern, const std::string& content) {
  return {.pattern = pattern, .to = {}, .content = content, .why = {}, .origin = {}};
}
ExecRule exec(std::vector<std::string> match, Decision decide, std::vector<std::string> rewrite = {}) {
  return {.match = std::move(match), .decide = decide, .why = {}, .origin = {}, .rewrite = std::move(rewrite)};
}
HostRule host(const std::string& name) { return {.host = name, .cidr = {}, .port = {}, .why = {}, .origin = {}}; }
Grant grant(Operation operation, const std::string& target, std::vector<std::string> argv = {}) {
  return {.id = 7, .operation = operation, .target = target, .argv = std::move(argv), .until = {}, .origin = {}};
}
Verdict judged(const Document& document, Operation operation, const std::string& target,
               std::vector<std::string> argv = {}) {
  return evaluate(document, kPlaces, {.operation = operation, .target = target, .argv = std::move(argv)});
}
Decision decided(const Document& document, Operation operation, const std::string& target,
                 std::vector<std::string> argv = {}) {
  return judged(document, operation, target, std::move(argv)).decision;
}

Document asking() {
  Document document;
  document.files.read = {path("/usr")};
  document.files.ask = {path("~/docs")};
  document.files.askRead = {path("~/mail")};
  return document;
}

}  // namespace

TEST_CASE("a path in ask is read without and changed after asking, one in ask_read neither") {
  const Document document = asking();
  CHECK(decided(document, Operation::kRead, "/h/docs/a") == Decision::kAllow);
  CHECK(decided(document, Operation::kWrite, "/h/docs/a") == Decision::kAsk);
  CHECK(decided(document, Operation::kRead, "/h/mail/a") == Decision::kAsk);
  CHECK(decided(document, Operation::kWrite, "/h/mail/a") == Decision::kAsk);
  CHECK(decided(document, Operation::kExec, "/h/mail/tool", {"tool"}) == Decision::kAsk);
  CHECK(decided(document, Operation::kExec, "/h/docs/tool", {"tool"}) == Decision::kAllow);
  CHECK(judged(document, Operation::kRead, "/h/mail/a").rule == "files.ask_read ~/mail");
}

TEST_CASE("a pattern in ask makes a question of what is allowed, and adds nothing") {
  Document document;
  document.files.write = {path("/data")};
  document.files.read = {path("/usr")};
  document.files.ask = {path("**/Makefile"), path("/data/*.db"), path("/usr/**/x"), path("/other/*")};
  document.files.askRead = {path("/data/*.key"), path("/none/*")};
  CHECK(decided(document, Operation::kWrite, "/w/app/src/Makefile") == Decision::kAsk);
  CHECK(decided(document, Operation::kRead, "/w/app/src/Makefile") == Decision::kAllow);
  CHECK(decided(document, Operation::kWrite, "/data/a.db") == Decision::kAsk);
  CHECK(decided(document, Operation::kWrite, "/data/a") == Decision::kAllow);
  CHECK(decided(document, Operation::kRead, "/data/a.key") == Decision::kAsk);
  CHECK(decided(document, Operation::kWrite, "/data/a.key") == Decision::kAsk);
  CHECK(decided(document, Operation::kWrite, "/usr/lib/x") == Decision::kForbid);
  CHECK(decided(document, Operation::kWrite, "/other/x") == Decision::kForbid);
  CHECK(decided(document, Operation::kRead, "/other/x") == Decision::kForbid);
  CHECK(decided(document, Operation::kRead, "/none/x") == Decision::kForbid);
}

TEST_CASE("a grant answers a question for its path with all below it, below every forbid, and opens nothing else") {
  Document document = asking();
  document.files.forbid = {path("~/docs/secret")};
  document.grants = {grant(Operation::kWrite, "/h/docs/a"), grant(Operation::kWrite, "/h/docs/secret"),
                     grant(Operation::kWrite, "/usr/lib"), grant(Operation::kRead, "/h/mail/in"),
                     grant(Operation::kWrite, "/h/docs/*")};
  const Verdict verdict = judged(document, Operation::kWrite, "/h/docs/a/b");
  CHECK(verdict.decision == Decision::kAllow);
  CHECK(verdict.rule == "grant 7 write /h/docs/a");
  CHECK(decided(document, Operation::kWrite, "/h/docs/ab") == Decision::kAsk);
  CHECK(decided(document, Operation::kWrite, "/h/docs/secret/x") == Decision::kForbid);
  CHECK(decided(document, Operation::kWrite, "/usr/lib/x") == Decision::kForbid);
  CHECK(decided(document, Operation::kRead, "/h/mail/in/1") == Decision::kAllow);
  CHECK(decided(document, Operation::kWrite, "/h/mail/in/1") == Decision::kAsk);
  CHECK(decided(document, Operation::kRead, "/h/mail/out/1") == Decision::kAsk);
}

TEST_CASE("a grant of a command is for its program and its very arguments") {
  Document document = asking();
  document.exec = {exec({"git", "push"}, Decision::kAsk), exec({"rm"}, Decision::kForbid)};
  document.grants = {grant(Operation::kExec, "/usr/bin/git", {"git", "push", "origin"}),
                     grant(Operation::kExec, "/usr/bin/rm", {"rm", "x"}),
                     grant(Operation::kExec, "/opt/git", {"git", "push"})};
  CHECK(decided(document, Operation::kExec, "/usr/bin/git", {"git", "push", "origin"}) == Decision::kAllow);
  CHECK(decided(document, Operation::kExec, "/usr/bin/git", {"git", "push", "origin", "-f"}) == Decision::kAsk);
  CHECK(decided(document, Operation::kExec, "/usr/local/bin/git", {"git", "push", "origin"}) == Decision::kAsk);
  CHECK(decided(document, Operation::kExec, "/usr/bin/rm", {"rm", "x"}) == Decision::kForbid);
  // Not there to be run, whatever was granted.
  CHECK(decided(document, Operation::kExec, "/opt/git", {"git", "push"}) == Decision::kForbid);
}

TEST_CASE("a grant of a connection is for its host and port") {
  Document document;
  document.network.fallback = Decision::kAsk;
  document.network.ask = {host("10.0.0.1")};
  document.network.forbid = {host("evil.example.org")};
  document.grants = {grant(Operation::kConnect, "Example.org:443"), grant(Operation::kConnect, "evil.example.org:443"),
                     grant(Operation::kConnect, "10.0.0.1:80"), grant(Operation::kConnect, "10.0.0.2:80")};
  CHECK(decided(document, Operation::kConnect, "example.org:443") == Decision::kAllow);
  CHECK(decided(document, Operation::kConnect, "example.org:80") == Decision::kAsk);
  CHECK(decided(document, Operation::kConnect, "evil.example.org:443") == Decision::kForbid);
  CHECK(decided(document, Operation::kConnect, "10.0.0.1:80") == Decision::kAllow);
  CHECK(decided(document, Operation::kConnect, "10.0.0.2:80") == Decision::kForbid);
}

TEST_CASE("a rewritten change goes to the same place below where its rule says") {
  Document document;
  document.files.rewrite = {movedTo("~/docs", "$WORKSPACE/out"), movedTo("/etc/*.conf", "$WORKSPACE/conf"),
                            movedTo("/x", "/usr/x"), prepared("$WORKSPACE/token", "none")};
  const Verdict moved = judged(document, Operation::kWrite, "/h/docs/a/b");
  CHECK(moved.decision == Decision::kRewrite);
  CHECK(moved.replacement.path == "/w/app/out/a/b");
  CHECK(moved.why == "staged");
  CHECK(judged(document, Operation::kWrite, "/h/docs").replacement.path == "/w/app/out");
  CHECK(judged(document, Operation::kWrite, "/etc/a.conf").replacement.path == "/w/app/conf");
  CHECK(judged(document, Operation::kWrite, "/etc/a.conf/b").replacement.path == "/w/app/conf/b");
  CHECK(decided(document, Operation::kRead, "/h/docs/a") == Decision::kForbid);
  const Verdict read = judged(document, Operation::kRead, "/w/app/token");
  CHECK(read.decision == Decision::kRewrite);
  CHECK(read.replacement.content == "none");
  CHECK(decided(document, Operation::kWrite, "/w/app/token") == Decision::kAllow);
  const Verdict astray = judged(document, Operation::kWrite, "/x/y");
  CHECK(astray.decision == Decision::kForbid);
  CHECK(astray.why.find("/usr/x/y") != std::string::npos);
}

TEST_CASE("a rewrite leads neither to what is asked for nor to what is forbidden, and is not rewritten again") {
  Document document = asking();
  document.files.forbid = {path("**/.env*")};
  document.files.rewrite = {movedTo("/a", "~/docs"), movedTo("/b", "$WORKSPACE"), movedTo("$WORKSPACE/c", "/a")};
  CHECK(decided(document, Operation::kWrite, "/a/x") == Decision::kForbid);
  CHECK(decided(document, Operation::kWrite, "/b/.env") == Decision::kForbid);
  CHECK(decided(document, Operation::kWrite, "/b/x") == Decision::kRewrite);
  CHECK(judged(document, Operation::kWrite, "/b/c").replacement.path == "/w/app/c");
  CHECK(decided(document, Operation::kWrite, "/w/app/c") == Decision::kForbid);
  document.grants = {grant(Operation::kWrite, "/h/docs")};
  CHECK(decided(document, Operation::kWrite, "/a/x") == Decision::kRewrite);
}

TEST_CASE("a rewritten command has other words in place of those that its rule matches") {
  Document document = asking();
  document.exec = {exec({"npm", "publish"}, Decision::kRewrite, {"npm", "publish", "--dry-run"}),
                   exec({"curl"}, Decision::kRewrite, {"/usr/bin/false"}), exec({"wget"}, Decision::kRewrite, {"curl"}),
                   exec({"ssh"}, Decision::kRewrite, {"/usr/bin/rm", "-r"}), exec({"rm"}, Decision::kForbid)};
  const Verdict npm = judged(document, Operation::kExec, "/usr/bin/npm", {"/usr/bin/npm", "publish", "--tag", "x"});
  CHECK(npm.decision == Decision::kRewrite);
  CHECK(npm.replacement.argv == std::vector<std::string>{"/usr/bin/npm", "publish", "--dry-run", "--tag", "x"});
  CHECK_FALSE(npm.replacement.path);
  const Verdict curl = judged(document, Operation::kExec, "/usr/bin/curl", {"curl", "x"});
  CHECK(curl.replacement.path == "/usr/bin/false");
  CHECK(curl.replacement.argv == std::vector<std::string>{"/usr/bin/false", "x"});
  CHECK(decided(document, Operation::kExec, "/usr/bin/wget", {"wget", "x"}) == Decision::kForbid);
  CHECK(decided(document, Operation::kExec, "/usr/bin/ssh", {"ssh", "x"}) == Decision::kForbid);
  document.exec.push_back(exec({"npm"}, Decision::kAsk));
  CHECK(decided(document, Operation::kExec, "/usr/bin/npm", {"npm", "publish"}) == Decision::kAsk);
}

TEST_CASE("a rewritten connection goes to the host of its rule, with its port or its own") {
  Document document;
  document.network.fallback = Decision::kAsk;
  document.network.allow = {host("mirror.example.org")};
  document.network.loopback = {8080};
  document.network.rewrite = {
      {.host = "registry.example.com", .port = {}, .to = "mirror.example.org", .why = "m", .origin = {}},
      {.host = "*.example.net", .port = 80, .to = "127.0.0.1:8080", .why = {}, .origin = {}},
      {.host = "a.example.com", .port = {}, .to = "b.example.com", .why = {}, .origin = {}},
      {.host = "v6.example.com", .port = {}, .to = "[2001:db8::1]:1", .why = {}, .origin = {}}};
  CHECK(judged(document, Operation::kConnect, "registry.example.com:443").replacement.host == "mirror.example.org:443");
  CHECK(judged(document, Operation::kConnect, "x.example.net:80").replacement.host == "127.0.0.1:8080");
  CHECK(decided(document, Operation::kConnect, "x.example.net:81") == Decision::kAsk);
  CHECK(decided(document, Operation::kConnect, "a.example.com:1") == Decision::kForbid);
  document.network.fallback = Decision::kAllow;
  CHECK(judged(document, Operation::kConnect, "v6.example.com:5").replacement.host == "[2001:db8::1]:1");
}

TEST_CASE("a loopback port is allowed literally, on 127.0.0.1 and localhost and nowhere else") {
  Document document;
  document.network.fallback = Decision::kAllow;
  document.network.loopback = {11434};
  document.origins["network.loopback.11434"] = {.file = "t.toml", .line = 3, .text = {}};
  CHECK(judged(document, Operation::kConnect, "127.0.0.1:11434").origin.line == 3);
  CHECK(decided(document, Operation::kConnect, "localhost:11434") == Decision::kAllow);
  for (const char* target : {"127.0.0.1:80", "127.0.0.2:11434", "[::1]:11434", "a.localhost:11434", "10.0.0.1:11434"}) {
    INFO(target);
    CHECK(decided(document, Operation::kConnect, target) == Decision::kForbid);
  }
  document.network.forbid = {host("127.0.0.1")};
  CHECK(decided(document, Operation::kConnect, "127.0.0.1:11434") == Decision::kForbid);
}

TEST_CASE("the audit allows what would be asked, marked, keeps what is forbidden and sees more") {
  Document document = asking();
  document.mode = Mode::kAudit;
  document.auditRead = {path("/data")};
  document.exec = {exec({"git"}, Decision::kAsk)};
  document.network.fallback = Decision::kAsk;
  const Verdict write = judged(document, Operation::kWrite, "/h/docs/a");
  CHECK(write.decision == Decision::kAllow);
  CHECK(write.audit == Audit::kAllowed);
  CHECK(write.rule == "files.ask ~/docs");
  CHECK(judged(document, Operation::kExec, "/usr/bin/git", {"git"}).audit == Audit::kAllowed);
  CHECK(judged(document, Operation::kConnect, "example.org:1").audit == Audit::kAllowed);
  CHECK(judged(document, Operation::kRead, "/usr/x").audit == Audit::kNo);
  CHECK(decided(document, Operation::kRead, "/data/x") == Decision::kAllow);
  CHECK(decided(document, Operation::kWrite, "/data/x") == Decision::kForbid);
  CHECK(decided(document, Operation::kRead, "/etc/shadow") == Decision::kForbid);
  document.mode = Mode::kEnforce;
  CHECK(decided(document, Operation::kRead, "/data/x") == Decision::kForbid);
}

// ---- the rules once more, one after the other, without any preparation

namespace {

bool isGlob(const std::string& pattern) { return pattern.find_first_of("*?") != std::string::npos; }

class Plainly {
 public:
  Plainly(const Document& document, Decision rewrites) : d_(document), rewrites_(rewrites) {}

  Decision files(Operation op, const std::string& target) const {
    if (!target.starts_with('/') || target.find('\0') != std::string::npos ||
        (target + "/").find("/../") != std::string::npos || (target + "/").find("/./") != std::string::npos)
      return Decision::kForbid;
    const bool writes = op == Operation::kWrite;
    for (const PathRule& rule : d_.files.forbid) {
      if ((writes || isSecretPattern(rule)) && in(rule.pattern, target)) return Decision::kForbid;
    }
    const bool workspace = in("$WORKSPACE", target);
    bool allowed = (workspace && (!writes || d_.files.workspace == WorkspaceAccess::kReadWrite)) ||
                   any(d_.files.write, target, Globs::kNo) || (!writes && any(d_.files.read, target, Globs::kNo));
    if (!writes && d_.mode == Mode::kAudit) allowed = allowed || any(d_.auditRead, target, Globs::kNo);
    const bool visible = allowed || any(d_.files.ask, target, Globs::kNo);
    if (!writes) allowed = visible;
    bool ask = any(d_.files.askRead, target, Globs::kNo) || (writes && any(d_.files.ask, target, Globs::kNo));
    if (allowed)
      ask = ask || any(d_.files.askRead, target, Globs::kYes) || (writes && any(d_.files.ask, target, Globs::kYes));
    bool granted = false;
    for (const Grant& one : d_.grants)
      granted = granted || (one.operation == op && !isGlob(one.target) && in(one.target, target));
    if (ask) return granted ? Decision::kAllow : Decision::kAsk;
    if (rewrites_ == Decision::kRewrite && !(granted && allowed)) {
      for (const PathRewrite& rule : d_.files.rewrite) {
        if (rule.content.has_value() == writes || !in(rule.pattern, target)) continue;
        if (!writes) return Decision::kRewrite;
        return Plainly(d_, Decision::kForbid).files(op, moved(rule, target)) == Decision::kAllow ? Decision::kRewrite
                                                                                                 : Decision::kForbid;
      }
    }
    return allowed ? Decision::kAllow : Decision::kForbid;
  }

 private:
  enum class Globs { kNo, kYes };
  static bool in(const std::string& pattern, const std::string& target) {
    return matchesPath(pattern, kPlaces, target);
  }
  static bool any(const std::vector<PathRule>& rules, const std::string& target, Globs globs) {
    return std::ranges::any_of(rules, [&](const PathRule& rule) {
      return isGlob(rule.pattern) == (globs == Globs::kYes) && in(rule.pattern, target);
    });
  }
  static std::string moved(const PathRewrite& rule, const std::string& target) {
    std::size_t end = 0;
    do end = target.find('/', end + 1);
    while (end != std::string::npos && !in(rule.pattern, target.substr(0, end)));
    return expandPattern(rule.to, kPlaces) + (end == std::string::npos ? "" : target.substr(end));
  }

  const Document& d_;
  Decision rewrites_;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_); }
  template <typename T, std::size_t N>
  const T& of(const T (&values)[N]) {
    return values[below(N)];
  }

  std::string name() {
    static constexpr const char* kNames[] = {"a", "b", ".env", ".git", "x.c", "long", "ä"};
    return of(kNames);
  }
  std::string target() {
    static constexpr const char* kRoots[] = {"/w/app", "/h", "/usr", "/data", "", "/w/app/a"};
    std::string text = of(kRoots);
    for (std::size_t i = below(5); i > 0; --i) text += "/" + name();
    if (below(40) == 0) text += "/..";
    if (below(30) == 0) text += "//" + name() + "/";
    return text;
  }
  std::string place() {
    static constexpr const char* kRoots[] = {"$WORKSPACE", "~", "/usr", "/data"};
    std::string text = of(kRoots);
    for (std::size_t i = below(3); i > 0; --i) text += "/" + name();
    return text;
  }
  std::string pattern() {
    if (below(2) == 0) return place();
    static constexpr const char* kParts[] = {"*", "**", ".env*", "*.c", "?", "*o*g", "a", ".git"};
    std::string text = below(2) == 0 ? place() : "**/" + std::string(of(kParts));
    for (std::size_t i = below(3); i > 0; --i) text += std::string("/") + of(kParts);
    return text;
  }
  std::vector<PathRule> rules(std::size_t most, bool globs) {
    std::vector<PathRule> list;
    for (std::size_t i = below(most + 1); i > 0; --i)
      list.push_back(path(globs ? pattern() : place(), static_cast<std::uint32_t>(i)));
    return list;
  }
  std::vector<std::string> words() {
    static constexpr const char* kWords[] = {"git", "push", "a", "/usr/a", "/usr/git"};
    std::vector<std::string> list;
    for (std::size_t i = 1 + below(3); i > 0; --i) list.push_back(of(kWords));
    return list;
  }
  std::string host() {
    static constexpr const char* kHosts[] = {"a.org", "b.a.org", "10.0.0.1", "localhost", "127.0.0.1"};
    return of(kHosts);
  }
  Decision decision() { return static_cast<Decision>(below(4)); }

  Document document() {
    Document d;
    d.mode = below(4) == 0 ? Mode::kAudit : Mode::kEnforce;
    d.files.workspace = below(3) == 0 ? WorkspaceAccess::kReadOnly : WorkspaceAccess::kReadWrite;
    d.files.read = rules(3, false);
    d.files.write = rules(2, false);
    d.files.ask = rules(3, true);
    d.files.askRead = rules(2, true);
    d.files.forbid = rules(4, true);
    d.auditRead = rules(1, false);
    for (std::size_t i = below(3); i > 0; --i)
      d.files.rewrite.push_back(below(2) == 0 ? movedTo(pattern(), place()) : prepared(pattern(), "content"));
    for (std::size_t i = below(3); i > 0; --i)
      d.grants.push_back(grant(below(2) == 0 ? Operation::kRead : Operation::kWrite, target()));
    for (std::size_t i = below(3); i > 0; --i) d.grants.push_back(grant(Operation::kExec, "/usr/git", words()));
    for (std::size_t i = below(2); i > 0; --i) d.grants.push_back(grant(Operation::kConnect, host() + ":80"));
    for (std::size_t i = below(5); i > 0; --i) d.exec.push_back(exec(words(), decision(), words()));
    d.network.fallback = static_cast<Decision>(below(3));
    for (auto* list : {&d.network.allow, &d.network.ask, &d.network.forbid})
      for (std::size_t i = below(2); i > 0; --i) list->push_back(rule());
    for (std::size_t i = below(2); i > 0; --i)
      d.network.rewrite.push_back({.host = host(), .port = {}, .to = host(), .why = {}, .origin = {}});
    if (below(2) == 0) d.network.loopback = {80};
    return d;
  }
  HostRule rule() { return ::host(below(4) == 0 ? "*.org" : host()); }

  Action action() {
    static constexpr const char* kPrograms[] = {"/usr/git", "/usr/a", "/data/git", "git", "/w/app/a"};
    const auto operation = static_cast<Operation>(below(4));
    if (operation == Operation::kConnect) return {operation, host() + (below(3) == 0 ? ":81" : ":80"), {}};
    if (operation == Operation::kExec) return {operation, of(kPrograms), words()};
    return {operation, target(), {}};
  }

 private:
  std::mt19937 engine_;
};

}  // namespace

TEST_CASE("a judge and evaluate give the same verdicts, and files are judged as the rules say one after the other") {
  Random random(20'261);
  std::size_t seen[4] = {};
  for (int i = 0; i < 150; ++i) {
    const Document document = random.document();
    const Judge judge(document, kPlaces);
    for (int j = 0; j < 60; ++j) {
      const Action action = random.action();
      const Verdict verdict = judge.judge(action);
      INFO("document " << i << " target " << action.target << " operation " << static_cast<int>(action.operation));
      REQUIRE(verdict == evaluate(document, kPlaces, action));
      ++seen[static_cast<std::size_t>(verdict.decision)];
      if (action.operation == Operation::kExec || action.operation == Operation::kConnect) continue;
      REQUIRE(judge.decide(action.operation, action.target) == verdict.decision);
      Decision plainly = Plainly(document, Decision::kRewrite).files(action.operation, action.target);
      if (plainly == Decision::kAsk && document.mode == Mode::kAudit) plainly = Decision::kAllow;
      REQUIRE(verdict.decision == plainly);
    }
  }
  for (const std::size_t count : seen) CHECK(count > 50);
}

TEST_CASE("a grant turns questions and rewrites into leave and changes nothing else") {
  Random random(7);
  for (int i = 0; i < 100; ++i) {
    const Document with = random.document();
    Document without = with;
    without.grants.clear();
    for (int j = 0; j < 40; ++j) {
      const Action action = random.action();
      const Verdict granted = evaluate(with, kPlaces, action);
      const Verdict plain = evaluate(without, kPlaces, action);
      if (granted.decision == plain.decision) continue;
      INFO(action.target);
      // A rewrite that led to a question leads to leave.
      const bool led = plain.why.starts_with("the rewrite leads to");
      const bool lifted = granted.decision == Decision::kAllow && plain.decision != Decision::kForbid;
      CHECK((lifted || led));
    }
  }
}

TEST_CASE("rules that forbid only ever forbid more") {
  Random random(11);
  for (int i = 0; i < 100; ++i) {
    Document document = random.document();
    Document stricter = document;
    stricter.files.forbid.push_back(path(random.pattern()));
    stricter.exec.push_back(exec(random.words(), Decision::kForbid));
    stricter.network.forbid.push_back(random.rule());
    for (int j = 0; j < 40; ++j) {
      const Action action = random.action();
      const Decision after = evaluate(stricter, kPlaces, action).decision;
      INFO(action.target);
      CHECK((after == Decision::kForbid || after == evaluate(document, kPlaces, action).decision));
    }
  }
}

TEST_CASE("a path of a thousand names is judged like any other") {
  Document document;
  document.files.forbid = {path("**/*a*/**/x"), path("**/.env")};
  std::string deep = "/w/app";
  for (int i = 0; i < 1000; ++i) deep += "/bab";
  const Judge judge(document, kPlaces);
  CHECK(judge.decide(Operation::kWrite, deep) == Decision::kAllow);
  CHECK(judge.decide(Operation::kWrite, deep + "/x") == Decision::kForbid);
  CHECK(judge.decide(Operation::kRead, deep + "/.env/y") == Decision::kForbid);
}
