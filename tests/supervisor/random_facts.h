// Facts of every kind with random content, fitting together or not.
#pragma once

#include <random>

#include "core_world.h"

namespace ringfence::supervisor::test {

class RandomFacts {
 public:
  explicit RandomFacts(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool coin() { return below(2) == 0; }

  std::string text() {
    static const std::vector<std::string> kTexts{"",
                                                 "coder",
                                                 "a \"quoted\" name",
                                                 "tab\tand\nnewline",
                                                 "\xff\xfe not UTF-8",
                                                 "größe",
                                                 std::string("nul\0inside", 10),
                                                 "\x1b[31mred",
                                                 "/home/ada/project"};
    return kTexts[below(kTexts.size())];
  }
  std::uint32_t number() { return static_cast<std::uint32_t>(random_()); }
  std::int32_t pid() { return static_cast<std::int32_t>(below(40000)); }
  sandbox::Wall wall() { return static_cast<sandbox::Wall>(below(sandbox::kWallCount)); }
  sandbox::ExitStatus exit() {
    sandbox::ExitStatus status;
    if (coin())
      status.code = static_cast<int>(below(256));
    else if (coin())
      status.signal = static_cast<int>(below(64));
    return status;
  }
  FinalUsage usage() {
    FinalUsage usage;
    if (coin()) usage.cpuUsec = random_();
    if (coin()) usage.ioWriteBytes = 0;
    if (coin()) usage.outputBytes = random_();
    return usage;
  }

  PreemptCause cause() { return static_cast<PreemptCause>(below(9)); }
  std::optional<std::uint64_t> optional() { return coin() ? std::optional(random_()) : std::nullopt; }
  InterruptionPrice price() { return {random_(), random_(), random_(), text()}; }
  InterruptionMeasured interruption() {
    return {coin(),
            random_(),
            coin() ? std::optional(price()) : std::nullopt,
            coin() ? std::optional(price()) : std::nullopt,
            optional(),
            optional(),
            optional(),
            optional(),
            optional(),
            optional(),
            optional()};
  }
  Preemption preemption() { return {cause(), coin() ? std::optional(price()) : std::nullopt}; }

  RunBounds bounds() {
    return {.memoryBytes = random_(),
            .kill = coin(),
            .memoryHardBytes = random_(),
            .pids = number(),
            .fileWriteBytesPerSec = random_(),
            .holdOnAlarm = coin(),
            .tokens = random_(),
            .preemptGraceSec = coin() ? std::optional(random_()) : std::nullopt,
            .origins = {{{text(), text()}}},
            .promptsPerDay = optional(),
            .wallTimePerDaySec = optional()};
  }

  FactBody body(std::size_t kind) {
    switch (kind) {
      case 0: return DaemonStarted{text(), text()};
      case 1: return DaemonStopping{text()};
      case 2:
        return RunAdmitted{
            .name = text(),
            .callerUid = number(),
            .uid = number(),
            .gid = number(),
            .command = {text(), text()},
            .workspace = text(),
            .policyName = text(),
            .policyHash = text(),
            .planHash = text(),
            .priority = static_cast<policy::PriorityClass>(below(3)),
            .stdio = static_cast<sandbox::Stdio>(below(3)),
            .weakened = {{wall(), text()}},
            .detached = coin(),
            .terms = coin() ? std::optional(RunTerms{
                                  text(), text(), coin(), random_(), number(), PolicyFile{text(), text()}, bounds(),
                                  AcceleratorShare{{text()}, number()}, AcceleratorShare{{text(), text()}, number()},
                                  std::vector<std::string>{text()}})
                            : std::nullopt};
      case 3: return RunBuilt{{{wall(), text(), text(), coin(), coin()}}, {{text()}}, pid()};
      case 4: return RunStarted{pid()};
      case 5: return RunRefused{text(), text(), 125};
      case 6:
        return RunFrozen{number(), text(), coin() ? std::optional(preemption()) : std::nullopt,
                         coin() ? std::optional(static_cast<SelfHeld>(below(6))) : std::nullopt};
      case 7: return RunResumed{number(), coin() ? std::optional(text()) : std::nullopt};
      case 8: return RunStopping{number(), coin(), text(), coin() ? std::optional(coin()) : std::nullopt};
      case 9:
        return RunEnded{exit(),
                        coin(),
                        text(),
                        usage(),
                        coin() ? std::optional(later()) : std::nullopt,
                        coin() ? std::optional(DayTime{text(), random_()}) : std::nullopt};
      case 10: return DifferenceFound{text(), text()};
      case 11: return RunAdopted{pid(), pid()};
      case 12: return LauncherLost{text()};
      case 13: return LauncherReady{pid()};
      case 14: return PolicyTrusted{number(), text(), text()};
      case 15: return SnapshotTaken{random_(), text()};
      case 16: return SegmentRetired{random_(), text()};
      default: return actionBody(kind);
    }
  }

  EmergencyStopped stopped() {
    EmergencyStopped stopped{.trigger = text(), .uid = {}, .runs = random_(), .processes = random_()};
    if (coin()) stopped.uid = number();
    if (coin()) stopped.writeUsec = random_();
    if (coin()) stopped.tookUsec = random_();
    if (coin()) stopped.verified = coin();
    if (coin()) stopped.killed = coin();
    if (coin()) stopped.killedOf = {{number(), number()}};
    if (coin()) stopped.killedRuns = random_();
    if (coin()) stopped.note = text();
    return stopped;
  }
  LaterReport later() { return {{{text(), text(), coin() ? std::optional(pid()) : std::nullopt, text()}}, random_()}; }
  sandbox::GuardKind guard() { return static_cast<sandbox::GuardKind>(below(3)); }
  sandbox::GuardedAction action() {
    return {.action = {static_cast<policy::Operation>(below(5)), text(), {text(), text()}},
            .what = text(),
            .second = text(),
            .cwd = text(),
            .object = text(),
            .chain = {{pid(), text()}},
            .reversible = static_cast<sandbox::Reversibility>(below(3)),
            .chainNote = coin() ? std::optional(text()) : std::nullopt};
  }
  std::optional<std::string> day() { return coin() ? std::optional(text()) : std::nullopt; }
  sandbox::GuardRule rule() { return {text(), {text(), number(), text()}, text()}; }
  sandbox::Rewrite rewrite() {
    sandbox::Rewrite rewrite;
    if (coin()) rewrite.path = text();
    if (coin()) rewrite.host = text();
    if (coin()) rewrite.content = text();
    if (coin()) rewrite.argv = {text()};
    return rewrite;
  }
  ActionRecord record() { return {guard(), below(9), action(), rule(), text(), number()}; }
  GrantIssued grant() {
    GrantIssued grant{.id = below(9),
                      .scope = static_cast<GrantScope>(below(4)),
                      .uid = number(),
                      .workspace = text(),
                      .question = below(9),
                      .byUid = number(),
                      .operation = static_cast<policy::Operation>(below(5)),
                      .target = text(),
                      .argv = {text()},
                      .policyText = text(),
                      .untilBoottime = std::nullopt,
                      .untilWall = std::nullopt};
    if (coin()) grant.untilBoottime = Microseconds(below(1'000'000));
    if (coin()) grant.untilWall = Microseconds(below(1'000'000));
    return grant;
  }
  FactBody actionBody(std::size_t kind) {
    switch (kind) {
      case 17:
        return ActionAsked{below(9), guard(), below(9),        action(), rule(),
                           text(),   text(),  Microseconds(5), below(9), day()};
      case 18: return AskJoined{below(9), guard(), below(9)};
      case 19: return AskLeft{below(9), guard(), below(9), text()};
      case 20: {
        ActionAnswered answer{below(9), static_cast<Settled>(below(6)), {}, static_cast<GrantScope>(below(4)), text(),
                              rewrite()};
        if (coin()) answer.byUid = number();
        return answer;
      }
      case 21: return ActionPerformed{below(9), guard(), below(9), pid(), text()};
      case 22: return ActionDenied{record()};
      case 23: return ActionRewritten{record(), rewrite()};
      case 24: return ConnectionOpened{record()};
      case 25: return OutcomeUnknown{record()};
      case 26: return AsksRefused{action(), rule(), text(), number()};
      case 27:
        return ActionsAllowed{guard(),
                              {{policy::Operation::kExec, text(), text(), text(), {text()}, text(), random_()}},
                              text(),
                              random_()};
      case 28: return grant();
      case 29: return GrantRevoked{below(9), number(), number()};
      case 30: return GrantExpired{below(9), number(), text()};
      case 31: return GuardStarted{guard(), pid(), coin()};
      case 32: return GuardLost{guard(), pid(), text()};
      case 33: return RulesEnforced{guard(), random_(), text(), number()};
      case 34: return RecordsNotWritten{guard(), random_()};
      case 36:
        return RunRestrained{static_cast<MilderStep>(below(3)), cause(), text(),
                             coin() ? std::optional(random_()) : std::nullopt};
      case 37: return interruption();
      case 38: return AlarmRaised{static_cast<AlarmKind>(below(6)), text()};
      case 39: return LeaseGiven{text(), number()};
      case 40: return LeaseEnded{text()};
      case 41: return LimitReached{text(), text(), coin() ? std::optional(LimitEdge::kSoft) : std::nullopt};
      case 43: return RecordsStopped{coin(), text()};
      case 44: return RecordsResumed{};
      case 42: return ConnectionsHeld{{random_(), number(), number(), number(), number(), random_()}};
      case 45: return stopped();
      case 46: return Rearmed{number()};
      case 47: return LatchReleased{};
      case 48:
        return UsageReported{{text(), text()},
                             {{text(),
                               random_(),
                               random_(),
                               random_(),
                               coin() ? std::optional(random_()) : std::nullopt,
                               {{text(), random_()}}}}};
      case 49:
        return UsageSeen{{{text(), random_(), random_(), random_(), std::nullopt, {}, optional(), optional()}},
                         coin() ? std::optional(text()) : std::nullopt};
      case 50:
        return BudgetExtended{text(), number(), random_(), random_(), coin() ? std::optional(text()) : std::nullopt};
      case 51: return RunPausing{number(), text(), random_()};
      case 52: return HomeRemoved{number(), text(), random_(), number()};
      case 53: return ProcessorsReserved{number(), text()};
      default: return TrafficCounted{{{text(), 443, random_(), random_(), random_()}}};
    }
  }

  Fact fact(std::uint64_t seq) {
    Fact fact;
    fact.seq = seq;
    if (below(8) != 0) fact.run = runId(static_cast<unsigned>(below(20)));
    fact.at = {Microseconds(below(1'000'000)), Microseconds(below(1'000'000)), Microseconds(below(1'000'000))};
    fact.bootId = coin() ? "boot-1" : "boot-2";
    fact.body = body(below(std::variant_size_v<FactBody::Kinds>));
    return fact;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace ringfence::supervisor::test
