// What is made of facts: the connections of a run, and whom the governor held for what.
#include <QAbstractItemModelTester>

#include <catch2/catch_test_macros.hpp>

#include "tests/ui/shared/told_facts.h"
#include "ui/shared/connections_model.h"
#include "ui/shared/fact_walk.h"
#include "ui/shared/preemptions_model.h"

using namespace ringfence;
using namespace ringfence::ui;
using ringfence::test::ToldFacts;
using ringfence::test::until;

namespace {

template <typename Model>
QString cell(const Model& model, int row, int column) {
  return model.index(row, column).data().toString();
}

}  // namespace

TEST_CASE("connections of a run are one row a host and port, with what was decided and what went over them") {
  ToldFacts world;
  ConnectionsModel model;
  const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  const FactWalk walk(world.facts, [&](const ShownFact& fact) {
    if (fact.line->run == "r-1") model.add(fact);
  });
  QObject::connect(&walk, &FactWalk::advanced, &model, &ConnectionsModel::publish);
  REQUIRE(world.tell("r-2", {{"connection-opened", R"({"action":{"op":"connect","target":"other.org:443"}})"}}));
  REQUIRE(world.tell(
      "r-1",
      {{"action-asked", R"({"action":{"op":"connect","target":"a.org:443"},"id":1,"rule":{"file":"/p","line":3}})"},
       {"action-answered", R"({"id":1,"outcome":"allowed","scope":"run","by_uid":1000})"},
       {"connection-opened", R"({"action":{"op":"connect","target":"a.org:443"},"rule":{"file":"/p","line":3}})"},
       {"action-denied", R"({"action":{"op":"connect","target":"169.254.0.1:80"},"rule":{"file":"/p","line":9}})"},
       {"action-denied", R"({"action":{"op":"write","target":"/etc/passwd"}})"},
       {"traffic-counted",
        R"({"hosts":[{"host":"a.org","port":443,"connections":2,"sent_bytes":1000,"received_bytes":2000}]})"}}));
  REQUIRE(until([&] { return model.rowCount() == 2 && cell(model, 0, ConnectionsModel::kOpened) == "2"; }));
  CHECK(cell(model, 0, ConnectionsModel::kTarget) == "a.org:443");
  CHECK(cell(model, 0, ConnectionsModel::kDecision) == "allowed");
  CHECK(cell(model, 0, ConnectionsModel::kRule) == "/p:3");
  CHECK(*model.connections()[0].receivedBytes == 2000);
  CHECK(cell(model, 1, ConnectionsModel::kTarget) == "169.254.0.1:80");
  CHECK(cell(model, 1, ConnectionsModel::kDecision) == "denied");
  CHECK(cell(model, 1, ConnectionsModel::kSent) == "unknown");  // and not 0
}

TEST_CASE("hosts without an end are bounded, and it is known that there were more") {
  ToldFacts world;
  ConnectionsModel model;
  FactTeller teller;
  for (int i = 0; i < 6'000; ++i) {
    auto line = std::make_shared<client::LogLine>();
    line->run = "r-1";
    line->kind = "connection-opened";
    line->bodyJson = R"({"action":{"op":"connect","target":"h)" + std::to_string(i) + R"(.org:443"}})";
    model.add({line, teller.tell(*line)});
  }
  model.publish();
  CHECK(model.rowCount() == static_cast<int>(ConnectionsModel::kMost));
  CHECK(model.leftOut() == 1'000);
}

TEST_CASE("what the governor did is told with why, what it was thought to cost and what it cost") {
  ToldFacts world;
  PreemptionsModel model;
  const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.setNames([](const std::string&) { return QString("coder"); });
  const FactWalk walk(world.facts, [&](const ShownFact& fact) { model.add(fact); });
  QObject::connect(&walk, &FactWalk::advanced, &model, &PreemptionsModel::publish);
  REQUIRE(world.tell(
      "r-1",
      {{"run-frozen", R"({"by_uid":1000,"reason":"looking"})"},
       {"run-resumed", R"({"by_uid":1000})"},
       {"run-frozen", R"({"by_uid":0,"preemption":{"cause":"memory","predicted":{"delay_usec":120000,"tokens":0,
                                 "why":"","work_cpu_usec":0}},"reason":"memory is short"})"},
       {"run-restrained", R"({"step":"reclaim","cause":"memory","bytes":1048576,"reason":"memory is short"})"}}));
  REQUIRE(until([&] { return model.rowCount() == 2; }));
  CHECK(cell(model, 0, PreemptionsModel::kWhat) == "memory taken back: 1.0 MiB");
  CHECK(cell(model, 1, PreemptionsModel::kWhat) == "paused");
  CHECK(cell(model, 1, PreemptionsModel::kAgent) == "coder");
  CHECK(cell(model, 1, PreemptionsModel::kWhy) == "memory is short");
  CHECK(cell(model, 1, PreemptionsModel::kPredicted) == "120 ms");
  CHECK(cell(model, 1, PreemptionsModel::kReal) == "not over yet");
  REQUIRE(world.tell("r-1", {{"run-resumed", R"({"by_uid":0,"reason":"there is memory again"})"},
                             {"interruption-measured",
                              R"({"held_usec":2000000,"killed":false,"real":{"delay_usec":90000,"tokens":3}})"}}));
  CHECK(until([&] { return cell(model, 1, PreemptionsModel::kReal).startsWith("90 ms and 3 tokens"); }));
  CHECK(cell(model, 0, PreemptionsModel::kReal) == "not measured");
}

TEST_CASE("a log that begins anew voids what was made of it") {
  ToldFacts world;
  int visited = 0, voided = 0;
  const FactWalk walk(world.facts, [&](const ShownFact&) { ++visited; });
  QObject::connect(&walk, &FactWalk::voided, &walk, [&] { ++voided; });
  REQUIRE(world.tell("r-1", {{"run-started", R"({"pid":1})"}, {"run-started", R"({"pid":2})"}}));
  REQUIRE(until([&] { return visited == 2; }));
  world.facts.setSpan(std::chrono::hours(1));
  CHECK(voided == 1);
  world.seq = 0;
  REQUIRE(world.tell("r-1", {{"run-started", R"({"pid":3})"}}));
  CHECK(until([&] { return visited == 3; }));
}
