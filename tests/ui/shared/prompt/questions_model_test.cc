#include "ui/shared/questions_model.h"

#include <QSignalSpy>
#include <catch2/catch_test_macros.hpp>

#include "tests/ui/shared/prompt/questions.h"

namespace ringfence::ui {
namespace {

using test::execQuestion;
using test::writeQuestion;

client::PendingItem of(const char* run, std::uint64_t id, bool exec = false) {
  client::PendingItem item = exec ? execQuestion({"git"}) : writeQuestion();
  item.id = id;
  item.run = run;
  item.runName = run;
  return item;
}

std::vector<std::uint64_t> ids(const QuestionsModel& model) {
  std::vector<std::uint64_t> found;
  for (int row = 0; row < model.rowCount(); ++row) found.push_back(model.question(row).item.id);
  return found;
}

TEST_CASE("questions that wait are grouped by run and kind, oldest first; settled ones follow, newest first") {
  QuestionsModel model;
  CHECK_FALSE(model.isKnown());
  model.take({of("b", 1), of("a", 2, true), of("a", 3), of("b", 4, true), of("a", 5)}, true);
  CHECK(model.isKnown());
  CHECK(ids(model) == std::vector<std::uint64_t>{3, 5, 2, 1, 4});
  CHECK(model.waiting() == 5);
  model.take({client::PendingGone{3, "a", client::Settlement::kAllowed}}, false);
  model.take({client::PendingGone{1, "b", client::Settlement::kExpired}}, false);
  CHECK(model.waiting() == 3);
  CHECK(ids(model) == std::vector<std::uint64_t>{5, 2, 4, 1, 3});
  CHECK(model.question(3).state == Question::State::kMissed);
  CHECK(model.question(4).state == Question::State::kSettled);
  CHECK(model.pending(3) == nullptr);
  CHECK(model.pending(4)->id == 4);
}

TEST_CASE("after a new connection only what waits now waits, and what was known to wait is no news") {
  QuestionsModel model;
  QSignalSpy arrivals(&model, &QuestionsModel::arrived);
  model.take({of("a", 1), of("a", 2)}, true);
  CHECK(arrivals.count() == 2);
  model.take({of("a", 2), of("a", 3)}, true);
  CHECK(arrivals.count() == 3);
  CHECK(ids(model) == std::vector<std::uint64_t>{2, 3});
  model.take({of("a", 2)}, false);  // It changed.
  CHECK(arrivals.count() == 3);
}

TEST_CASE("what came and went within one telling is settled, and asks nobody") {
  QuestionsModel model;
  QSignalSpy arrivals(&model, &QuestionsModel::arrived);
  QSignalSpy settlements(&model, &QuestionsModel::settled);
  model.take({of("a", 1), client::PendingGone{1, "a", client::Settlement::kWithdrawn}}, false);
  CHECK(arrivals.count() == 0);
  CHECK(settlements.count() == 1);
  CHECK(model.waiting() == 0);
}

TEST_CASE("what is picked together is answered together only when it is of one agent and waits") {
  QuestionsModel model;
  model.take({of("a", 1), of("a", 2), of("b", 3), of("b", 4)}, true);
  model.take({client::PendingGone{4, "b", client::Settlement::kDenied}}, false);
  CHECK(model.answerable({0, 1}).size() == 2);
  CHECK(model.answerable({0, 2}).empty());
  CHECK(model.answerable({0, 1, 2}).empty());
  CHECK(model.answerable({2, 3}).size() == 1);  // What is settled is not answered again.
  CHECK(model.answerable({3}).empty());
  CHECK(model.answerable({-1, 99}).empty());
}

TEST_CASE("the log gives what was settled before, with bytes that are no text, and nothing of what still waits") {
  const std::vector<client::LogLine> lines = {
      {1, "2026-11-28T10:00:00.000000Z", "r-1", "action-asked",
       R"({"id":7,"digest":"d","action":{"op":"write","target":{"base64":"/2E="},"what":"unlink","argv":[],)"
       R"("chain":[{"name":"sh","pid":4}],"reversible":"irreversible"},"rule":{"file":"/a.toml","line":3,"source":"ask"}})",
       ""},
      {2, "2026-11-28T10:00:01.000000Z", "r-1", "action-asked", R"({"id":8,"action":{"op":"connect","target":"h:1"}})",
       ""},
      {3, "2026-11-28T10:00:02.000000Z", "r-1", "action-answered", R"({"id":7,"outcome":"expired"})", ""},
      {4, "2026-11-28T10:00:03.000000Z", "r-1", "action-answered", R"({"id":5,"outcome":"allowed"})", ""},
      {5, "x", "r-1", "action-asked", "no json", ""},
  };
  const std::vector<Question> past = pastQuestions(lines);
  REQUIRE(past.size() == 1);
  CHECK(past[0].item.id == 7);
  CHECK(past[0].item.action.target ==
        "\xff"
        "a");
  CHECK(past[0].item.action.operation == client::Operation::kWrite);
  CHECK(past[0].item.chain.at(0).name == "sh");
  CHECK(past[0].item.rule->line == 3);
  CHECK(past[0].state == Question::State::kMissed);
  CHECK(past[0].settledAt.isValid());
  QuestionsModel model;
  model.take({of("a", 7)}, true);
  model.takePast(past);  // Settled while nobody watched: an id is never used twice.
  CHECK(model.waiting() == 0);
  REQUIRE(model.rowCount() == 1);
  CHECK(model.question(0).state == Question::State::kMissed);
}

}  // namespace
}  // namespace ringfence::ui
