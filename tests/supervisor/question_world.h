// Runs that ask: commands of a guard, put to the core.
#pragma once

#include "core_world.h"
#include "supervisor/core/cards.h"
#include "supervisor/core/grants.h"

namespace ringfence::supervisor::test {

inline sandbox::Ask askFor(std::uint64_t number, std::string target,
                           policy::Operation operation = policy::Operation::kWrite) {
  sandbox::Ask ask;
  ask.ask = number;
  ask.action.action = {operation, std::move(target), {}};
  ask.action.what = "openat";
  ask.action.cwd = "/home/ada/project";
  ask.action.chain = {{101, "sh"}, {100, "run-init"}};
  ask.rule = {"files.ask ~/Documents", {"/etc/ringfence/policies/coding.toml", 12, "ask = [\"~/Documents\"]"}, ""};
  return ask;
}

class QuestionWorld : public CoreWorld {
 public:
  RunId start(RunTerms terms = {}, const Peer& peer = kOwner) {
    const RunId run = runId(++last_ + 1000);
    AdmitRun admit = admission(run, peer);
    admit.terms = terms;
    apply(admit).value();
    apply(LauncherSaid{sandbox::Built{.run = run, .posture = {}, .notes = {}, .held = 0, .initPid = 100}}).value();
    apply(LauncherSaid{sandbox::Started{run, 101}}).value();
    return run;
  }
  Decision raise(const RunId& run, const sandbox::Ask& ask, sandbox::GuardKind kind = sandbox::GuardKind::kWarden) {
    return apply(AskRaised{{run, kind}, ask, "hash"}).value();
  }
  // The question that this ask becomes.
  std::uint64_t ask(const RunId& run, std::uint64_t number, const std::string& target) {
    raise(run, askFor(number, target));
    return state.lastQuestion;
  }
  AnswerCard card(std::uint64_t id, CardVerdict verdict, const Peer& peer = kOwner) const {
    AnswerCard answer;
    answer.peer = peer;
    answer.id = id;
    answer.verdict = verdict;
    return answer;
  }
  void pass(Microseconds time) {
    context.now.wall += time;
    context.now.monotonic += time;
    context.now.boottime += time;
  }

 private:
  unsigned last_ = 0;
};

struct Told {
  std::uint64_t afterSeq = 0;
  RunId run;
  sandbox::Answer answer;
};
inline std::vector<Told> answersOf(const Decision& decision) {
  std::vector<Told> answers;
  for (const auto& [seq, tell] : effectsOf<TellGuard>(decision)) {
    if (const auto* answer = std::get_if<sandbox::Answer>(&tell.order)) answers.push_back({seq, tell.run, *answer});
  }
  return answers;
}

}  // namespace ringfence::supervisor::test
