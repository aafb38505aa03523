#include "supervisor/agent_leases.h"

#include <algorithm>
#include <utility>

#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

using api::AgentRefusal;

AgentRefusal hasNone(AcceleratorKind kind) {
  return {"unavailable", std::string("the run has no ") + nameOf(kind) + ": its policy gives it none (" + keyOf(kind) +
                             "), the machine has none, or an emergency stop took it"};
}

AcceleratorKind kindOf(const AgentLeases::Asked& asked) { return std::get<api::AgentLease>(asked.request).kind; }

// What the run may use of that kind now.
std::optional<AcceleratorShare> shareNow(const State& state, const RunId& run, AcceleratorKind kind) {
  const Run* live = findLive(state, run);
  if (live == nullptr || live->leasesDropped.value_or(false)) return std::nullopt;
  return shareOf(termsOf(*live), kind);
}

}  // namespace

bool AgentLeases::isFree(const std::vector<std::string>& devices) const {
  return std::ranges::none_of(held_, [&](const Turn& turn) {
    return std::ranges::any_of(devices,
                               [&](const std::string& device) { return std::ranges::count(turn.devices, device) > 0; });
  });
}

bool AgentLeases::isRunning(const RunId& run) const {
  const Run* known = findKnown(world_.state(), run);
  return known != nullptr && std::holds_alternative<Running>(known->life);
}

void AgentLeases::ask(Asked asked) {
  const auto& lease = std::get<api::AgentLease>(asked.request);
  const auto share = shareNow(world_.state(), asked.run, lease.kind);
  if (!share || share->devices.empty()) return world_.answer(asked, hasNone(lease.kind));
  const auto isIts = [&](const Turn& turn) {
    return turn.connection == asked.connection && turn.devices == share->devices;
  };
  if (std::ranges::any_of(held_, isIts))
    return world_.answer(asked, AgentRefusal{"busy", "this connection has that lease already"});
  const auto ofRun = std::ranges::count(held_, asked.run, &Turn::run) +
                     std::ranges::count(waiting_, asked.run, [](const Waiting& one) { return one.asked.run; });
  if (static_cast<std::size_t>(ofRun) >= kMaxAgentLeases) {
    return world_.answer(asked, AgentRefusal{"busy", "programs of this run have or wait for " +
                                                         std::to_string(kMaxAgentLeases) + " leases already"});
  }
  const Microseconds until = world_.clock.now().boottime + lease.wait;
  waiting_.push_back({std::move(asked), share->devices, share->percent, until});
  giveWhatIsFree();
  wake();
}

void AgentLeases::give(const Waiting& to) {
  held_.push_back({next_, to.asked.run, to.asked.connection, to.devices});
  world_.answer(to.asked, api::AgentLeased{next_, to.devices, to.percent});
  ++next_;
}

void AgentLeases::giveWhatIsFree() {
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    if (!isRunning(one->asked.run) || !isFree(one->devices)) {
      ++one;
      continue;
    }
    const Waiting next = std::move(*one);
    one = waiting_.erase(one);
    give(next);
  }
}

void AgentLeases::release(std::uint64_t connection, std::uint64_t lease) {
  std::erase_if(held_, [&](const Turn& turn) { return turn.connection == connection && turn.lease == lease; });
  giveWhatIsFree();
}

void AgentLeases::lookAtConnections() {
  const auto isGone = [&](std::uint64_t connection) { return !world_.isConnected(connection); };
  std::erase_if(waiting_, [&](const Waiting& one) { return isGone(one.asked.connection); });
  if (std::erase_if(held_, [&](const Turn& turn) { return isGone(turn.connection); }) > 0) giveWhatIsFree();
}

void AgentLeases::wake() {
  const Microseconds now = world_.clock.now().boottime;
  std::deque<Waiting> over;
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    if (one->until > now) {
      ++one;
      continue;
    }
    over.push_back(std::move(*one));
    one = waiting_.erase(one);
  }
  for (const Waiting& one : over)
    world_.answer(one.asked, AgentRefusal{"busy", std::string("another program has the lease of the ") +
                                                      nameOf(kindOf(one.asked))});
}

std::optional<Microseconds> AgentLeases::nextWake() const {
  std::optional<Microseconds> next;
  for (const Waiting& one : waiting_) next = std::min(next.value_or(one.until), one.until);
  return next;
}

void AgentLeases::lose(const RunId& run, const std::string& why) {
  std::vector<Turn> lost;
  for (const Turn& turn : held_)
    if (turn.run == run) lost.push_back(turn);
  std::erase_if(held_, [&](const Turn& turn) { return turn.run == run; });
  for (const Turn& turn : lost) world_.tell(turn.connection, api::AgentLeaseLost{turn.lease, why});
  if (!lost.empty()) giveWhatIsFree();
}

void AgentLeases::published(const Fact& fact) {
  if (const auto* frozen = std::get_if<RunFrozen>(&fact.body)) lose(fact.run, "the run was frozen: " + frozen->reason);
  if (std::holds_alternative<RunResumed>(fact.body) || std::holds_alternative<RunStarted>(fact.body)) giveWhatIsFree();
  if (!std::holds_alternative<LeaseEnded>(fact.body)) return;
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    const bool isOver = one->asked.run == fact.run && !shareNow(world_.state(), fact.run, kindOf(one->asked));
    if (isOver) world_.answer(one->asked, hasNone(kindOf(one->asked)));
    one = isOver ? waiting_.erase(one) : one + 1;
  }
  lose(fact.run, "the run's accelerators were taken from it");
}

void AgentLeases::close(const RunId& run) {
  std::erase_if(waiting_, [&](const Waiting& one) { return one.asked.run == run; });
  if (std::erase_if(held_, [&](const Turn& turn) { return turn.run == run; }) > 0) giveWhatIsFree();
}

}  // namespace ringfence::supervisor
