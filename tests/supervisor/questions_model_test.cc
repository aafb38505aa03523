// Random asks, answers, ends, restarts: whatever happens, each ask has one answer, durable before it is told.
//   RINGFENCE_MODEL_OPS (5,000) operations; RINGFENCE_MODEL_SEED repeats a run.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "question_world.h"

namespace ringfence::supervisor::test {
namespace {

using sandbox::GuardKind;
using sandbox::Outcome;

std::uint64_t numberFrom(const char* variable, std::uint64_t fallback) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed) {}

  void step() {
    switch (below(16)) {
      case 0: return begin();
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: return raise(nextAsk_[{}]++ % 3 == 0 ? oldAsk() : newAsk());
      case 6: return withdraw();
      case 7:
      case 8:
      case 9:
      case 10: return answer();
      case 11: return pass();
      case 12: return performed();
      case 13: return revoke();
      case 14: return below(4) == 0 ? end() : freezeOrResume();
      default: return below(4) == 0 ? restart() : overflow();
    }
  }

  void checkEnd() {
    State folded;
    for (const Fact& fact : world_.log) folded = evolve(std::move(folded), fact);
    REQUIRE(encodeState(folded) == encodeState(world_.state));
    const auto decoded = decodeState(encodeState(world_.state));
    REQUIRE(decoded);
    REQUIRE(encodeState(*decoded) == encodeState(world_.state));
  }
  std::uint64_t told = 0, allowed = 0;

 private:
  struct Asked {
    RunId run;
    GuardKind kind = GuardKind::kWarden;
    sandbox::Ask ask;
  };
  using Key = std::tuple<RunId, GuardKind, std::uint64_t>;

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  Peer anybody() {
    static constexpr Peer kPeers[] = {kOwner, kOwner, kOwner, kStranger, kViewer, kAdmin};
    return kPeers[below(std::size(kPeers))];
  }

  void begin() {
    if (runs_.size() < 4 || below(3) == 0)
      runs_.push_back(world_.start({.home = "",
                                    .resolved = "",
                                    .unattended = below(6) == 0,
                                    .promptTimeoutSec = 1 + below(60),
                                    .promptPerMinute = static_cast<std::uint32_t>(below(8))}));
  }
  RunId someRun() {
    return runs_.empty() ? runId(4000) : runs_[runs_.size() - 1 - below(std::min<std::size_t>(runs_.size(), 4))];
  }

  Asked newAsk() {
    Asked asked{someRun(), static_cast<GuardKind>(below(2)), {}};
    asked.ask = askFor(++nextAsk_[asked.run], "/t" + std::to_string(below(12)));
    asked_.push_back(asked);
    return asked;
  }
  Asked oldAsk() { return asked_.empty() ? newAsk() : asked_[below(asked_.size())]; }

  void raise(const Asked& asked) { check(AskRaised{{asked.run, asked.kind}, asked.ask, "h"}); }
  void overflow() {
    const Asked one = newAsk();
    check(AsksOverflowed{{one.run, one.kind}, {one.ask}});
  }
  void withdraw() {
    const Asked asked = oldAsk();
    check(AskWithdrawn{{asked.run, asked.kind}, {asked.ask.ask, "gone"}});
  }
  void performed() {
    const Asked asked = oldAsk();
    check(AskPerformed{{asked.run, asked.kind}, {asked.ask.ask, 0, ""}});
    performed_.insert({asked.run, asked.kind, asked.ask.ask});
  }
  void pass() {
    world_.pass(std::chrono::seconds(below(40)));
    if (below(2) == 0) check(TimePassed{});
  }
  void revoke() { check(RevokeGrant{anybody(), 1 + below(world_.state.lastGrant + 2)}); }
  void end() {
    const RunId run = someRun();
    if (below(3) == 0) return check(StopRun{kOwner, run, ""});
    if (below(2) == 0) return check(KillRun{kOwner, run, ""});
    check(
        LauncherSaid{sandbox::Ended{.run = run, .exit = {.code = 0, .signal = {}}, .outOfMemory = false, .usage = {}}});
  }
  void freezeOrResume() {
    if (below(2) == 0) return check(FreezeRun{kOwner, someRun(), ""});
    check(ResumeRun{kOwner, someRun()});
  }
  void restart() {
    if (below(5) == 0) world_.context.bootId = "boot-" + std::to_string(below(1000));
    check(DaemonBegan{"1", "6"});
    LauncherConnected connected{.pid = 7, .kept = {}};
    for (const auto& [id, run] : world_.state.runs) {
      if (!isLive(run)) continue;
      sandbox::KeptRun kept;
      kept.run = id;
      kept.initPid = 5;
      kept.pid = 6;
      connected.kept.push_back(kept);
    }
    check(connected);
  }

  void answer() {
    AnswerCard card =
        world_.card(1 + below(world_.state.lastQuestion + 2), static_cast<CardVerdict>(below(3)), anybody());
    if (!world_.state.questions.empty() && below(4) != 0) {
      auto open = world_.state.questions.begin();
      std::advance(open, static_cast<std::ptrdiff_t>(below(world_.state.questions.size())));
      card.id = open->first;
      if (below(2) == 0) card.digest = below(3) == 0 ? "other" : digestOf(cardOf(world_.state, open->second));
    }
    if (below(3) == 0) card.scope = static_cast<GrantScope>(below(4));
    if (below(5) == 0) card.duration = std::chrono::seconds(below(100));
    if (below(2) == 0) card.rewrite.path = "/instead";
    const auto open = world_.state.questions.find(card.id);
    std::set<std::uint64_t> wanted;
    if (open != world_.state.questions.end()) {
      for (const Question* question : cardOf(world_.state, open->second)) wanted.insert(question->what.id);
      const bool late = open->second.what.deadline <= world_.context.now.monotonic + Microseconds(1000);
      const bool may = mayControl(card.peer, world_.run(open->second.run).what.callerUid);
      if (late || !may || card.digest == "other") wanted.clear();
    }
    const State before = world_.state;
    const auto decision = world_.apply(card);
    if (wanted.empty()) REQUIRE_FALSE(decision.has_value());
    if (!decision) return;
    // Only a person who may, in time, for what they saw: that is what allows.
    if (card.verdict != CardVerdict::kDeny) mayBeAllowed_.insert(wanted.begin(), wanted.end());
    look(before, *decision);
  }

  void check(const Command& command) {
    const State before = world_.state;
    const auto decision = world_.apply(command);
    if (decision) look(before, *decision);
  }

  void look(const State& before, const Decision& decision) {
    for (const Fact& fact : decision.facts) {
      if (const auto* answered = std::get_if<ActionAnswered>(&fact.body)) {
        REQUIRE(before.lastQuestion + 1 >= answered->id);
        REQUIRE(settled_.insert(answered->id).second);
        const bool allows = answered->outcome == Settled::kAllowed || answered->outcome == Settled::kRewritten;
        if (allows) REQUIRE(mayBeAllowed_.contains(answered->id));
        REQUIRE(allows == (answered->byUid.has_value() && answered->outcome != Settled::kDenied));
      }
      if (const auto* asked = std::get_if<ActionAsked>(&fact.body)) REQUIRE(asked->id == before.lastQuestion + 1);
      if (const auto* grant = std::get_if<GrantIssued>(&fact.body)) REQUIRE(mayBeAllowed_.contains(grant->question));
    }
    for (const Told& one : answersOf(decision)) {
      ++told;
      // Durable first: nobody is told without a fact, and not before it.
      REQUIRE(one.afterSeq > 0);
      REQUIRE(one.afterSeq <= world_.state.lastSeq);
      remember(one, decision);
    }
    std::map<RunId, std::size_t> open;
    for (const auto& [id, question] : world_.state.questions) {
      REQUIRE(++open[question.run] <= kMaxOpenQuestionsPerRun);
      REQUIRE(isLive(world_.run(question.run)));
      REQUIRE_FALSE(question.waiting.empty());
      REQUIRE_FALSE(settled_.contains(id));
    }
  }

  void remember(const Told& one, const Decision& decision) {
    if (one.answer.outcome == Outcome::kAllowed) ++allowed;
    for (const auto& [after, tell] : effectsOf<TellGuard>(decision)) {
      const auto* answer = std::get_if<sandbox::Answer>(&tell.order);
      if (answer == nullptr || tell.run != one.run || answer->ask != one.answer.ask) continue;
      const Key key{tell.run, tell.guard, answer->ask};
      const bool refused = std::ranges::any_of(
          decision.facts, [](const Fact& fact) { return std::holds_alternative<AsksRefused>(fact.body); });
      // Refused without a question, or told how it went: then the same number would be another ask.
      if (refused || performed_.contains(key)) return;
      const auto [first, isNew] = outcomes_.emplace(key, answer->outcome);
      if (!isNew) REQUIRE(first->second == answer->outcome);
    }
  }

  std::mt19937_64 random_;
  QuestionWorld world_;
  std::vector<RunId> runs_;
  std::vector<Asked> asked_;
  std::map<RunId, std::uint64_t> nextAsk_;
  std::set<std::uint64_t> settled_, mayBeAllowed_;
  std::set<Key> performed_;
  std::map<Key, Outcome> outcomes_;
};

TEST_CASE("over random asks, answers and restarts each question is settled once, and only a person in time allows") {
  const std::uint64_t ops = numberFrom("RINGFENCE_MODEL_OPS", 5000);
  const std::uint64_t seed = numberFrom("RINGFENCE_MODEL_SEED", std::random_device{}());
  std::cout << "questions: " << ops << " operations, seed " << seed << '\n';
  CAPTURE(seed);
  constexpr std::uint64_t kStepsPerWalk = 500;
  std::uint64_t told = 0, allowed = 0;
  for (std::uint64_t done = 0; done < ops; done += kStepsPerWalk) {
    Walk walk(seed + done);
    for (std::uint64_t i = 0; i < std::min(kStepsPerWalk, ops - done); ++i) walk.step();
    walk.checkEnd();
    told += walk.told;
    allowed += walk.allowed;
  }
  // The walks went where it matters.
  if (ops >= 5000) CHECK((told > 100 && allowed > 10));
}

}  // namespace
}  // namespace ringfence::supervisor::test
