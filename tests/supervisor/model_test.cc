// The core against a model of its rules, small enough to be seen right, over random commands.
//   RINGFENCE_MODEL_OPS (5,000) commands; RINGFENCE_MODEL_SEED repeats a run.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "random_facts.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor::test {
namespace {

enum class Life { kRequested, kStarting, kRunning, kFrozen, kStopping, kKilled, kEnded };

struct ModelRun {
  std::uint32_t owner = 0;
  Life life = Life::kRequested;
  bool started = false;  // the command has a pid
  bool hangsUp = true;   // ends with its client
};

enum class LatchOf { kOpen, kClosed, kOpening };

struct Model {
  std::map<RunId, ModelRun> runs;
  LatchOf latch = LatchOf::kOpen;
  std::uint32_t closedBy = 0;
  std::set<std::uint32_t> met;  // whose runs were alive
  bool launcher = true;
  std::string boot = "boot-1";

  bool live(const RunId& id) const { return runs.contains(id) && runs.at(id).life != Life::kEnded; }

  // The refusal that a person gets, or nothing.
  std::optional<ErrorCode> may(const Peer& peer, const RunId& id) const {
    if (!runs.contains(id)) return ErrorCode::kNotFound;
    const bool own = runs.at(id).owner == peer.uid || peer.uid == 0 || peer.admin;
    if (own) return std::nullopt;
    return peer.viewer ? ErrorCode::kDenied : ErrorCode::kNotFound;
  }

  std::optional<ErrorCode> admit(const Peer& peer, const RunId& id, bool hangsUp) {
    if (runs.contains(id)) return ErrorCode::kInvalid;
    if (!launcher || latch != LatchOf::kOpen) return ErrorCode::kUnavailable;
    runs[id] = {.owner = peer.uid, .life = Life::kRequested, .started = false, .hangsUp = hangsUp};
    return std::nullopt;
  }

  std::optional<ErrorCode> freeze(const Peer& peer, const RunId& id) {
    return move(peer, id, Life::kRunning, Life::kFrozen);
  }
  std::optional<ErrorCode> resume(const Peer& peer, const RunId& id) {
    if (const auto refusal = may(peer, id)) return refusal;
    if (runs[id].life == Life::kFrozen && latch != LatchOf::kOpen) return ErrorCode::kUnavailable;
    return move(peer, id, Life::kFrozen, Life::kRunning);
  }
  void emergency(std::uint32_t uid, bool kills) {
    if (latch == LatchOf::kClosed && !kills) return;
    if (latch != LatchOf::kClosed) {
      closedBy = uid;
      met.clear();
    }
    latch = LatchOf::kClosed;
    for (auto& [id, run] : runs) {
      if (run.life == Life::kEnded) continue;
      met.insert(run.owner);
      if (kills || !run.started)
        run.life = Life::kKilled;
      else if (run.life == Life::kRunning)
        run.life = Life::kFrozen;
    }
  }
  std::optional<ErrorCode> rearm(const Peer& peer) {
    if (latch == LatchOf::kOpen) return ErrorCode::kInvalid;
    const bool own = met.empty() ? closedBy == peer.uid : met == std::set{peer.uid};
    if (!peer.admin && !own) return ErrorCode::kDenied;
    latch = LatchOf::kOpening;
    return std::nullopt;
  }
  void opened() {
    if (latch == LatchOf::kOpening) latch = LatchOf::kOpen;
  }
  std::optional<ErrorCode> move(const Peer& peer, const RunId& id, Life from, Life to) {
    if (const auto refusal = may(peer, id)) return refusal;
    if (runs[id].life != from) return ErrorCode::kInvalid;
    runs[id].life = to;
    return std::nullopt;
  }

  std::optional<ErrorCode> stop(const Peer& peer, const RunId& id) {
    if (const auto refusal = may(peer, id)) return refusal;
    if (runs[id].life >= Life::kStopping) return ErrorCode::kInvalid;
    runs[id].life = runs[id].started ? Life::kStopping : Life::kKilled;
    return std::nullopt;
  }
  std::optional<ErrorCode> kill(const Peer& peer, const RunId& id) {
    if (const auto refusal = may(peer, id)) return refusal;
    if (runs[id].life == Life::kEnded) return ErrorCode::kInvalid;
    runs[id].life = Life::kKilled;
    return std::nullopt;
  }

  void built(const RunId& id) {
    if (live(id) && runs[id].life == Life::kRequested) runs[id].life = Life::kStarting;
  }
  void started(const RunId& id) {
    if (!live(id)) return;
    runs[id].started = true;
    if (runs[id].life <= Life::kStarting) runs[id].life = Life::kRunning;
  }
  void ended(const RunId& id) {
    if (live(id)) runs[id].life = Life::kEnded;
  }
  void clientLost(const RunId& id) {
    if (live(id) && runs[id].hangsUp && runs[id].life < Life::kStopping)
      runs[id].life = runs[id].started ? Life::kStopping : Life::kKilled;
  }
  void timer(const RunId& id) {
    if (live(id) && runs[id].life == Life::kStopping) runs[id].life = Life::kKilled;
  }
  void connected(const std::map<RunId, sandbox::KeptState>& kept) {
    launcher = true;
    for (auto& [id, run] : runs) {
      if (!kept.contains(id) || kept.at(id) != sandbox::KeptState::kRunning)
        run.life = Life::kEnded;
      else
        started(id);
    }
  }
  void began(const std::string& newBoot) {
    launcher = false;
    if (newBoot != boot)
      for (auto& [id, run] : runs) run.life = Life::kEnded;
    boot = newBoot;
  }
};

Life lifeOf(const Run& run) {
  if (const auto* stopping = std::get_if<Stopping>(&run.life))
    return stopping->killed ? Life::kKilled : Life::kStopping;
  constexpr std::array kByIndex{Life::kRequested, Life::kStarting, Life::kRunning,
                                Life::kFrozen,    Life::kStopping, Life::kEnded};
  return kByIndex.at(run.life.index());
}

std::uint64_t numberFrom(const char* variable, std::uint64_t fallback) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed) {}

  void step() {
    const RunId run = runId(static_cast<unsigned>(1 + random_.below(newest_ + 2)));
    const Peer peer = peers_[random_.below(peers_.size())];
    switch (random_.below(20)) {
      case 0:
      case 1:
      case 2: return admit(peer);
      case 3: return ask(FreezeRun{peer, run, ""}, model_.freeze(peer, run));
      case 4: return ask(ResumeRun{peer, run}, model_.resume(peer, run));
      case 5: return ask(StopRun{peer, run, ""}, model_.stop(peer, run));
      case 6: return ask(KillRun{peer, run, ""}, model_.kill(peer, run));
      case 7:
      case 8:
        model_.built(run);
        return tell(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 5}});
      case 9:
      case 10: model_.started(run); return tell(LauncherSaid{sandbox::Started{run, 6}});
      case 11:
        model_.ended(run);
        return tell(
            LauncherSaid{sandbox::Ended{.run = run, .exit = random_.exit(), .outOfMemory = false, .usage = {}}});
      case 12: model_.ended(run); return tell(LauncherSaid{sandbox::LaunchFailed{run, "cgroup", "no room", 28, 125}});
      case 13: model_.clientLost(run); return tell(ClientLost{run});
      case 14: model_.timer(run); return tell(TimerFired{run});
      case 15: return emergency(peer);
      case 16: return ask(RearmStop{peer}, model_.rearm(peer));
      case 17: model_.opened(); return tell(LatchOpened{});
      case 18:
        return tell(
            PreemptRun{.run = run, .step = PreemptStep::kResume, .cause = PreemptCause::kRelieved, .reason = ""});
      default: return upheaval();
    }
  }

  void checkFold() {
    State folded;
    for (const Fact& fact : world_.log) folded = evolve(std::move(folded), fact);
    REQUIRE(encodeState(folded) == encodeState(world_.state));
    const auto decoded = decodeState(encodeState(world_.state));
    REQUIRE(decoded);
    REQUIRE(encodeState(*decoded) == encodeState(world_.state));
  }

 private:
  void admit(const Peer& peer) {
    // Sometimes an id that was used before.
    const unsigned number = random_.below(10) == 0 && newest_ > 0 ? newest_ : ++newest_;
    AdmitRun command = admission(runId(number), peer, "n" + std::to_string(number % 7));
    command.plan.stdio = static_cast<sandbox::Stdio>(random_.below(3));
    command.detached = random_.coin();
    const bool hangsUp = !command.detached && command.plan.stdio == sandbox::Stdio::kDescriptors;
    const auto refusal = model_.admit(peer, runId(number), hangsUp);
    ask(command, refusal);
  }

  void emergency(const Peer& peer) {
    if (random_.below(3) != 0) return tell(TimePassed{});  // Rarer than that somebody ends it.
    const bool kills = random_.below(4) == 0;
    model_.emergency(peer.uid, kills);
    tell(StopHeard{{.trigger = "keyboard", .uid = peer.uid, .killed = kills}});
  }

  void upheaval() {
    const std::uint64_t what = random_.below(6);
    if (what < 3) return connect();
    if (what < 5) {
      model_.launcher = false;
      return tell(LauncherGone{"gone"});
    }
    if (random_.below(4) == 0) world_.context.bootId = "boot-" + std::to_string(random_.below(1000));
    model_.began(world_.context.bootId);
    tell(DaemonBegan{"1", "6"});
  }

  void connect() {
    LauncherConnected command{.pid = 4, .kept = {}};
    std::map<RunId, sandbox::KeptState> kept;
    for (unsigned number = 1; number <= newest_ + 1; ++number) {
      if (random_.below(8) == 0) continue;
      const bool likely = model_.live(runId(number)) && random_.below(8) != 0;
      if (!likely && random_.below(20) != 0) continue;
      const auto state = likely ? sandbox::KeptState::kRunning : static_cast<sandbox::KeptState>(random_.below(3));
      kept[runId(number)] = state;
      sandbox::KeptRun one;
      one.run = runId(number);
      one.state = state;
      one.initPid = 5;
      one.pid = 6;
      command.kept.push_back(one);
    }
    model_.connected(kept);
    tell(command);
  }

  void tell(const Command& command) { ask(command, std::nullopt); }

  void ask(const Command& command, std::optional<ErrorCode> refusal) {
    const State before = world_.state;
    const auto decision = world_.apply(command);
    if (refusal) {
      REQUIRE_FALSE(decision.has_value());
      REQUIRE(decision.error().code == *refusal);
      REQUIRE_FALSE(decision.error().message.empty());
    } else {
      REQUIRE(decision.has_value());
      checkEffects(before, *decision);
    }
    REQUIRE(world_.state.launcherReady == model_.launcher);
    for (const auto& [id, run] : world_.state.runs) REQUIRE(lifeOf(run) == model_.runs.at(id).life);
    REQUIRE(world_.state.latch.has_value() == (model_.latch != LatchOf::kOpen));
    if (world_.state.latch) {
      for (const auto& [id, run] : model_.runs) REQUIRE(run.life >= Life::kFrozen);
    }
    for (const auto& [id, run] : model_.runs) REQUIRE((run.life == Life::kEnded || world_.state.runs.contains(id)));
  }

  void checkEffects(const State& before, const Decision& decision) {
    std::uint64_t seq = before.lastSeq;
    for (const Fact& fact : decision.facts) REQUIRE(fact.seq == ++seq);
    REQUIRE(effectsOf<Publish>(decision).size() == decision.facts.size());
    for (const Effect& effect : decision.effects) REQUIRE(effect.afterSeq <= seq);
    for (const auto& [after, release] : requestsOf<sandbox::Release>(decision)) {
      const auto known = before.runs.find(release.run);  // Absent: it is admitted now.
      REQUIRE((known == before.runs.end() || std::holds_alternative<Requested>(known->second.life)));
      REQUIRE(after == world_.state.runs.at(release.run).admittedSeq);
    }
    for (const auto& [after, freeze] : effectsOf<FreezeGroup>(decision)) REQUIRE((after == 0) == freeze.frozen);
    for (const auto& [after, kill] : effectsOf<KillGroup>(decision)) REQUIRE(after == 0);
    if (before.latch) {
      for (const auto& [after, freeze] : effectsOf<FreezeGroup>(decision)) REQUIRE(freeze.frozen);
      REQUIRE(requestsOf<sandbox::Release>(decision).empty());
    }
    for (const auto& [after, forget] : requestsOf<sandbox::Forget>(decision)) {
      const auto found = world_.state.runs.find(forget.run);
      REQUIRE((found == world_.state.runs.end() || !isLive(found->second)));
    }
  }

  RandomFacts random_;
  CoreWorld world_;
  Model model_;
  unsigned newest_ = 0;
  std::vector<Peer> peers_{kOwner, kOwner, kOwner, kStranger, kViewer, kAdmin};
};

TEST_CASE("the core does what the model of its rules does, over random commands") {
  const std::uint64_t ops = numberFrom("RINGFENCE_MODEL_OPS", 5000);
  const std::uint64_t seed = numberFrom("RINGFENCE_MODEL_SEED", std::random_device{}());
  std::cout << "model: " << ops << " commands, seed " << seed << '\n';
  CAPTURE(seed);
  // Several short lives instead of a long one: runs of every age meet every command.
  constexpr std::uint64_t kStepsPerWalk = 500;
  for (std::uint64_t done = 0; done < ops; done += kStepsPerWalk) {
    Walk walk(seed + done);
    for (std::uint64_t i = 0; i < std::min(kStepsPerWalk, ops - done); ++i) walk.step();
    walk.checkFold();
  }
}

}  // namespace
}  // namespace ringfence::supervisor::test
