#include "supervisor/mediation.h"

#include <algorithm>

#include "supervisor/core/cards.h"
#include "supervisor/core/grants.h"
#include "supervisor/core/lookup.h"

namespace ringfence::supervisor {
namespace {

using sandbox::GuardKind;
using sandbox::HeldFd;

constexpr GuardKind kKinds[] = {GuardKind::kWarden, GuardKind::kEgress};
constexpr Milliseconds kBusyRingDelay{20};  // a ring that fills again while it is emptied
constexpr std::size_t kFactsPerDrain = 16;  // then others have their turn

constexpr std::size_t kLastLooks = 16;  // at what a guard of a run that ended has still said

const char* kindName(GuardKind kind) { return kind == GuardKind::kWarden ? "warden" : "egress"; }
HeldFd endOf(GuardKind kind) { return kind == GuardKind::kWarden ? HeldFd::kWarden : HeldFd::kEgress; }
HeldFd ringOf(GuardKind kind) { return kind == GuardKind::kWarden ? HeldFd::kWardenActions : HeldFd::kEgressActions; }

void soonest(std::optional<Microseconds>& at, Microseconds when) { at = std::min(at.value_or(when), when); }

}  // namespace

// ---- runs

void Mediation::admitted(const RunId& run, std::shared_ptr<const policy::Document> document,
                         std::vector<sandbox::CredentialValue> credentials) {
  rules_[run].document = std::move(document);
  if (!credentials.empty()) credentials_[run] = std::move(credentials);
}

const Mediation::Link* Mediation::find(const GuardName& guard) const {
  for (const auto& [id, link] : links_) {
    if (link.link.name() == guard && !link.link.over()) return &link;
  }
  return nullptr;
}

Mediation::Link* Mediation::find(const GuardName& guard) { return const_cast<Link*>(std::as_const(*this).find(guard)); }

bool Mediation::openOne(const Run& run, GuardKind kind, Since since) {
  const GuardName name{run.id, kind};
  if (find(name) != nullptr) return false;
  auto end = world_.launcher.copyOf(run.id, endOf(kind));
  if (!end) return false;  // It has no such guard.
  std::optional<sandbox::ActionRing> ring;
  if (auto held = world_.launcher.copyOf(run.id, ringOf(kind))) {
    auto opened = sandbox::ActionRing::open(*std::move(held));
    if (opened)
      ring.emplace(*std::move(opened));
    else
      world_.report({std::move(opened).error().with("what the " + std::string(kindName(kind)) + " of " + run.id.text() +
                                                    " allows")});
  }
  const GuardMemory& memory = kind == GuardKind::kWarden ? run.talk.warden : run.talk.egress;
  Link& link = links_.emplace(nextLink_++, Link{GuardLink(name, *std::move(end), std::move(ring), memory.ringUpTo)})
                   .first->second;
  // Whoever was to say that something is there may have died before it did, and says it of an empty ring alone.
  link.drainAt = world_.clock.now().boottime + kRingDelay;
  if (since == Since::kAnotherDaemon) {
    link.link.send(sandbox::Repeat{});
    link.adopted = true;
    link.drainAt = world_.clock.now().boottime;
  }
  return true;
}

void Mediation::open(const RunId& id, Since since) {
  const Run* run = findLive(world_.turns.state(), id);
  if (run == nullptr) return;
  for (const GuardKind kind : kKinds) {
    if (!openOne(*run, kind, since)) continue;
    Link* link = find({id, kind});
    if (link != nullptr) sendRules(id, link);
  }
  tellFailures();
}

void Mediation::drain(const RunId& run) {
  for (auto& [id, link] : links_) {
    if (link.link.name().run != run) continue;
    link.lastWords = true;
    for (std::size_t i = 0; i < kLastLooks; ++i)
      for (sandbox::GuardEvent& event : link.link.receive()) link.inbox.push_back(std::move(event));
    hearOut(link);
  }
  tellFailures();
}

// Whatever it said, also where it said that just before its own end.
void Mediation::hearOut(Link& link) {
  for (; !link.inbox.empty() && takeLast(link, link.inbox.front()); link.search.reset()) link.inbox.pop_front();
  refuseTooMany(link);
  drainRing(link, Extent::kAll);
  recordTraffic(link);
  recordOmitted(link);
}

// The run is over: nobody waits for a record, however many there are.
bool Mediation::takeLast(Link& link, const sandbox::GuardEvent& event) {
  const auto* record = std::get_if<sandbox::Record>(&event);
  return record != nullptr ? recordOf(link, *record, Waits::kNobody) : take(link, event);
}

void Mediation::close(const RunId& run) {
  for (auto& [id, link] : links_) {
    if (link.link.name().run == run) link.link.close();
  }
  for (const GuardKind kind : kKinds) allowances_.erase({run, kind});
  credentials_.erase(run);
  network_.erase(run);
  rules_.erase(run);
}

void Mediation::guardDied(const GuardName& guard, const std::string& why) { submit(GuardFailed{guard, why}); }

// ---- the loop's

std::vector<Mediation::Socket> Mediation::sockets() const {
  std::vector<Socket> sockets;
  for (const auto& [id, link] : links_) {
    if (link.link.over()) continue;
    const bool reads = link.inbox.empty() && link.tooMany.size() < kMaxHeldAsks && canRecord();
    sockets.push_back({id, link.link.fd(), reads, link.link.wantsWrite()});
  }
  return sockets;
}

std::vector<Mediation::LinkId> Mediation::finished() const {
  std::vector<LinkId> over;
  for (const auto& [id, link] : links_) {
    if (link.link.over()) over.push_back(id);
  }
  return over;
}

void Mediation::ready(LinkId id, bool readable, bool writable) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  Link& link = found->second;
  if (writable) link.link.flush();
  if (readable && link.inbox.empty() && canRecord()) {
    for (sandbox::GuardEvent& event : link.link.receive()) {
      if (const auto* rules = std::get_if<sandbox::RulesInForce>(&event)) link.taken = rules->generation;
      link.inbox.push_back(std::move(event));
    }
    if (link.lastWords)
      hearOut(link);
    else
      work(link);
  }
  tellFailures();
}

void Mediation::wake() {
  const auto [wall, monotonic, now] = world_.clock.now();
  renewRules(wall);
  const bool wasDeaf = deaf_;
  deaf_ = world_.turns.storeFailure().has_value();
  // Meanwhile a guard may have had no room to keep what it said.
  for (auto& [id, link] : links_) {
    if (wasDeaf && !deaf_) link.link.send(sandbox::Repeat{});
  }
  for (auto& [id, link] : links_) {
    work(link);
    if (!canRecord()) break;
    if (link.refuseAt && *link.refuseAt <= now) refuseTooMany(link);
    if (link.drainAt && *link.drainAt <= now) drainRing(link, Extent::kSome);
    if (link.traffic && link.trafficAt && *link.trafficAt <= now) recordTraffic(link);
    if (link.omittedAt && *link.omittedAt <= now) recordOmitted(link);
  }
  tellFailures();
}

// While nothing can be recorded, the log's own next try wakes the loop.
std::optional<Microseconds> Mediation::nextWake() const {
  std::optional<Microseconds> next;
  const auto [wall, monotonic, now] = world_.clock.now();
  for (const auto& [run, rules] : rules_) {
    if (rules.endsAt) soonest(next, now + (*rules.endsAt - wall));
  }
  if (!canRecord()) return next;
  for (const auto& [id, link] : links_) {
    if (link.refuseAt) soonest(next, *link.refuseAt);
    if (link.drainAt) soonest(next, *link.drainAt);
    if (link.traffic && link.trafficAt) soonest(next, *link.trafficAt);
    if (link.search && !link.search->found) soonest(next, link.search->until);
    for (const auto& at : {link.omittedAt, link.hearAt}) {
      if (at && !link.link.over()) soonest(next, *at);
    }
  }
  return next;
}

void Mediation::perform(std::vector<GuardEffect> effects) {
  for (GuardEffect& effect : effects) {
    if (const auto* tell = std::get_if<TellGuard>(&effect)) {
      if (Link* link = find({tell->run, tell->guard})) link->link.send(tell->order);
    } else if (const auto* rules = std::get_if<SendRules>(&effect)) {
      sendRules(rules->run, nullptr);
    } else if (const auto* settle = std::get_if<SettleRing>(&effect)) {
      Link* link = find({settle->run, settle->guard});
      if (link != nullptr && link->link.settle(settle->upTo))
        soonest(link->drainAt, world_.clock.now().boottime + kBusyRingDelay);
    }
  }
  tellFailures();
}

// ---- what guards say

bool Mediation::canRecord() const {
  return !world_.turns.storeFailure() && world_.turns.state().lastSeq - world_.turns.durableSeq() <= kMaxGuardBacklog;
}

bool Mediation::submit(const Command& command) {
  auto outcome = world_.turns.submit(command);
  if (outcome) {
    world_.report(outcome->failures);
    return true;
  }
  world_.report({outcome.error()});
  return false;
}

void Mediation::work(Link& link) {
  while (!link.inbox.empty() && canRecord() && !link.link.over()) {
    if (!take(link, link.inbox.front())) return;
    link.inbox.pop_front();
    link.search.reset();
  }
}

bool Mediation::take(Link& link, const sandbox::GuardEvent& event) {
  link.hearAt.reset();
  return std::visit([&](const auto& one) { return on(link, one); }, event);
}

bool Mediation::on(Link& link, const sandbox::GuardHello& event) {
  if (!submit(GuardGreeted{link.link.name(), event.pid, event.restarted})) return false;
  // What was sent before it was there it has found, unless one before it took that.
  if (event.restarted || !link.toldRules) sendRules(link.link.name().run, &link);
  link.toldRules = false;
  tellHold(link);
  soonest(link.drainAt, world_.clock.now().boottime + kRingDelay);  // What the one before it had no time to say.
  return true;
}

bool Mediation::on(Link& link, const sandbox::Ask& event) {
  const Run* run = findLive(world_.turns.state(), link.link.name().run);
  if (run == nullptr) return true;
  if (whyRefused(world_.turns.state(), *run, link.link.name().kind, event, world_.turns.context())) {
    const bool known = std::ranges::any_of(link.tooMany, [&](const sandbox::Ask& one) { return one.ask == event.ask; });
    if (known) return true;
    soonest(link.refuseAt, refusalOf(link, *run, event));
    link.tooMany.push_back(event);
    return true;
  }
  AskRaised raised{link.link.name(), event, hashOf(run->id)};
  const bool isFirst = isNew(world_.turns.state(), *run, link.link.name().kind, event);
  if (isFirst && !findOwner(link, *run, raised.ask.action)) return false;
  // Asked and withdrawn again and again it fills the log as records do, and no bound of open questions keeps it.
  const Bytes weight = isFirst ? weightOf({.action = raised.ask.action, .rule = raised.ask.rule}) : weightOf({});
  const bool isTaken = takeOrWait(link, weight);
  if (!isTaken && !link.lastWords) return false;
  if (submit(raised)) return true;
  if (isTaken) allowances_[link.link.name()].giveBack(weight);
  return false;
}

// False: the log has no room for it, and the first of the inbox is looked at when there is.
bool Mediation::takeOrWait(Link& link, Bytes weight) {
  RecordAllowance& allowance = allowances_[link.link.name()];
  if (allowance.take(weight, world_.clock.now().boottime)) return true;
  link.hearAt = allowance.readyAt(weight);
  return false;
}

// When an ask that is too many is refused, with what came meanwhile. Where nobody is there none of them waits for a
// person, and one program that goes on asking in turn would wait for each: as long as the records of its guard leave
// room for the fact, it is refused in the next turn. Where somebody is there the open questions are what it is too many
// for.
Microseconds Mediation::refusalOf(const Link& link, const Run& run, const sandbox::Ask& ask) {
  const Microseconds now = world_.clock.now().boottime;
  if (!termsOf(run).unattended || !link.tooMany.empty()) return now + kOverflowDelay;
  const Bytes weight = weightOf({.action = ask.action, .rule = ask.rule});
  return allowances_[link.link.name()].take(weight, now) ? now : now + kOverflowDelay;
}

// Fills in who is behind the action; false: that is still being looked for. An egress sees no process, so what it says
// about them counts for nothing, and the launcher looks.
bool Mediation::findOwner(Link& link, const Run& run, sandbox::GuardedAction& action) {
  if (link.link.name().kind == GuardKind::kWarden) {
    if (action.chain.empty()) action.chainNote = "not known: the process was gone when it was looked for";
    return true;
  }
  action.chain.clear();
  const Microseconds now = world_.clock.now().boottime;
  if (!link.search && !link.lastWords) {
    const std::uint64_t ticket = nextTicket_++;
    if (!world_.launcher.send(sandbox::FindOwner{run.id, ticket, action.object}, {})) {
      action.chainNote = "not known: the launcher, which would look, is not there at the moment";
      return true;
    }
    link.search = Search{ticket, now + kOwnerPatience};
  }
  if (!link.search || (link.lastWords && !link.search->found)) {
    action.chainNote = "not known: the run was over when it was looked for";
    return true;
  }
  if (!link.search->found && now < link.search->until) return false;
  if (!link.search->found)
    link.search->found = sandbox::OwnerFound{run.id, 0, {}, "not known: the launcher did not answer in time"};
  action.chain = link.search->found->chain;
  if (!link.search->found->note.empty()) action.chainNote = link.search->found->note;
  return true;
}

void Mediation::ownerFound(const sandbox::OwnerFound& found) {
  for (auto& [id, link] : links_) {
    if (link.link.name().run != found.run || !link.search || link.search->ticket != found.ticket || link.search->found)
      continue;
    link.search->found = found;
    work(link);
  }
  tellFailures();
}

bool Mediation::on(Link& link, const sandbox::Withdraw& event) {
  std::erase_if(link.tooMany, [&](const sandbox::Ask& one) { return one.ask == event.ask; });
  return submit(AskWithdrawn{link.link.name(), event});
}

bool Mediation::on(Link& link, const sandbox::Record& event) {
  return recordOf(link, event, event.ticket == 0 ? Waits::kNobody : Waits::kItsGuard);
}

// What a guard waits for is never left out: it is heard more slowly then.
bool Mediation::recordOf(Link& link, const sandbox::Record& event, Waits waits) {
  const GuardName& name = link.link.name();
  const Bytes weight = weightOf(event);
  if (takeOrWait(link, weight)) {
    if (submit(RecordTold{name, event, hashOf(name.run)})) return true;
    allowances_[name].giveBack(weight);
    return false;
  }
  if (waits == Waits::kItsGuard) return false;
  link.hearAt.reset();
  ++link.omitted;
  soonest(link.omittedAt, world_.clock.now().boottime + kOmittedDelay);
  return true;
}

bool Mediation::on(Link& link, const sandbox::Performed& event) {
  return submit(AskPerformed{link.link.name(), event});
}

bool Mediation::on(Link& link, const sandbox::Traffic& event) {
  const Microseconds now = world_.clock.now().boottime;
  if (!link.trafficAt) link.trafficAt = now + kTrafficInterval;
  if (!link.traffic) link.trafficAt = std::max(*link.trafficAt, now);
  link.traffic = event;
  return true;
}

bool Mediation::on(Link& link, const sandbox::RulesInForce& event) {
  link.toldRules = false;
  std::string hash;
  if (const auto rules = rules_.find(link.link.name().run); rules != rules_.end()) {
    const auto found = rules->second.hashes.find(event.generation);
    if (found != rules->second.hashes.end()) hash = found->second;
  }
  return submit(RulesTaken{link.link.name(), event, std::move(hash)});
}

bool Mediation::on(Link& link, const sandbox::ActionsWaiting&) {
  soonest(link.drainAt, world_.clock.now().boottime + kRingDelay);
  return true;
}

void Mediation::refuseTooMany(Link& link) {
  link.refuseAt.reset();
  if (link.tooMany.empty()) return;
  if (submit(AsksOverflowed{link.link.name(), link.tooMany}))
    link.tooMany.clear();
  else
    link.refuseAt = world_.clock.now().boottime + kOverflowDelay;
}

void Mediation::recordTraffic(Link& link) {
  if (!link.traffic) return;
  if (!submit(TrafficTold{link.link.name().run, link.traffic->hosts})) return;
  link.traffic.reset();
  link.trafficAt = world_.clock.now().boottime + kTrafficInterval;
}

void Mediation::recordOmitted(Link& link) {
  link.omittedAt.reset();
  if (link.omitted == 0) return;
  if (submit(RecordsOmitted{link.link.name(), link.omitted}))
    link.omitted = 0;
  else
    link.omittedAt = world_.clock.now().boottime + kOmittedDelay;
}

void Mediation::drainRing(Link& link, Extent extent) {
  const GuardName name = link.link.name();
  link.drainAt.reset();
  for (std::size_t facts = 0; extent == Extent::kAll || facts < kFactsPerDrain; ++facts) {
    if (extent == Extent::kSome && !canRecord()) break;
    auto drained = link.link.drain();
    if (!drained) {
      link.link.fail("what it says that it allowed cannot be read: " + drained.error().message);
      return;
    }
    if (drained->actions.empty()) {
      // Recorded by a daemon that died before it let go of it, or of a link that is no more.
      if (!link.link.hasUnsettled() || submit(ActionsDrained{name, {}, drained->upTo, hashOf(name.run)})) return;
      break;
    }
    if (!submit(ActionsDrained{name, std::move(drained->actions), drained->upTo, hashOf(name.run)})) break;
    link.link.advance(drained->upTo);
    if (!drained->more) return;
  }
  link.drainAt = world_.clock.now().boottime + kBusyRingDelay;
}

// The fact that a link ended is recorded here and nowhere else, once.
void Mediation::tellFailures() {
  for (auto& [id, link] : links_) {
    if (!link.link.over() || link.failureTold) continue;
    link.failureTold = true;
    if (link.link.closed() || link.lastWords) continue;  // It ended as its run did.
    recordOmitted(link);
    const GuardName& name = link.link.name();
    const std::string what = "the " + std::string(kindName(name.kind)) + " of " + name.run.text();
    world_.say(what + " is not heard any more: " + *link.link.trouble());
    submit(GuardFailed{name, *link.link.trouble()});
  }
}

}  // namespace ringfence::supervisor
