#include "policy/learn.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/policy/sources.h"

using namespace ringfence::policy;
using namespace ringfence::test;

namespace {

const Places kPlaces{.workspace = "/h/app", .home = "/h"};

constexpr const char* kPolicy = R"(
[files]
workspace = "rw"
read = ["/usr"]
ask = ["~/docs"]
ask_read = ["~/mail"]
forbid = ["**/.env*", "~/docs/private"]
[network]
default = "ask"
ask = [{ host = "paste.example.org" }]
forbid = [{ host = "evil.example.org" }]
[[exec.rule]]
match = ["git", "push"]
decide = "ask"
[[exec.rule]]
match = ["rm"]
decide = "forbid"
)";

ObservedAction seen(Operation operation, const std::string& target, std::uint64_t count = 1,
                    std::vector<std::string> argv = {}) {
  return {.action = {.operation = operation, .target = target, .argv = std::move(argv)},
          .count = count,
          .evidence = "seq 7"};
}

Sources sources() {
  Sources sources;
  sources.user = {text("/u/mine.toml", kPolicy)};
  return sources;
}

std::string learned(std::vector<ObservedAction> observed) {
  return learn({.name = "learned",
                .base = "mine",
                .run = "r-1",
                .document = loaded(sources(), "mine"),
                .places = kPlaces,
                .observed = std::move(observed)});
}

Document withLearned(const std::string& toml) {
  Sources both = sources();
  both.user.push_back(text("/u/learned.toml", toml));
  return loaded(both, "learned");
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("what a run needed is proposed as narrowly as it was seen, with how often, and then allowed") {
  const std::vector<ObservedAction> observed = {seen(Operation::kRead, "/opt/tool/lib/a", 3),
                                                seen(Operation::kWrite, "/srv/cache/x"),
                                                seen(Operation::kWrite, "/h/docs/report", 2),
                                                seen(Operation::kRead, "/h/mail/1"),
                                                seen(Operation::kConnect, "api.example.org:443", 12),
                                                seen(Operation::kConnect, "paste.example.org:443"),
                                                seen(Operation::kConnect, "127.0.0.1:11434"),
                                                seen(Operation::kExec, "/usr/bin/git", 1, {"git", "push", "x \"y\""}),
                                                seen(Operation::kExec, "/opt/run/tool", 1, {"tool"})};
  const std::string toml = learned(observed);
  INFO(toml);
  CHECK(says(toml, "\"/opt/tool/lib/a\",  # 3 times, first seq 7\n"));
  CHECK(says(toml, "{ host = \"api.example.org\", port = 443 },  # 12 times"));
  CHECK_FALSE(says(toml, "Not proposed"));
  const Document document = withLearned(toml);
  for (const ObservedAction& one : observed) {
    INFO(one.action.target);
    CHECK(evaluate(document, kPlaces, one.action).decision == Decision::kAllow);
  }
  for (const Action& other :
       {Action{Operation::kRead, "/opt/tool/lib/b", {}}, Action{Operation::kWrite, "/h/docs/b", {}},
        Action{Operation::kConnect, "api.example.org:80", {}},
        Action{Operation::kExec, "/usr/bin/git", {"git", "push"}}}) {
    INFO(other.target);
    CHECK(evaluate(document, kPlaces, other).decision != Decision::kAllow);
  }
}

TEST_CASE("what is forbidden is not proposed but listed with its rule, and what is allowed is not mentioned") {
  const std::string toml =
      learned({seen(Operation::kRead, "/h/app/.env", 4), seen(Operation::kWrite, "/h/docs/private/k"),
               seen(Operation::kConnect, "evil.example.org:443"), seen(Operation::kConnect, "169.254.169.254:80"),
               seen(Operation::kExec, "/usr/bin/rm", 1, {"rm", "-r"}), seen(Operation::kWrite, "/etc/hosts"),
               seen(Operation::kRead, "/proc/kcore"), seen(Operation::kWrite, "/h/app/main.c"),
               seen(Operation::kRead, "/usr/lib/x"), seen(Operation::kRead, "/opt/a\x1b[31m")});
  INFO(toml);
  CHECK(says(toml, "# read /h/app/.env: forbidden by files.forbid **/.env* (/u/mine.toml:7), 4 times"));
  CHECK(says(toml, "# exec /usr/bin/rm: forbidden by exec.rule rm"));
  CHECK(says(toml, "# connect evil.example.org:443: forbidden by network.forbid evil.example.org"));
  CHECK(says(toml, "# connect 169.254.169.254:80: "));
  CHECK(says(toml, "# write /etc/hosts: no policy gives it"));
  CHECK_FALSE(says(toml, "main.c"));
  CHECK_FALSE(says(toml, "/usr/lib/x"));
  CHECK_FALSE(says(toml, "\x1b"));
  CHECK_FALSE(says(toml, "[files]"));
  CHECK_FALSE(says(toml, "[[grant]]"));
  const Document document = withLearned(toml);
  CHECK(documentHash(document) != "");
  CHECK(evaluate(document, kPlaces, {Operation::kRead, "/h/app/.env", {}}).decision == Decision::kForbid);
}

TEST_CASE("a tool that was asked about or forbidden is listed by its name, and no rule is proposed for it") {
  Sources with = sources();
  with.user = {text("/u/mine.toml", std::string(kPolicy) + R"(
[tools]
default = "ask"
[[tools.rule]]
match = ["deploy"]
decide = "forbid"
)")};
  const std::string toml =
      learn({.name = "learned",
             .base = "mine",
             .run = "r-1",
             .document = loaded(with, "mine"),
             .places = kPlaces,
             .observed = {seen(Operation::kCall, "publish", 2), seen(Operation::kCall, "deploy")}});
  INFO(toml);
  CHECK(says(toml, "# call publish: a tool, which no wall knows of, 2 times"));
  CHECK(says(toml, "# call deploy: forbidden by tools.rule deploy"));
  CHECK_FALSE(says(toml, "[[tools.rule]]"));
}

TEST_CASE("many paths of one directory become the directory, but never a home, the workspace or the top") {
  std::vector<ObservedAction> observed;
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    observed.push_back(seen(Operation::kRead, "/opt/data/" + name));
    observed.push_back(seen(Operation::kRead, "/h/" + name));
    observed.push_back(seen(Operation::kRead, "/srv/" + name));
    observed.push_back(seen(Operation::kWrite, "/h/docs/out/" + name, 2));
  }
  const std::string toml = learned(observed);
  INFO(toml);
  CHECK(says(toml, "\"/opt/data\",  # 20 times, 20 paths"));
  CHECK(says(toml, "target = \"/h/docs/out\"\n"));
  CHECK(says(toml, "[[grant]]  # 40 times, 20 paths"));
  CHECK_FALSE(says(toml, "\"/h\""));
  CHECK_FALSE(says(toml, "\"/srv\""));
  CHECK(says(toml, "\"/srv/19\""));
  const Document document = withLearned(toml);
  for (const ObservedAction& one : observed)
    CHECK(evaluate(document, kPlaces, one.action).decision == Decision::kAllow);
}

TEST_CASE("an audited run is learned from as if it had been asked") {
  Sources audited;
  audited.user = {text("/u/mine.toml", std::string("mode = \"audit\"\n") + kPolicy)};
  const std::string toml = learn({.name = "learned",
                                  .base = "mine",
                                  .run = "r-1",
                                  .document = loaded(audited, "mine"),
                                  .places = kPlaces,
                                  .observed = {seen(Operation::kWrite, "/h/docs/report")}});
  CHECK(says(toml, "target = \"/h/docs/report\""));
}
