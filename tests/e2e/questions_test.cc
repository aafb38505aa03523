// A real warden asks, a real daemon passes it on, the test answers as a person would: also across the daemon's death.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <csignal>
#include <fstream>

#include "tests/support/test_daemon.h"

using namespace ringfence;
using ringfence::test::eventually;
using ringfence::test::TestDaemon;

namespace {

constexpr char kAsking[] = R"(schema = 1
name = "coding"
[files]
workspace = "rw"
read = ["/usr", "/bin", "/lib", "/lib64"]
ask = ["$WORKSPACE/asked"]
)";

template <typename T>
T must(client::Answer<T> answer, const TestDaemon& daemon) {
  if (auto* failure = std::get_if<client::Failure>(&answer)) FAIL(failure->error.message << "\n" << daemon.log());
  return std::move(std::get<T>(answer));
}

struct Asking {
  Asking() { policies.write("coding.toml", kAsking); }
  test::TempDir policies;
};

// All that waits now.
std::vector<client::PendingItem> pendingOf(const TestDaemon& daemon) {
  client::Client client = daemon.connect();
  (void)must(client.beginPending("", client::Client::Watch::kNo), daemon);
  std::vector<client::PendingItem> items;
  while (auto event = must(client.nextPending(), daemon)) {
    if (auto* item = std::get_if<client::PendingItem>(&*event)) items.push_back(std::move(*item));
  }
  return items;
}

client::PendingItem waitForQuestion(const TestDaemon& daemon, const std::string& target) {
  client::PendingItem found;
  const bool asked = eventually([&] {
    for (client::PendingItem& item : pendingOf(daemon)) {
      if (item.action.target == target) found = std::move(item);
    }
    return found.id != 0;
  });
  INFO(target << "\n" << daemon.log());
  REQUIRE(asked);
  return found;
}

std::vector<std::string> bodiesOf(const TestDaemon& daemon, const std::string& run, const std::string& kind) {
  client::Client client = daemon.connect();
  (void)must(client.beginLog("", 0, false), daemon);
  std::vector<std::string> bodies;
  while (auto line = must(client.nextLogLine(), daemon)) {
    if (line->run == run && line->kind == kind) bodies.push_back(line->bodyJson);
  }
  return bodies;
}

// The end is in the log, and so is all that came before it: a state is shown before it is on the disk.
bool hasEnded(const TestDaemon& daemon, const std::string& run) {
  return eventually([&] { return !bodiesOf(daemon, run, "run-ended").empty(); });
}

bool exists(const std::string& path) { return std::ifstream(path).good(); }

// Writes asked/1, asked/2, … and says in "said" which of them could be written.
std::vector<std::string> writer(int files) {
  std::string script = "for i in";
  for (int i = 1; i <= files; ++i) script += " " + std::to_string(i);
  script += "; do if echo x > asked/$i; then echo $i yes >> said; else echo $i no >> said; fi; done";
  return {"/bin/sh", "-c", script};
}

}  // namespace

TEST_CASE("a write is held until a person answers; allowed it is done, denied it is not, and the log has both") {
  const Asking asking;
  TestDaemon daemon({.policyDirs = {asking.policies.path()}, .arguments = {}, .stateDir = {}});
  REQUIRE(::mkdir((daemon.workspace() + "/asked").c_str(), 0755) == 0);
  client::Client client = daemon.connect();
  const auto run = must(client.run(daemon.request(writer(2))), daemon).run;
  const auto first = waitForQuestion(daemon, daemon.workspace() + "/asked/1");
  CHECK(first.run == run);
  CHECK(first.rule.has_value());
  CHECK_FALSE(first.chain.empty());
  CHECK_FALSE(exists(daemon.workspace() + "/asked/1"));
  (void)must(client.answer({.id = first.id, .digest = first.digest, .verdict = client::AllowAnswer{}}), daemon);
  const auto second = waitForQuestion(daemon, daemon.workspace() + "/asked/2");
  CHECK(exists(daemon.workspace() + "/asked/1"));
  (void)must(client.answer({.id = second.id, .digest = "", .verdict = client::DenyAnswer{"not that one"}}), daemon);
  REQUIRE(hasEnded(daemon, run));
  CHECK_FALSE(exists(daemon.workspace() + "/asked/2"));
  CHECK(test::readFile(daemon.workspace() + "/said") == "1 yes\n2 no\n");
  CHECK(bodiesOf(daemon, run, "action-asked").size() == 2);
  CHECK(bodiesOf(daemon, run, "action-answered").size() == 2);
  CHECK(bodiesOf(daemon, run, "action-performed").size() == 1);
  daemon.shutDown();
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("a question survives kill -9 of the daemon: it is not doubled, and its answer reaches the call that waits") {
  const Asking asking;
  TestDaemon daemon({.policyDirs = {asking.policies.path()}, .arguments = {}, .stateDir = {}});
  REQUIRE(::mkdir((daemon.workspace() + "/asked").c_str(), 0755) == 0);
  std::string run;
  {
    client::Client client = daemon.connect();
    run = must(client.run(daemon.request(writer(1))), daemon).run;
  }
  const std::string target = daemon.workspace() + "/asked/1";
  const auto before = waitForQuestion(daemon, target);
  for (int i = 0; i < 3; ++i) {
    daemon.killDaemon();
    REQUIRE(daemon.start());
    const auto after = waitForQuestion(daemon, target);
    CHECK(after.id == before.id);
    CHECK(after.digest == before.digest);
  }
  CHECK_FALSE(exists(target));
  client::Client client = daemon.connect();
  (void)must(client.answer({.id = before.id, .digest = before.digest, .verdict = client::AllowAnswer{}}), daemon);
  REQUIRE(hasEnded(daemon, run));
  CHECK(exists(target));
  CHECK(bodiesOf(daemon, run, "action-asked").size() == 1);
  CHECK(bodiesOf(daemon, run, "action-answered").size() == 1);
  daemon.shutDown();
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("what is allowed for the project is not asked again, also in the next run, until it is revoked") {
  const Asking asking;
  TestDaemon daemon({.policyDirs = {asking.policies.path()}, .arguments = {}, .stateDir = {}});
  REQUIRE(::mkdir((daemon.workspace() + "/asked").c_str(), 0755) == 0);
  client::Client client = daemon.connect();
  const std::vector<std::string> twice{"/bin/sh", "-c", "echo x > asked/1; rm asked/1; echo x > asked/1"};
  const auto first = must(client.run(daemon.request(twice)), daemon).run;
  const auto question = waitForQuestion(daemon, daemon.workspace() + "/asked/1");
  (void)must(client.answer({.id = question.id,
                            .digest = question.digest,
                            .verdict = client::AllowAnswer{.scope = client::Scope::kProject, .duration = {}}}),
             daemon);
  REQUIRE(hasEnded(daemon, first));
  CHECK(bodiesOf(daemon, first, "action-asked").size() == 1);
  const auto second = must(client.run(daemon.request(twice)), daemon).run;
  REQUIRE(hasEnded(daemon, second));
  CHECK(bodiesOf(daemon, second, "action-asked").empty());
  CHECK_FALSE(bodiesOf(daemon, second, "actions-allowed").empty());
  const auto grants = must(client.grants(""), daemon);
  REQUIRE(grants.size() == 1);
  CHECK(grants[0].policyText.find("[[grant]]") != std::string::npos);
  CHECK(grants[0].hits > 0);
  (void)must(client.revokeGrant(grants[0].id), daemon);
  const auto third = must(client.run(daemon.request(twice)), daemon).run;
  (void)waitForQuestion(daemon, daemon.workspace() + "/asked/1");
  (void)must(client.act(client::Client::Verb::kKill, third), daemon);
  REQUIRE(hasEnded(daemon, third));
  CHECK(pendingOf(daemon).empty());
  daemon.shutDown();
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("a question survives kill -9 of the warden that asked it") {
  const Asking asking;
  TestDaemon daemon({.policyDirs = {asking.policies.path()}, .arguments = {}, .stateDir = {}});
  REQUIRE(::mkdir((daemon.workspace() + "/asked").c_str(), 0755) == 0);
  client::Client client = daemon.connect();
  const auto run = must(client.run(daemon.request(writer(1))), daemon).run;
  const std::string target = daemon.workspace() + "/asked/1";
  const auto before = waitForQuestion(daemon, target);
  REQUIRE(eventually([&] { return bodiesOf(daemon, run, "guard-started").size() == 1; }));
  const auto started = bodiesOf(daemon, run, "guard-started");
  const std::size_t at = started[0].find("\"pid\":");
  REQUIRE(at != std::string::npos);
  REQUIRE(::kill(std::stoi(started[0].substr(at + 6)), SIGKILL) == 0);
  REQUIRE(eventually([&] { return bodiesOf(daemon, run, "guard-started").size() == 2; }));
  CHECK_FALSE(bodiesOf(daemon, run, "guard-lost").empty());
  CHECK(waitForQuestion(daemon, target).id == before.id);
  CHECK_FALSE(exists(target));
  (void)must(client.answer({.id = before.id, .digest = before.digest, .verdict = client::AllowAnswer{}}), daemon);
  REQUIRE(hasEnded(daemon, run));
  CHECK(exists(target));
  CHECK(bodiesOf(daemon, run, "action-asked").size() == 1);
  daemon.shutDown();
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("where nobody is there a write is denied at once, and a run that is stopped leaves no question") {
  const Asking asking;
  TestDaemon daemon({.policyDirs = {asking.policies.path()}, .arguments = {}, .stateDir = {}});
  REQUIRE(::mkdir((daemon.workspace() + "/asked").c_str(), 0755) == 0);
  client::Client client = daemon.connect();
  client::RunRequest alone = daemon.request(writer(1));
  alone.unattended = true;
  const auto unattended = must(client.run(alone), daemon).run;
  REQUIRE(hasEnded(daemon, unattended));
  CHECK(test::readFile(daemon.workspace() + "/said") == "1 no\n");
  const auto answers = bodiesOf(daemon, unattended, "action-answered");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].find("\"expired\"") != std::string::npos);
  CHECK(answers[0].find("nobody is there") != std::string::npos);
  const auto stopped = must(client.run(daemon.request(writer(1))), daemon).run;
  const auto question = waitForQuestion(daemon, daemon.workspace() + "/asked/1");
  (void)must(client.act(client::Client::Verb::kStop, stopped), daemon);
  REQUIRE(hasEnded(daemon, stopped));
  CHECK(pendingOf(daemon).empty());
  const auto late = client.answer({.id = question.id, .digest = "", .verdict = client::AllowAnswer{}});
  const auto* refused = std::get_if<client::Failure>(&late);
  REQUIRE(refused != nullptr);
  REQUIRE(refused->refusal.has_value());
  CHECK(refused->refusal->code == "gone");
  CHECK(refused->refusal->exitCode == 5);
  CHECK_FALSE(exists(daemon.workspace() + "/asked/1"));
  daemon.shutDown();
  CHECK(daemon.leftovers().empty());
}

TEST_CASE("however often the daemon dies, each question is asked once, answered once and done once") {
  const Asking asking;
  TestDaemon daemon({.policyDirs = {asking.policies.path()}, .arguments = {}, .stateDir = {}});
  REQUIRE(::mkdir((daemon.workspace() + "/asked").c_str(), 0755) == 0);
  constexpr int kFiles = 12;
  std::string run;
  {
    client::Client client = daemon.connect();
    run = must(client.run(daemon.request(writer(kFiles))), daemon).run;
  }
  for (int i = 1; i <= kFiles; ++i) {
    const auto question = waitForQuestion(daemon, daemon.workspace() + "/asked/" + std::to_string(i));
    client::Client client = daemon.connect();
    (void)must(client.answer({.id = question.id, .digest = question.digest, .verdict = client::AllowAnswer{}}), daemon);
    // At another place of what follows each time: before the call goes on, while it does, while the next one asks.
    ::usleep(static_cast<useconds_t>(i * 300));
    daemon.killDaemon();
    REQUIRE(daemon.start());
  }
  REQUIRE(hasEnded(daemon, run));
  for (int i = 1; i <= kFiles; ++i) CHECK(exists(daemon.workspace() + "/asked/" + std::to_string(i)));
  CHECK(bodiesOf(daemon, run, "action-asked").size() == kFiles);
  CHECK(bodiesOf(daemon, run, "action-answered").size() == kFiles);
  // How it went is told once: what a daemon heard of that and took with it is not told again.
  CHECK(bodiesOf(daemon, run, "action-performed").size() <= kFiles);
  daemon.shutDown();
  CHECK(daemon.leftovers().empty());
}
