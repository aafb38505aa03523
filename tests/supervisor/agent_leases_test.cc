// Turns on accelerators: who has one, who waits, and what ends one.
#include "supervisor/agent_leases.h"

#include <catch2/catch_all.hpp>
#include <map>
#include <set>

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace std::chrono_literals;

namespace {

constexpr char kNpu[] = "pci 0000:00:0b.0";
constexpr char kGpu[] = "pci 0000:03:00.0";

struct Trial {
  ManualClock clock{{Microseconds{1'000'000'000}, Microseconds{1'000'000}, Microseconds{1'000'000}}};
  State state;
  std::set<std::uint64_t> gone;
  std::map<std::uint64_t, std::vector<api::AgentAnswer>> answers;  // by connection
  std::map<std::uint64_t, std::vector<api::AgentNotice>> notices;
  AgentLeases leases{
      {.clock = clock,
       .state = [this]() -> const State& { return state; },
       .answer = [this](const AgentLeases::Asked& asked,
                        const api::AgentAnswer& what) { answers[asked.connection].push_back(what); },
       .tell = [this](std::uint64_t connection, const api::AgentNotice& what) { notices[connection].push_back(what); },
       .isConnected = [this](std::uint64_t connection) { return !gone.contains(connection); }}};

  RunId add(std::vector<std::string> devices = {kNpu}) {
    Run run;
    run.id = RunId::random();
    run.life = Running{100, 101};
    run.what.terms.emplace();
    if (!devices.empty()) run.what.terms->npu = AcceleratorShare{std::move(devices), 50};
    const RunId id = run.id;
    state.runs.emplace(id, std::move(run));
    return id;
  }
  void ask(const RunId& run, std::uint64_t connection, Milliseconds wait = 0ms,
           AcceleratorKind kind = AcceleratorKind::kNpu) {
    leases.ask({run, connection, 1, api::AgentLease{kind, wait}});
  }
  // The lease of its last answer; 0: none, or it was refused.
  std::uint64_t lease(std::uint64_t connection) {
    if (answers[connection].empty()) return 0;
    const auto* leased = std::get_if<api::AgentLeased>(&answers[connection].back());
    return leased == nullptr ? 0 : leased->lease;
  }
  std::string refused(std::uint64_t connection) {
    if (answers[connection].empty()) return "";
    const auto* refusal = std::get_if<api::AgentRefusal>(&answers[connection].back());
    return refusal == nullptr ? "" : refusal->code;
  }
  void freeze(const RunId& run) {
    state.runs.at(run).life = Frozen{100, 101, clock.now(), 0, {}, {}, {}};
    leases.published(Fact{.seq = 1, .run = run, .at = clock.now(), .bootId = "b", .body = RunFrozen{0, "why", {}, {}}});
  }
  void resume(const RunId& run) {
    state.runs.at(run).life = Running{100, 101};
    leases.published(Fact{.seq = 2, .run = run, .at = clock.now(), .bootId = "b", .body = RunResumed{}});
  }
};

}  // namespace

TEST_CASE("a turn is one program's at a time, of any run that has the device, in the order in which they asked") {
  Trial trial;
  const RunId one = trial.add(), other = trial.add();
  trial.ask(one, 1);
  REQUIRE(trial.lease(1) != 0);
  const auto& leased = std::get<api::AgentLeased>(trial.answers[1].back());
  CHECK(leased.devices == std::vector<std::string>{kNpu});
  CHECK(leased.percent == 50);
  trial.ask(other, 2);
  CHECK(trial.refused(2) == "busy");
  trial.ask(other, 2, 10s);
  trial.ask(one, 3, 10s);
  CHECK(trial.lease(2) == 0);
  trial.leases.release(2, trial.lease(1));  // Of another connection: nothing.
  CHECK(trial.lease(2) == 0);
  trial.leases.release(1, trial.lease(1));
  CHECK(trial.lease(2) != 0);
  CHECK(trial.lease(3) == 0);
  trial.leases.release(2, trial.lease(2));
  CHECK(trial.lease(3) != 0);
  CHECK(trial.leases.held() == 1);
}

TEST_CASE("devices of their own do not wait for each other") {
  Trial trial;
  trial.ask(trial.add(), 1);
  trial.ask(trial.add({"pci 0000:00:0c.0"}), 2);
  CHECK(trial.lease(1) != 0);
  CHECK(trial.lease(2) != 0);
}

TEST_CASE("who has no such device is told so, and a GPU nobody has") {
  Trial trial;
  const RunId without = trial.add({}), with = trial.add();
  trial.ask(without, 1, 10s);
  CHECK(trial.refused(1) == "unavailable");
  trial.ask(with, 2, 10s, AcceleratorKind::kGpu);
  CHECK(trial.refused(2) == "unavailable");
  trial.ask(RunId::random(), 3);
  CHECK(trial.refused(3) == "unavailable");
}

TEST_CASE("turns on a GPU are apart from those on an NPU, also for one program that has both") {
  Trial trial;
  const RunId both = trial.add(), other = trial.add({});
  trial.state.runs.at(both).what.terms->gpu = AcceleratorShare{{kGpu}, 40};
  trial.state.runs.at(other).what.terms->gpu = AcceleratorShare{{kGpu}, 60};
  trial.ask(both, 1);
  const std::uint64_t npu = trial.lease(1);
  trial.ask(both, 1, 0ms, AcceleratorKind::kGpu);
  const auto leased = std::get<api::AgentLeased>(trial.answers[1].back());
  CHECK(leased.devices == std::vector<std::string>{kGpu});
  CHECK(leased.percent == 40);
  CHECK(leased.lease != npu);
  trial.ask(both, 1, 0ms, AcceleratorKind::kGpu);
  CHECK(trial.refused(1) == "busy");
  trial.ask(other, 2, 10s, AcceleratorKind::kGpu);
  CHECK(trial.answers[2].empty());
  trial.leases.release(1, npu);
  CHECK(trial.answers[2].empty());
  trial.leases.release(1, leased.lease);
  CHECK(trial.lease(2) != 0);
}

TEST_CASE("a wait ends with its time, and wakes for that") {
  Trial trial;
  const RunId run = trial.add();
  trial.ask(run, 1);
  CHECK_FALSE(trial.leases.nextWake());
  trial.ask(run, 2, 10s);
  CHECK(trial.leases.nextWake() == trial.clock.now().boottime + Microseconds{10s});
  trial.clock.advance(9s);
  trial.leases.wake();
  CHECK(trial.refused(2).empty());
  trial.clock.advance(1s);
  trial.leases.wake();
  CHECK(trial.refused(2) == "busy");
  CHECK_FALSE(trial.leases.nextWake());
}

TEST_CASE("a turn ends with its connection and with its run, and the next one has it") {
  Trial trial;
  const RunId one = trial.add(), other = trial.add();
  trial.ask(one, 1);
  trial.ask(other, 2, 1h);
  trial.ask(other, 3, 1h);
  trial.gone = {1, 2};
  trial.leases.lookAtConnections();
  CHECK(trial.lease(2) == 0);
  CHECK(trial.lease(3) != 0);
  trial.ask(one, 4, 1h);
  trial.leases.close(other);
  CHECK(trial.lease(4) != 0);
  CHECK(trial.leases.held() == 1);
}

TEST_CASE("a run that is frozen loses its turn and is told, and has none while it stands still") {
  Trial trial;
  const RunId one = trial.add(), other = trial.add();
  trial.ask(one, 1);
  trial.ask(other, 2, 1h);
  trial.freeze(one);
  REQUIRE(trial.notices[1].size() == 1);
  CHECK(std::get<api::AgentLeaseLost>(trial.notices[1][0]).why == "the run was frozen: why");
  CHECK(trial.lease(2) != 0);
  trial.ask(one, 3, 1h);
  trial.leases.release(2, trial.lease(2));
  CHECK(trial.lease(3) == 0);
  trial.resume(one);
  CHECK(trial.lease(3) != 0);
}

TEST_CASE("an emergency stop that takes the run's NPU ends its turn and its waiting") {
  Trial trial;
  const RunId run = trial.add();
  trial.ask(run, 1);
  trial.ask(run, 2, 1h);
  trial.state.runs.at(run).leasesDropped = true;
  trial.leases.published(Fact{.seq = 1, .run = run, .at = trial.clock.now(), .bootId = "b", .body = LeaseEnded{kNpu}});
  CHECK(trial.notices[1].size() == 1);
  CHECK(trial.refused(2) == "unavailable");
  CHECK(trial.leases.held() == 0);
}

TEST_CASE("programs of one run have and wait for a bounded number of turns, and none for what it has already") {
  Trial trial;
  const RunId run = trial.add();
  for (std::uint64_t connection = 1; connection <= kMaxAgentLeases; ++connection) trial.ask(run, connection, 1h);
  CHECK(trial.lease(1) != 0);
  CHECK(trial.refused(kMaxAgentLeases).empty());
  trial.ask(run, kMaxAgentLeases + 1, 1h);
  CHECK(trial.refused(kMaxAgentLeases + 1) == "busy");
  trial.ask(run, 1, 1h);
  CHECK(trial.refused(1) == "busy");
}
