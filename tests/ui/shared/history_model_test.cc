// Facts as they come in bursts: kept in bounds, put into words and searched in slices.
#include "ui/shared/history_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/ui_wait.h"

using namespace ringfence;
using namespace ringfence::ui;
using ringfence::test::until;

namespace {

client::LogLine lineOf(std::uint64_t seq) {
  const bool denied = seq % 10 == 0;
  client::LogLine line{.seq = seq,
                       .at = "2026-11-28T10:00:00.123456Z",
                       .run = "r-" + std::to_string(seq % 3),
                       .kind = denied ? "action-denied" : "connection-opened",
                       .bodyJson = {},
                       .hash = "aa"};
  line.bodyJson = R"({"action":{"op":"connect","target":"host-)" + std::to_string(seq) +
                  R"(.example:443"},"rule":{"file":"/p/a.toml","line":)" + std::to_string(seq % 7 + 1) + "}}";
  return line;
}

LogLines linesFrom(std::uint64_t first, std::uint64_t count) {
  LogLines lines;
  for (std::uint64_t seq = first; seq < first + count; ++seq) lines.lines.push_back(lineOf(seq));
  return lines;
}

// As a window would, without a rest between events.
template <typename Condition>
bool promptly(Condition holds) {
  QElapsedTimer since;
  for (since.start(); since.elapsed() < 60'000; QCoreApplication::processEvents()) {
    if (holds()) return true;
  }
  return false;
}

// No daemon is asked: what a link would have told is given directly.
struct World {
  FactLog::Bounds bounds = {};
  Link link = Link();
  FactLog facts = FactLog(link, bounds);

  void tell(const LogLines& lines) {
    facts.take(lines);
    REQUIRE(promptly([this] { return !facts.isCatchingUp(); }));
    QSignalSpy told(&facts, &FactLog::appended);
    (void)until([&] { return told.count() > 0; }, std::chrono::milliseconds(300));
  }
};

bool settle(const HistoryModel& model) {
  return promptly([&] { return !model.isFiltering(); });
}

}  // namespace

TEST_CASE("a burst of ten thousand facts is taken in slices, and all of it arrives in order") {
  World world;
  HistoryModel model(world.facts);
  const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  world.facts.take(linesFrom(1, 10'000));
  CHECK(world.facts.isCatchingUp());
  CHECK(world.facts.end() == 0);  // Not one was put into words while the window waited.
  REQUIRE(until([&] { return model.rowCount() > 0; }));
  CHECK(world.facts.end() < 10'000);
  REQUIRE(until([&] { return model.rowCount() == 10'000; }));
  CHECK(model.index(0, 0).data(HistoryModel::kSeqRole).toULongLong() == 1);
  CHECK(model.index(9'999, 0).data(HistoryModel::kSeqRole).toULongLong() == 10'000);
  CHECK(world.facts.leftOut() == 0);
}

TEST_CASE("a hundred thousand facts are searched in slices, by text, agent, kind and decision") {
  World world;
  world.tell(linesFrom(1, 100'000));
  HistoryModel model(world.facts);
  CHECK(model.isFiltering());
  REQUIRE(settle(model));
  CHECK(model.rowCount() == 100'000);

  model.setFilter({.text = "HOST-99999.EXAMPLE"});
  CHECK(model.rowCount() == 0);
  CHECK(model.isFiltering());
  REQUIRE(settle(model));
  REQUIRE(model.rowCount() == 1);
  CHECK(model.index(0, HistoryModel::kWhat).data().toString().contains("host-99999.example:443"));

  model.setFilter({.run = "r-1", .decision = FactDecision::kDenied});
  REQUIRE(settle(model));
  CHECK(model.rowCount() == 3'334);  // Every tenth; of those, every third.
  CHECK(model.index(0, HistoryModel::kDecision).data().toString() == "denied");
  CHECK(model.index(0, HistoryModel::kRule).data().toString() == "/p/a.toml:4");

  model.setFilter({.kinds = {"action-denied"}});
  REQUIRE(settle(model));
  CHECK(model.rowCount() == 10'000);
}

TEST_CASE("facts that come while a filter is set are filtered too") {
  World world;
  HistoryModel model(world.facts);
  const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.setFilter({.kinds = {"action-denied"}});
  world.tell(linesFrom(1, 100));
  world.tell(linesFrom(101, 100));
  CHECK(until([&] { return model.rowCount() == 20; }));
}

TEST_CASE("facts that are told again, as after a lost connection, are there once") {
  World world;
  world.tell(linesFrom(1, 100));
  world.tell(linesFrom(51, 100));
  CHECK(world.facts.end() == 150);
}

TEST_CASE("more facts than are kept push the oldest out, and it is said how many") {
  World world{.bounds = {.facts = 1'000}};
  HistoryModel model(world.facts);
  const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  LogLines lines = linesFrom(1, 1'000);
  lines.skipped = 7;
  world.tell(lines);
  REQUIRE(until([&] { return model.rowCount() == 1'000; }));
  world.tell(linesFrom(1'001, 500));
  CHECK(world.facts.end() - world.facts.first() == 1'000);
  CHECK(world.facts.leftOut() == 507);
  REQUIRE(until([&] { return model.index(0, 0).data(HistoryModel::kSeqRole).toULongLong() == 501; }));
  CHECK(model.rowCount() == 1'000);
}

TEST_CASE("a row whose fact the log has just dropped has none") {
  World world{.bounds = {.facts = 1'000}};
  HistoryModel model(world.facts);
  world.tell(linesFrom(1, 1'000));
  REQUIRE(until([&] { return model.rowCount() == 1'000; }));
  world.facts.take(linesFrom(1'001, 500));
  while (world.facts.isCatchingUp()) QCoreApplication::processEvents();
  // The model hears of it a moment later.
  REQUIRE(model.index(0, 0).data(HistoryModel::kSeqRole).isNull());
  CHECK(model.fact(0) == nullptr);
  CHECK(model.fact(model.rowCount() - 1) != nullptr);
  REQUIRE(until([&] { return model.fact(0) != nullptr; }));
  CHECK(model.fact(0)->line->seq == 501);
}

TEST_CASE("facts with long texts are bounded by what they take, however few they are") {
  World world{.bounds = {.facts = 1'000, .bytes = 1 << 20}};
  LogLines lines = linesFrom(1, 100);
  for (client::LogLine& line : lines.lines) line.bodyJson.insert(1, "\"x\":\"" + std::string(60'000, 'a') + "\",");
  world.tell(lines);
  CHECK(world.facts.end() == 100);
  CHECK(world.facts.leftOut() == world.facts.first());
  CHECK(world.facts.end() - world.facts.first() < 20);
}

TEST_CASE("another span begins anew, and a name of a run is shown where it is known") {
  World world;
  HistoryModel model(world.facts);
  model.setNames([](const std::string& run) { return run == "r-1" ? QString("coder") : QString(); });
  world.tell(linesFrom(1, 2));
  REQUIRE(until([&] { return model.rowCount() == 2; }));
  CHECK(model.index(0, HistoryModel::kAgent).data().toString() == "coder");
  CHECK(model.index(1, HistoryModel::kAgent).data().toString() == "r-2");
  world.facts.setSpan(std::chrono::hours(1));
  CHECK(model.rowCount() == 0);
  CHECK(world.facts.leftOut() == 0);
  world.tell(linesFrom(1, 1));
  CHECK(until([&] { return model.rowCount() == 1; }));
}
