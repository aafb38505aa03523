#include "supervisor/core/later.h"

#include <catch2/catch_test_macros.hpp>

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

const std::string kHead = "changed, and runs or is obeyed later outside: ";

Run runIn(const std::string& workspace) {
  Run run;
  run.what.workspace = workspace;
  return run;
}

State withRun(const RunId& id) {
  State state;
  Run run = runIn("/w");
  run.id = id;
  state.runs.emplace(id, std::move(run));
  return state;
}

sandbox::GuardedAction writing(const std::string& path) {
  sandbox::GuardedAction action;
  action.action = {policy::Operation::kWrite, path, {}};
  action.what = "openat";
  return action;
}

State settled(const RunId& id, Settled outcome, sandbox::Rewrite rewrite = {}) {
  ActionAsked asked;
  asked.id = 1;
  asked.action = writing("/w/setup.py");
  State state = evolve(withRun(id), {.seq = 1, .run = id, .at = {}, .bootId = "b", .body = asked});
  ActionAnswered answered;
  answered.id = 1;
  answered.outcome = outcome;
  answered.rewrite = std::move(rewrite);
  return evolve(std::move(state), {.seq = 2, .run = id, .at = {}, .bootId = "b", .body = answered});
}

}  // namespace

TEST_CASE("a run that changed nothing that is obeyed later says nothing about it at its end") {
  Run run = runIn("/w");
  rememberChange(run, "openat", "/w/main.py", "");
  CHECK(noteOfEnd(run, "").empty());
  CHECK(noteOfEnd(run, "it ended").ends_with("it ended"));
}

TEST_CASE("what a run changed where nobody outside can see it, obeys it nobody") {
  Run run = runIn("/w");
  run.what.terms.emplace().writable = {{"/home/ada/.cache", "/w"}};
  for (const char* path : {"/home/ada/.bashrc", "/tmp/run.sh", "/w2/run.sh"}) rememberChange(run, "openat", path, "");
  CHECK(noteOfEnd(run, "").empty());
  rememberChange(run, "rename", "/tmp/run.sh", "/w/run.sh");
  rememberChange(run, "openat", "/home/ada/.cache/setup.py", "");
  CHECK(noteOfEnd(run, "") == kHead + "run.sh (whoever starts it), /home/ada/.cache/setup.py (pip)");
  run.what.terms->writable.reset();  // as an earlier build wrote it
  rememberChange(run, "openat", "/tmp/run.sh", "");
  CHECK(run.talk.later.paths.size() == 3);
}

TEST_CASE("the note of an end names each changed file that is obeyed later once, and by whom") {
  Run run = runIn("/w");
  for (const char* path : {"/w/Makefile", "/w/main.py", "/w/Makefile", "/other/setup.py"})
    rememberChange(run, "openat", path, "");
  CHECK(noteOfEnd(run, "") == kHead + "Makefile (make), /other/setup.py (pip)");
  CHECK(noteOfEnd(run, "it ended") == "it ended; " + kHead + "Makefile (make), /other/setup.py (pip)");
}

TEST_CASE("a file that gets such a name counts under it, and one that loses the name does not") {
  Run run = runIn("/w");
  rememberChange(run, "rename", "/w/a", "/w/Makefile");
  rememberChange(run, "rename", "/w/setup.py", "/w/b");
  rememberChange(run, "renameat2", "/w/pom.xml", "/w/c");  // may have been exchanged
  rememberChange(run, "linkat", "/w/build.rs", "/w/d");    // may be written under its other name
  rememberChange(run, "unlinkat", "/w/gradlew", "");
  rememberChange(run, "mkdir", "/w/tox.ini", "");
  rememberChange(run, "symlinkat", "/w/e", "/w/package.json");
  CHECK(noteOfEnd(run, "") == kHead + "Makefile (make), pom.xml (Maven), build.rs (cargo)");
}

TEST_CASE("more names than are kept, and more than a note holds, are counted and never left out in silence") {
  Run run = runIn("/w");
  for (std::size_t i = 0; i < kMaxLaterPaths + 5; ++i) {
    const std::string folder = std::to_string(i) + std::string(300, 'x');
    rememberChange(run, "openat", "/w/" + folder + "/" + std::to_string(i) + "/Makefile", "");
  }
  CHECK(run.talk.later.paths.size() == kMaxLaterPaths);
  CHECK(run.talk.later.more == 5);
  const std::string note = noteOfEnd(run, "");
  CHECK(note.size() < kHead.size() + kMaxLaterNoteBytes + 100);
  std::size_t named = 0;
  for (std::size_t at = note.find("(make)"); at != std::string::npos; at = note.find("(make)", at + 1)) ++named;
  CHECK(named > 10);
  CHECK(note.ends_with(" and " + std::to_string(kMaxLaterPaths + 5 - named) +
                       " more changes of such files, which the log has"));
}

TEST_CASE("what a person allowed, or led elsewhere, counts as what the run's warden let through by itself") {
  const RunId id = RunId::random();
  CHECK(settled(id, Settled::kAllowed).runs.at(id).talk.later.paths == std::vector<std::string>{"setup.py"});
  CHECK(settled(id, Settled::kDenied).runs.at(id).talk.later.paths.empty());
  CHECK(settled(id, Settled::kRewritten, {.path = "/w/Makefile", .host = {}, .content = {}, .argv = {}})
            .runs.at(id)
            .talk.later.paths == std::vector<std::string>{"Makefile"});
}

TEST_CASE("what is obeyed later outlives a restart of the daemon in its state") {
  const RunId id = RunId::random();
  const auto decoded = decodeState(encodeState(settled(id, Settled::kAllowed)));
  REQUIRE(decoded);
  CHECK(decoded->runs.at(id).talk.later.paths == std::vector<std::string>{"setup.py"});
}

TEST_CASE("what is remembered is there as values too, with who changed it first, and is unknown where nobody watched") {
  Run run = runIn("/w");
  CHECK_FALSE(laterOf(run));
  run.talk.warden.pid = 7;
  REQUIRE(laterOf(run));
  CHECK(*laterOf(run) == LaterReport{});
  rememberChange(run, "openat", "/w/Makefile", "", {41, "sh"});
  rememberChange(run, "openat", "/w/Makefile", "", {42, "ed"});
  rememberChange(run, "openat", "/w/setup.py", "");
  run.talk.warden.pid = 0;  // It died meanwhile.
  const LaterReport report = laterOf(run).value();
  CHECK(report.files == std::vector<LaterFile>{{"Makefile", "make", 41, "sh"}, {"setup.py", "pip", std::nullopt, ""}});
  // What an earlier build remembered has no writers.
  run.talk.later.writers.clear();
  rememberChange(run, "openat", "/w/package.json", "", {43, "npm"});
  const LaterReport mixed = laterOf(run).value();
  CHECK_FALSE(mixed.files[0].pid);
  CHECK(mixed.files[2].pid == 43);
}

TEST_CASE("of an asked change the process that asked is who changed it, and what a run ended with stays known") {
  const RunId id = *RunId::parse("r-0123456789abcdef");
  State state = settled(id, Settled::kAllowed);
  CHECK_FALSE(laterOf(state.runs.at(id)).value().files.at(0).pid);
  RunEnded end;
  end.later = LaterReport{{{"setup.py", "pip", 41, "sh"}}, 2};
  const auto decoded = decodeFactBody("run-ended", encodeFactBody(end));
  REQUIRE(decoded);
  CHECK(std::get<RunEnded>(*decoded) == end);
}
