// The core alone: a state, commands put to it, facts folded as they come.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/core/decide.h"

namespace ringfence::supervisor::test {

inline RunId runId(unsigned number) {
  static const char* kDigits = "0123456789abcdef";
  std::string text = "r-";
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(static_cast<std::uint64_t>(number) >> shift) & 15U];
  return *RunId::parse(text);
}

inline constexpr Peer kOwner{.uid = 1000};
inline constexpr Peer kStranger{.uid = 1001};
inline constexpr Peer kViewer{.uid = 1002, .admin = false, .viewer = true};
inline constexpr Peer kAdmin{.uid = 1003, .admin = true};
inline constexpr Peer kRoot{.uid = 0};

inline AdmitRun admission(const RunId& run, const Peer& peer = kOwner, std::string name = "coder") {
  AdmitRun command;
  command.peer = peer;
  command.plan.run = run;
  command.plan.policyName = "coding";
  command.plan.policyHash = std::string(64, 'a');
  command.plan.identity.uid = peer.uid == 0 ? 1000 : peer.uid;
  command.plan.identity.gid = 100;
  command.plan.identity.callerUid = peer.uid;
  command.plan.command = {"make", "check"};
  command.name = std::move(name);
  command.workspace = "/home/ada/project";
  command.planHash = std::string(64, 'b');
  return command;
}

class CoreWorld {
 public:
  CoreWorld() { must(LauncherConnected{.pid = 7, .kept = {}}); }

  Result<Decision> apply(const Command& command) {
    context.now.wall += Microseconds(1000);
    context.now.monotonic += Microseconds(1000);
    context.now.boottime += Microseconds(1000);
    Result<Decision> decision = decide(state, command, context);
    if (!decision) return decision;
    for (const Fact& fact : decision->facts) {
      state = evolve(std::move(state), fact);
      log.push_back(fact);
    }
    return decision;
  }

  // Brings a fresh run to the state of that name: requested, starting, running, frozen, stopping, killed, ended.
  RunId runIn(std::string_view wanted, sandbox::Stdio stdio = sandbox::Stdio::kDescriptors, const Peer& peer = kOwner) {
    const RunId run = runId(++lastRun_);
    AdmitRun admit = admission(run, peer, "run" + std::to_string(lastRun_));
    admit.plan.stdio = stdio;
    must(admit);
    if (wanted == "requested") return run;
    must(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 100}});
    if (wanted == "starting") return run;
    must(LauncherSaid{sandbox::Started{run, 101}});
    if (wanted == "frozen") must(FreezeRun{peer, run, ""});
    if (wanted == "stopping") must(StopRun{peer, run, ""});
    if (wanted == "killed") must(KillRun{peer, run, ""});
    if (wanted == "ended")
      must(LauncherSaid{
          sandbox::Ended{.run = run, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}}});
    return run;
  }

  const Run& run(const RunId& id) const { return state.runs.at(id); }
  std::string_view life(const RunId& id) const { return lifeName(run(id).life); }

  State state;
  std::vector<Fact> log;
  Context context{.now = {Microseconds(1'790'000'000'000'000), Microseconds(5'000'000), Microseconds(6'000'000)},
                  .bootId = "boot-1"};

 private:
  void must(const Command& command) { RF_CHECK(apply(command).has_value()); }
  unsigned lastRun_ = 0;
};

inline std::vector<std::string_view> kindsOf(const Decision& decision) {
  std::vector<std::string_view> kinds;
  for (const Fact& fact : decision.facts) kinds.push_back(factKind(fact.body));
  return kinds;
}

// The effects of one type, with the seq that each waits for.
template <typename T>
std::vector<std::pair<std::uint64_t, T>> effectsOf(const Decision& decision) {
  std::vector<std::pair<std::uint64_t, T>> found;
  for (const Effect& effect : decision.effects) {
    if (const T* body = std::get_if<T>(&effect.body)) found.emplace_back(effect.afterSeq, *body);
  }
  return found;
}

template <typename T>
std::vector<std::pair<std::uint64_t, T>> requestsOf(const Decision& decision) {
  std::vector<std::pair<std::uint64_t, T>> found;
  for (const auto& [seq, send] : effectsOf<SendToLauncher>(decision)) {
    if (const T* body = std::get_if<T>(&send.request)) found.emplace_back(seq, *body);
  }
  return found;
}

}  // namespace ringfence::supervisor::test
