#include "supervisor/agent_desk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "sdk/base/io.h"
#include "supervisor/core/budgets.h"
#include "supervisor/prices.h"

namespace ringfence::supervisor {
namespace {

// Escaped in a packet it may be twice as long.
constexpr Bytes kMaxDenialLine{24 << 10};
// Facts that the reports of a run may make at once, and how long it takes to earn another.
constexpr Microseconds::rep kMaxReportFacts = 2000;
constexpr Microseconds kReportEarned = std::chrono::milliseconds(25);

Microseconds readyAt(Microseconds until) { return until + kReportEarned - kReportEarned * kMaxReportFacts; }

// Its hook is heard by that event, as its adapter has it.
bool speaks(const Run& run, const std::string& event) {
  const auto adapter = termsOf(run).adapter;
  return adapter && std::ranges::find(adapter->speaks, event) != adapter->speaks.end();
}

// How much of it is done, before what it is, as one line of a list is cut at its end.
std::string wordsOf(const api::AgentSay& say) {
  return say.percent && !say.text.empty() ? std::to_string(*say.percent) + " %: " + say.text : say.text;
}

}  // namespace

AgentDesk::AgentDesk(World world)
    : world_(std::move(world)),
      questions_(
          {.launcher = world_.launcher,
           .clock = world_.clock,
           .turns = world_.turns,
           .mediation = world_.mediation,
           .answer = [this](const Asked& asked, const api::AgentAnswer& what) { answer(asked, what); },
           .isConnected = [this](std::uint64_t connection) { return server_ && server_->isConnected(connection); },
           .report = world_.report}),
      notices_({.clock = world_.clock,
                .claims = claims_,
                .isConnected = [this](std::uint64_t connection) { return server_ && server_->isConnected(connection); },
                .tell = [this](std::uint64_t connection,
                               const api::AgentNotice& notice) { server_->tell(connection, notice); }}),
      leases_(
          {.clock = world_.clock,
           .state = [this]() -> const State& { return world_.turns.state(); },
           .answer = [this](const Asked& asked, const api::AgentAnswer& what) { answer(asked, what); },
           .tell = [this](std::uint64_t connection,
                          const api::AgentNotice& notice) { server_->tell(connection, notice); },
           .isConnected = [this](std::uint64_t connection) { return server_ && server_->isConnected(connection); }}) {
  auto server = api::AgentServer::create();
  if (server)
    server_.emplace(*std::move(server));
  else
    world_.say("agents are not heard on their own sockets: " + server.error().message);
}

void AgentDesk::open(const RunId& run) {
  if (!server_ || server_->isOpen(run)) return;
  const auto& runs = world_.turns.state().runs;
  const auto known = runs.find(run);
  if (known == runs.end() || !isLive(known->second)) return;
  auto listener = world_.launcher.copyOf(run, sandbox::HeldFd::kAgentSocket);
  if (!listener) return;  // Of a launcher that made none.
  if (auto opened = server_->open(run, *std::move(listener)); !opened) world_.report({opened.error()});
  questions_.adopt(run);
  notices_.adopt(known->second, world_.turns.state());
}

void AgentDesk::drain(const RunId& run) {
  if (server_) handle(server_->drain(run, world_.clock.now()));
  writeReports(run);
  questions_.drain(run);
}

void AgentDesk::close(const RunId& run) {
  if (server_) server_->close(run);
  notices_.close(run);
  claims_.forget(run);
  reporting_.erase(run);
  questions_.close(run);
  leases_.close(run);
}

void AgentDesk::ready() {
  if (server_) handle(server_->serve(world_.clock.now()));
  lookAtConnections();
}

void AgentDesk::lookAtConnections() {
  questions_.lookAtConnections();
  notices_.lookAtConnections();
  leases_.lookAtConnections();
}

void AgentDesk::published(const Fact& fact) {
  notices_.published(fact);
  leases_.published(fact);
}

void AgentDesk::wake() {
  if (server_) server_->expire(world_.clock.now());
  lookAtConnections();
  questions_.wake();
  leases_.wake();
  const Microseconds now = world_.clock.now().boottime;
  std::vector<RunId> ready;
  for (const auto& [run, reporting] : reporting_) {
    if (!reporting.late.empty() && readyAt(reporting.until) <= now) ready.push_back(run);
  }
  for (const RunId& run : ready) writeReports(run);
}

std::optional<Microseconds> AgentDesk::nextWake() const {
  std::optional<Microseconds> next = questions_.nextWake();
  if (const auto lease = leases_.nextWake()) next = std::min(next.value_or(*lease), *lease);
  for (const auto& [run, reporting] : reporting_) {
    if (!reporting.late.empty()) next = std::min(next.value_or(Microseconds::max()), readyAt(reporting.until));
  }
  const auto deadline = server_ ? server_->deadline() : std::nullopt;
  if (!deadline) return next;
  const Now now = world_.clock.now();
  const Microseconds at = now.boottime + std::max(*deadline - now.monotonic, Microseconds{0});
  return std::min(next.value_or(at), at);
}

void AgentDesk::answer(const Asked& asked, const api::AgentAnswer& answer) {
  server_->answer(asked, answer, world_.clock.now());
}

// Reports of one run that came together are one fact.
void AgentDesk::handle(std::vector<Asked> asked) {
  std::map<RunId, std::vector<Asked>> reports;
  for (Asked& one : asked) {
    if (std::holds_alternative<UsageReport>(one.request)) reports[one.run].push_back(std::move(one));
  }
  for (auto& [run, some] : reports) count(run, std::move(some));
  for (Asked& one : asked) {
    if (std::holds_alternative<api::AgentGuard>(one.request))
      questions_.ask(std::move(one));
    else if (std::holds_alternative<api::AgentLease>(one.request))
      leases_.ask(std::move(one));
    else if (!std::holds_alternative<UsageReport>(one.request))
      answer(one, answerTo(one));
  }
}

api::AgentAnswer AgentDesk::answerTo(const Asked& asked) {
  const Now now = world_.clock.now();
  const RunId& run = asked.run;
  const api::AgentRequest& request = asked.request;
  if (std::holds_alternative<api::AgentWhoami>(request)) return selfOf(run);
  if (std::holds_alternative<api::AgentWhy>(request)) return lastDenial(run);
  if (const auto* stop = std::get_if<api::AgentBrake>(&request)) return brake(run, stop->why);
  if (const auto* cost = std::get_if<api::AgentInterruptionCost>(&request)) return costOf(run, cost->hold);
  if (const auto* section = std::get_if<api::AgentCriticalSection>(&request)) return grant(run, *section);
  if (const auto* say = std::get_if<api::AgentSay>(&request)) {
    const auto& runs = world_.turns.state().runs;
    const auto found = runs.find(run);
    claims_.say(run, wordsOf(*say), now);
    if (found != runs.end() && speaks(found->second, say->hook)) claims_.hear(run, say->hook, now);
  }
  if (const auto* listen = std::get_if<api::AgentListen>(&request)) notices_.listen(run, asked.connection, *listen);
  if (const auto* release = std::get_if<api::AgentRelease>(&request)) leases_.release(asked.connection, release->lease);
  if (const auto* safe = std::get_if<api::AgentSafePoint>(&request)) safePoint(run, safe->redo);
  if (std::holds_alternative<api::AgentReady>(request)) {
    claims_.ready(run, now);
    if (claims_.isAnnounced(run)) world_.readyToPause();
  }
  return api::AgentDone{};
}

// What was announced need not wait any longer.
void AgentDesk::safePoint(const RunId& run, Microseconds redo) {
  const auto& runs = world_.turns.state().runs;
  const auto found = runs.find(run);
  if (found == runs.end()) return;
  claims_.safe(run, {.at = world_.clock.now().boottime, .tokens = tokensOf(found->second), .redo = redo},
               found->second.admittedAt.boottime);
  if (claims_.isAnnounced(run)) world_.readyToPause();
}

// Those that come faster than their facts are earned wait, and are one fact then: an agent that reports without end
// would push what others did out of the log.
void AgentDesk::count(const RunId& run, std::vector<Asked> asked) {
  Reporting& reporting = reporting_[run];
  std::ranges::move(asked, std::back_inserter(reporting.late));
  if (readyAt(reporting.until) <= world_.clock.now().boottime) writeReports(run);
}

void AgentDesk::writeReports(const RunId& run) {
  const auto reporting = reporting_.find(run);
  if (reporting == reporting_.end() || reporting->second.late.empty()) return;
  const std::vector<Asked> asked = std::exchange(reporting->second.late, {});
  reporting->second.until = std::max(reporting->second.until, world_.clock.now().boottime) + kReportEarned;
  std::set<std::string> known;
  const auto& runs = world_.turns.state().runs;
  if (const auto found = runs.find(run); found != runs.end() && found->second.reported)
    known.insert(found->second.reported->recentIds.begin(), found->second.reported->recentIds.end());
  ReportUsage command{run, {}};
  for (const Asked& one : asked) {
    command.reports.push_back(std::get<UsageReport>(one.request));
    if (world_.prices != nullptr) world_.prices->estimate(command.reports.back().usage);
  }
  const auto outcome = world_.turns.submit(command);
  if (!outcome) {
    for (const Asked& one : asked) answer(one, api::agentRefusalOf(outcome.error()));
    return;
  }
  world_.report(outcome->failures);
  // Of one that was counted before, too, the fact may still be on its way.
  const std::uint64_t seq = world_.turns.state().lastSeq;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    api::AgentTotals totals = totalsOf(run);
    totals.countedBefore = !known.insert(command.reports[i].id).second;
    waiting_.push_back({seq, asked[i], totals});
  }
  durable();
}

void AgentDesk::durable() {
  while (!waiting_.empty() && waiting_.front().seq <= world_.turns.durableSeq()) {
    const Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    answer(first.asked, first.totals);
  }
}

api::AgentAnswer AgentDesk::selfOf(const RunId& run) const {
  const auto& runs = world_.turns.state().runs;
  const auto found = runs.find(run);
  if (found == runs.end()) return api::AgentRefusal{"invalid", "the run is over"};
  const RunAdmitted& what = found->second.what;
  return api::AgentSelf{run.text(), what.name, what.policyName, what.policyHash};
}

api::AgentAnswer AgentDesk::costOf(const RunId& run, Milliseconds hold) const {
  auto costs = world_.costOf(run, hold);
  if (!costs) return api::AgentRefusal{"unavailable", costs.error().message};
  return *std::move(costs);
}

api::AgentAnswer AgentDesk::grant(const RunId& run, const api::AgentCriticalSection& asked) {
  const auto& runs = world_.turns.state().runs;
  const auto found = runs.find(run);
  const auto bounds = found == runs.end() ? std::nullopt : termsOf(found->second).bounds;
  const std::chrono::seconds grace(bounds ? bounds->preemptGraceSec.value_or(0) : 0);
  return api::AgentGranted{std::chrono::duration_cast<Milliseconds>(
      claims_.begin(run, {asked.length, asked.redo}, grace, world_.clock.now()))};
}

// The last line of what its agent can read itself.
api::AgentAnswer AgentDesk::lastDenial(const RunId& run) const {
  const auto told = world_.launcher.copyOf(run, sandbox::HeldFd::kDenials);
  if (!told) return api::AgentDenial{};
  const auto file = openAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(told->get()), O_RDONLY);
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0)
    return api::AgentRefusal{"unavailable", "what was denied cannot be read"};
  std::string text(static_cast<std::size_t>(std::min<off_t>(status.st_size, kMaxDenialLine.count + 1)), '\0');
  const ssize_t got = ::pread(file->get(), text.data(), text.size(), status.st_size - static_cast<off_t>(text.size()));
  if (got < 0) return api::AgentRefusal{"unavailable", "what was denied cannot be read"};
  text.resize(static_cast<std::size_t>(got));
  while (text.ends_with('\n')) text.pop_back();
  const std::size_t before = text.rfind('\n');
  if (before == std::string::npos && text.size() >= kMaxDenialLine.count)
    return api::AgentRefusal{"unavailable", "what was denied last is too long to be told; $RINGFENCE_DENIALS has it"};
  return api::AgentDenial{before == std::string::npos ? text : text.substr(before + 1)};
}

api::AgentAnswer AgentDesk::brake(const RunId& run, const std::string& why) {
  const auto outcome = world_.turns.submit(AgentStops{run, why});
  if (!outcome) return api::agentRefusalOf(outcome.error());
  world_.report(outcome->failures);
  if (!outcome->failures.empty()) return api::agentRefusalOf(outcome->failures.front());
  return api::AgentDone{};
}

api::AgentTotals AgentDesk::totalsOf(const RunId& run) const {
  api::AgentTotals totals;
  const auto& runs = world_.turns.state().runs;
  const auto found = runs.find(run);
  if (found == runs.end()) return totals;
  for (const Budget& budget : budgetsOf(world_.turns.state(), found->second, world_.clock.now(), {})) {
    if (budget.kind == BudgetKind::kTokens) totals.tokensLimit = budget.edge;
    if (budget.kind == BudgetKind::kCost) totals.costLimitMicroUsd = budget.edge;
  }
  if (!found->second.reported) return totals;
  const ReportedUsage& all = *found->second.reported;
  totals.inputTokens = all.inputTokens;
  totals.outputTokens = all.outputTokens;
  totals.reports = all.reports;
  totals.costMicroUsd = spentOf(found->second.reported, std::nullopt).costMicroUsd;
  totals.costEstimated = all.estimatedMicroUsd.has_value();
  return totals;
}

}  // namespace ringfence::supervisor
