// Plans of runs that are asked about, rewritten, audited or let out.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <functional>

#include "policy/evaluate.h"
#include "sandbox/plan/guards.h"
#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/paths.h"
#include "sandbox/plan/seccomp_default.h"
#include "sandbox/plan/seccomp_mediated.h"
#include "tests/sandbox/plan/plan_fixture.h"
#include "tests/support/golden.h"

namespace ringfence::sandbox {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::errorOf;
using test::kernelWith;
using test::planOf;
using test::rule;
using test::sampleRequest;
using test::smallPolicy;
using test::stepAt;

policy::Origin at(std::uint32_t line) { return {"test.toml", line, ""}; }

policy::Document asking(const std::string& pattern) {
  policy::Document document = smallPolicy();
  document.files.ask = {rule(pattern, 9)};
  return document;
}

policy::Document withCredential() {
  policy::Document document = smallPolicy();
  document.network.credentials = {{.host = "api.example.org",
                                   .port = 443,
                                   .header = "x-api-key",
                                   .prefix = "",
                                   .fromVariable = "API_KEY",
                                   .baseVariable = "API_BASE_URL",
                                   .origin = at(4)}};
  return document;
}

policy::Document everything() {
  policy::Document document = withCredential();
  document.mode = policy::Mode::kAudit;
  document.origins["mode"] = at(1);
  document.auditRead = {rule("/srv/data", 2)};
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.ask = {rule("~/Documents", 3), rule("**/Makefile", 3)};
  document.files.askRead = {rule("~/Mail", 5)};
  document.files.rewrite = {
      {.pattern = "/opt/out", .to = "$WORKSPACE/out", .content = {}, .why = "staged", .origin = at(6)},
      {.pattern = "**/token", .to = "", .content = "none", .why = "", .origin = at(7)}};
  document.exec = {
      {.match = {"git", "push"}, .decide = policy::Decision::kAsk, .why = "publishes", .origin = at(8), .rewrite = {}}};
  document.network.fallback = policy::Decision::kAsk;
  document.origins["network.default"] = at(10);
  document.network.allow = {{.host = "example.org", .cidr = "", .port = 443, .why = "", .origin = at(11)}};
  document.network.rewrite = {{.host = "a.org", .port = {}, .to = "b.org", .why = "", .origin = at(12)}};
  document.network.loopback = {11434};
  document.origins["network.loopback.11434"] = at(13);
  document.network.publish = {3000};
  document.network.sendLimit = mebibytes(1);
  document.origins["network.send_limit"] = at(14);
  document.grants = {{.id = 0,
                      .operation = policy::Operation::kConnect,
                      .target = "c.org:443",
                      .argv = {},
                      .until = "",
                      .origin = at(15),
                      .why = ""}};
  document.origins["prompt.timeout"] = at(16);
  return document;
}

std::uint64_t rightsAt(const std::vector<LandlockRule>& layer, const std::string& path) {
  std::uint64_t rights = 0;
  for (const LandlockRule& entry : layer) {
    if (isWithin(path, entry.path)) rights |= entry.access;
  }
  return rights;
}

bool hasVariable(const Plan& plan, const std::string& text) {
  return std::ranges::find(plan.environment, text) != plan.environment.end();
}
bool setsVariable(const Plan& plan, const std::string& name) {
  return std::ranges::any_of(plan.environment, [&](const std::string& entry) { return entry.starts_with(name + "="); });
}

TEST_CASE("a plan with every kind of question reads as its reviewed golden says") {
  LaunchRequest request = sampleRequest();
  request.callerEnvironment["API_KEY"] = "sk-0123456789";
  test::checkGolden("plan/mediated.txt", explain(planOf(everything(), request)));
}

TEST_CASE("a policy with nothing to ask and nothing to let out has no guards and the default table") {
  for (const char* profile : {"offline", "readonly", "strict"}) {
    const Plan plan = planOf(test::shippedPolicy(profile));
    INFO(profile);
    CHECK(plan.guards == Guards{});
    CHECK(plan.seccomp.isSame(defaultSeccompTable()));
    CHECK_FALSE(setsVariable(plan, "RINGFENCE_DENIALS"));
    CHECK_FALSE(plan.hasDenials);
    CHECK_FALSE(setsVariable(plan, "HTTP_PROXY"));
  }
}

TEST_CASE("an agent that a limit may hold has a file in which it is told so, without a guard") {
  using Change = std::function<void(policy::Document&)>;
  const Change changes[] = {
      [](policy::Document& d) { d.limits.wallTime = std::chrono::seconds(60); },
      [](policy::Document& d) { d.limits.tokens = 1000; },
      [](policy::Document& d) { d.limits.onAlarm = policy::OnAlarm::kPause; },
      [](policy::Document& d) {
        d.limits.memory = mebibytes(64);
        d.origins["limits.on_limit"] = {"/p.toml", 3, ""};
      },
  };
  for (const Change& change : changes) {
    policy::Document document = smallPolicy();
    document.network.fallback = policy::Decision::kForbid;
    change(document);
    const Plan plan = planOf(document);
    CHECK(plan.guards == Guards{});
    CHECK(plan.hasDenials);
    CHECK(hasVariable(plan, "RINGFENCE_DENIALS=/run/ringfence/denials"));
  }
}

TEST_CASE("each key that needs a guard gets it, and no other") {
  using Change = std::function<void(policy::Document&)>;
  const Change wardens[] = {
      [](policy::Document& d) { d.files.ask = {rule("~/x")}; },
      [](policy::Document& d) { d.files.askRead = {rule("**/x")}; },
      [](policy::Document& d) {
        d.files.rewrite = {{"/x", "/y", std::nullopt, "", {}}};
      },
      [](policy::Document& d) {
        d.exec = {{{"x"}, policy::Decision::kForbid, "", {}}};
      },
      [](policy::Document& d) { d.mode = policy::Mode::kAudit; },
  };
  for (const Change& change : wardens) {
    policy::Document document = smallPolicy();
    change(document);
    const Plan plan = planOf(document);
    CHECK(plan.guards.warden);
    CHECK_FALSE(plan.guards.egress);
    CHECK(plan.seccomp == mediatedSeccompTable(mediationOf(document)));
    CHECK(hasVariable(plan, "RINGFENCE_DENIALS=/run/ringfence/denials"));
    CHECK_FALSE(setsVariable(plan, "HTTP_PROXY"));
  }
  const Change egresses[] = {
      [](policy::Document& d) { d.network.fallback = policy::Decision::kAsk; },
      [](policy::Document& d) {
        d.network.allow = {{"a.b", "", {}, "", {}}};
      },
      [](policy::Document& d) {
        d.network.ask = {{"a.b", "", {}, "", {}}};
      },
      [](policy::Document& d) {
        d.network.rewrite = {{"a.b", {}, "c.d", "", {}}};
      },
      [](policy::Document& d) { d.network.loopback = {8080}; },
      [](policy::Document& d) { d.network.publish = {8080}; },
      [](policy::Document& d) { d.network.credentials = withCredential().network.credentials; },
  };
  for (const Change& change : egresses) {
    policy::Document document = smallPolicy();
    change(document);
    const Plan plan = planOf(document);
    CHECK(plan.guards.egress);
    CHECK_FALSE(plan.guards.warden);
    CHECK(plan.seccomp.isSame(defaultSeccompTable()));
    CHECK(hasVariable(plan, "HTTPS_PROXY=http://127.0.0.1:9480"));
    CHECK(hasVariable(plan, "all_proxy=socks5h://127.0.0.1:9480"));
    CHECK(stepAt<MakeFile>(plan, "/etc/resolv.conf")->content == "nameserver 127.0.0.1\n");
  }
  policy::Document forbids = smallPolicy();
  forbids.network.forbid = {{"a.b", "", {}, "", {}}};
  CHECK(planOf(forbids).guards == Guards{});
}

TEST_CASE("what is asked about is mounted writable, for the warden to change and the agent to read") {
  for (const char* pattern : {"~/Documents", "/srv/shared"}) {
    const Plan plan = planOf(asking(pattern));
    const std::string path = pattern[0] == '~' ? "/home/ada/Documents" : pattern;
    INFO(path);
    const auto bind = stepAt<BindPath>(plan, path);
    REQUIRE(bind);
    CHECK(bind->access == Access::kReadWrite);
    CHECK(bind->optional);
    CHECK((rightsAt(plan.landlock.outer, path + "/x") & kLandlockWriteFile) != 0);
    CHECK((rightsAt(plan.landlock.inner, path + "/x") & kLandlockReadFile) != 0);
    // Also through what holds it: a right of a directory holds for what is mounted below.
    CHECK((rightsAt(plan.landlock.inner, path + "/x") &
           (kLandlockWriteFile | kLandlockMakeReg | kLandlockRemoveFile | kLandlockTruncate | kLandlockMakeSock)) == 0);
    CHECK((rightsAt(plan.landlock.inner, "/tmp/x") & kLandlockWriteFile) != 0);
  }
  policy::Document own = asking("~/Documents");
  own.identity = policy::IdentityKind::kOwn;
  CHECK(stepAt<BindPath>(planOf(own), "/home/ada/Documents")->idmapped);
}

TEST_CASE("a pattern that is asked about mounts nothing, and takes the agent's own rights to change what it is in") {
  policy::Document document = asking("**/Makefile");
  document.files.workspace = policy::WorkspaceAccess::kReadWrite;
  document.files.write = {rule("/srv/out")};
  const Plan plan = planOf(document);
  CHECK((rightsAt(plan.landlock.outer, "/home/ada/src/app/Makefile") & kLandlockWriteFile) != 0);
  CHECK((rightsAt(plan.landlock.inner, "/home/ada/src/app/Makefile") & kLandlockWriteFile) == 0);
  CHECK((rightsAt(plan.landlock.inner, "/home/ada/src/app/Makefile") & kLandlockExecute) != 0);
  CHECK((rightsAt(plan.landlock.inner, "/srv/out/x") & kLandlockWriteFile) != 0);
}

TEST_CASE("what is asked about before it is read has no right of its own in the agent's layer") {
  policy::Document document = smallPolicy();
  document.files.askRead = {rule("/srv/mail")};
  document.files.read.push_back(rule("/srv/mail/in"));
  const Plan plan = planOf(document);
  CHECK(stepAt<BindPath>(plan, "/srv/mail")->access == Access::kReadWrite);
  CHECK((rightsAt(plan.landlock.inner, "/srv/mail/in/x") & (kLandlockReadFile | kLandlockExecute)) == 0);
  CHECK((rightsAt(plan.landlock.outer, "/srv/mail/in/x") & kLandlockReadFile) != 0);
}

TEST_CASE("a read-only workspace inside what is asked about can be changed after asking") {
  policy::Document document = asking("~/src");
  document.files.workspace = policy::WorkspaceAccess::kReadOnly;
  const Plan plan = planOf(document);
  CHECK(stepAt<BindDescriptor>(plan, "/home/ada/src/app")->access == Access::kReadWrite);
  CHECK((rightsAt(plan.landlock.inner, "/home/ada/src/app/x") & kLandlockWriteFile) == 0);
}

TEST_CASE("without anything asked both layers grant the same") {
  policy::Document document = smallPolicy();
  document.exec = {{{"git"}, policy::Decision::kForbid, "", {}}};
  const Plan plan = planOf(document);
  for (const char* path : {"/home/ada/x", "/home/ada/src/app/x", "/usr/x", "/tmp/x"})
    CHECK(rightsAt(plan.landlock.inner, path) == rightsAt(plan.landlock.outer, path));
}

TEST_CASE("the audit sees what it is given to read, and is shown as weakened") {
  policy::Document document = everything();
  const Plan plan = planOf(document);
  CHECK(stepAt<BindPath>(plan, "/srv/data")->access == Access::kReadOnly);
  REQUIRE(plan.weakened.size() == 1);
  CHECK_THAT(plan.weakened.front().reason, ContainsSubstring("audit") && ContainsSubstring("test.toml:1"));
  document.mode = policy::Mode::kEnforce;
  CHECK_FALSE(stepAt<BindPath>(planOf(document), "/srv/data"));
}

TEST_CASE("a guard that the kernel or the policy's own walls cannot carry is a refusal with file and line") {
  KernelFeatures old = kernelWith(7);
  old.seccompNotify = false;
  CHECK(errorOf(asking("~/x"), sampleRequest(), old).code == ErrorCode::kUnsupported);
  CHECK(errorOf(asking("~/x"), sampleRequest(), old).message.starts_with("seccomp: "));
  policy::Document bare = asking("~/x");
  bare.walls.seccomp = policy::WallStrength::kOff;
  CHECK(errorOf(bare, sampleRequest()).message.starts_with("test.toml:9: "));
  policy::Document loose = asking("~/x");
  loose.walls.landlock = policy::WallStrength::kBestEffort;
  CHECK(errorOf(loose, sampleRequest(), kernelWith(0)).message.starts_with("test.toml:9: "));
  policy::Document outside = everything();
  outside.walls.net = policy::WallStrength::kOff;
  CHECK(errorOf(outside, sampleRequest()).message.starts_with("test.toml:10: "));
}

TEST_CASE("ports that cannot be led are refused where they are written") {
  const auto refused = [](std::vector<std::uint16_t> loopback, std::vector<std::uint16_t> publish) {
    policy::Document document = smallPolicy();
    document.network.loopback = std::move(loopback);
    document.network.publish = std::move(publish);
    for (const char* key : {"network.loopback.", "network.publish."}) {
      for (const char* port : {"9480", "80", "53", "3000"}) document.origins[std::string(key) + port] = at(3);
    }
    return errorOf(document, sampleRequest()).message;
  };
  CHECK(refused({9480}, {}).starts_with("test.toml:3: port 9480"));
  CHECK(refused({53}, {}).starts_with("test.toml:3: port 53"));
  CHECK(refused({}, {9480}).starts_with("test.toml:3: port 9480"));
  CHECK(refused({}, {80}).starts_with("test.toml:3: port 80"));
  CHECK(refused({3000}, {3000}).starts_with("test.toml:3: port 3000"));
}

TEST_CASE("a credential's value stays outside under every name, and its base URL is inside") {
  LaunchRequest request = sampleRequest();
  request.callerEnvironment["API_KEY"] = "sk-0123456789";
  request.callerEnvironment["COPY"] = "Bearer sk-0123456789";
  request.callerEnvironment["API_BASE_URL"] = "https://api.example.org";
  policy::Document document = withCredential();
  document.environment.pass = {"API_*"};
  const Plan plan = planOf(document, request);
  CHECK(hasVariable(plan, "API_BASE_URL=http://127.0.0.1:9480/.ringfence/credential/0"));
  CHECK_FALSE(setsVariable(plan, "API_KEY"));
  CHECK(explain(plan).find("sk-0123456789") == std::string::npos);
  document.environment.set["API_KEY"] = "unused";
  CHECK(hasVariable(planOf(document, request), "API_KEY=unused"));
  document.environment.set["API_BASE_URL"] = "https://elsewhere.example";
  CHECK_THAT(errorOf(document, request).message, ContainsSubstring("environment.set API_BASE_URL"));
  document.environment.set.erase("API_BASE_URL");
  request.extraEnvironment["TOKEN"] = "sk-0123456789";
  CHECK(errorOf(document, request).code == ErrorCode::kDenied);
  request.extraEnvironment.clear();
  document.environment.pass.push_back("COPY");
  CHECK_THAT(errorOf(document, request).message, ContainsSubstring("COPY"));
  document.network.credentials.push_back(document.network.credentials.front());
  CHECK(errorOf(document, request).message.starts_with("test.toml:4: two credentials"));
}

TEST_CASE("the command of a launch is judged by the rules about commands before it starts") {
  LaunchRequest request = sampleRequest();
  request.command = {"make", "publish", "-j2"};
  policy::Document document = smallPolicy();
  document.exec = {{{"make", "publish"}, policy::Decision::kForbid, "goes to everybody", at(5)}};
  const Error error = errorOf(document, request);
  CHECK(error.code == ErrorCode::kDenied);
  CHECK(error.message == "test.toml:5: the command make is forbidden by exec.rule make publish: goes to everybody");
  document.exec.front().decide = policy::Decision::kAsk;
  CHECK(planOf(document, request).command == request.command);
  document.exec.front().decide = policy::Decision::kRewrite;
  document.exec.front().rewrite = {"/usr/bin/echo", "would publish"};
  const Plan plan = planOf(document, request);
  CHECK(plan.executable == "/usr/bin/echo");
  CHECK(plan.command == std::vector<std::string>{"/usr/bin/echo", "would publish", "-j2"});
}

TEST_CASE("the guards judge by what the command line grants too, and by no pattern that a name happens to be") {
  const policy::Document document = withGranted(
      smallPolicy(), {{"/srv/out", Access::kReadWrite}, {"/srv/in", Access::kReadOnly}, {"/srv/*", Access::kReadWrite}},
      "/opt/tool");
  const policy::Places places{.workspace = "/w", .home = "/h"};
  const auto decide = [&](policy::Operation operation, const char* path) {
    return policy::evaluate(document, places, {.operation = operation, .target = path, .argv = {}}).decision;
  };
  CHECK(decide(policy::Operation::kWrite, "/srv/out/x") == policy::Decision::kAllow);
  CHECK(decide(policy::Operation::kRead, "/srv/in/x") == policy::Decision::kAllow);
  CHECK(decide(policy::Operation::kWrite, "/srv/in/x") == policy::Decision::kForbid);
  CHECK(decide(policy::Operation::kWrite, "/srv/other") == policy::Decision::kForbid);
  CHECK(decide(policy::Operation::kExec, "/opt/tool/bin/run") == policy::Decision::kAllow);
}

TEST_CASE("each key of a mediated policy is listed with what enforces it") {
  const policy::Document document = everything();
  const Plan plan = planOf(document);
  for (const char* key :
       {"mode", "audit.read /srv/data", "files.ask ~/Documents", "files.ask **/Makefile", "files.ask_read ~/Mail",
        "files.rewrite /opt/out", "files.rewrite **/token", "exec.rule git push", "network.default",
        "network.allow example.org", "network.rewrite a.org", "network.loopback 11434", "network.publish 3000",
        "network.credential api.example.org", "network.send_limit", "grant c.org:443", "prompt.timeout"}) {
    INFO(key);
    const auto found = std::ranges::find(plan.enforced, key, &EnforcedKey::key);
    REQUIRE(found != plan.enforced.end());
    CHECK_FALSE(found->mechanism.empty());
  }
}

TEST_CASE("grants that no policy may give are not given for asking either") {
  CHECK(errorOf(asking("/etc/ssh"), sampleRequest()).code == ErrorCode::kDenied);
  CHECK(errorOf(asking("~"), sampleRequest()).code == ErrorCode::kDenied);
  CHECK(errorOf(asking("/proc/sys"), sampleRequest()).code == ErrorCode::kDenied);
}

}  // namespace
}  // namespace ringfence::sandbox
