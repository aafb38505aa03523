// Starting runs, and telling those who wait for one.
#include <algorithm>

#include "sandbox/plan/guards.h"
#include "sandbox/plan/writable_places.h"
#include "sdk/base/output_ring.h"
#include "sdk/base/sha256.h"
#include "supervisor/api/details.h"
#include "supervisor/core/lookup.h"
#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

using sandbox::HeldFd;

constexpr std::string_view kLimitKeys = "limits.";

// What a refused launch is for the caller: the wall or step in the token, the status in the exit code.
api::Refusal notStarted(const RunRefused& body) {
  const char* code = body.exitCode == 127 ? "not-found" : body.exitCode == 126 ? "denied" : "unavailable";
  return {code, body.message, body.token, static_cast<std::uint32_t>(body.exitCode), {}, 0};
}

// Why there is nothing to read. `error` is what was found where its output would be.
Error noOutput(const Run& run, const Error& error) {
  const auto* ended = std::get_if<EndedState>(&run.life);
  if (ended != nullptr && ended->refused)
    return {ErrorCode::kNotFound, describe(run) + " did not start, so there is no output of it"};
  if (run.what.stdio == sandbox::Stdio::kDescriptors) {
    return {ErrorCode::kNotFound,
            "the output of " + describe(run) + " went where its caller sent it; none of it is kept"};
  }
  if (commandPid(run.life) == 0 && ended == nullptr)
    return {ErrorCode::kBusy, describe(run) + " has not begun yet; try again in a moment"};
  if (ended == nullptr) return error;
  std::string why = "of ended runs " + std::to_string(kMaxKeptOutput.count >> 20) +
                    " MiB of output are kept in all, and the oldest goes first; or daemon and launcher died together "
                    "before it was written. To keep all of "
                    "it, redirect it to a file";
  if (error.code != ErrorCode::kNotFound)
    why = error.message;
  else if (!ended->usage.outputBytes)
    why = "nobody saw the run end, and what was in memory of its output went with its launcher";
  return {ErrorCode::kNotFound, "the output of " + describe(run) + " is gone: " + why};
}

std::optional<PolicyFile> policyFileOf(const api::RunRequest& request) {
  if (!request.policyFile || request.policyFile->path.empty()) return std::nullopt;
  return PolicyFile{request.policyFile->path, sha256Hex(request.policyFile->text)};
}

// Memory is held back before its limit where the policy says what happens then; else the kernel's limit alone ends it.
RunBounds boundsOf(const policy::Document& document) {
  const policy::Limits& limits = document.limits;
  RunBounds bounds;
  if (limits.memory && document.origins.contains("limits.on_limit")) bounds.memoryBytes = limits.memory->count;
  if (limits.wallTime) bounds.wallTimeSec = static_cast<std::uint64_t>(limits.wallTime->count());
  if (limits.wallTimePerDay) bounds.wallTimePerDaySec = static_cast<std::uint64_t>(limits.wallTimePerDay->count());
  bounds.tokens = limits.tokens;
  bounds.tokensPerDay = limits.tokensPerDay;
  bounds.costMicroUsd = limits.costMicroUsd;
  bounds.costPerDayMicroUsd = limits.costPerDayMicroUsd;
  bounds.prompts = limits.prompts;
  bounds.promptsPerDay = limits.promptsPerDay;
  if (limits.warnAtPercent) bounds.warnAtPercent = *limits.warnAtPercent;
  if (limits.onLimit == policy::OnLimit::kDeny) bounds.denyPrompts = true;
  if (document.preemptGrace) bounds.preemptGraceSec = static_cast<std::uint64_t>(document.preemptGrace->count());
  bounds.kill = limits.onLimit == policy::OnLimit::kKill;
  if (limits.memory && document.walls.limits != policy::WallStrength::kOff)
    bounds.memoryHardBytes = limits.memory->count;
  if (limits.pids) bounds.pids = *limits.pids;
  if (limits.cpu) bounds.cpuPercent = limits.cpu->percent;
  if (limits.ioWrite) bounds.fileWriteBytesPerSec = limits.ioWrite->count;
  if (limits.onAlarm == policy::OnAlarm::kPause) bounds.holdOnAlarm = true;
  std::vector<BoundOrigin> origins;
  for (const auto& [key, origin] : document.origins) {
    if (!key.starts_with(kLimitKeys) || origin.file.empty()) continue;
    origins.push_back({key.substr(kLimitKeys.size()), origin.file + ":" + std::to_string(origin.line)});
  }
  if (!origins.empty()) bounds.origins = std::move(origins);
  return bounds;
}

}  // namespace

// ---- starting

void Requests::on(Asker asker, api::RunRequest& request, std::vector<UniqueFd> fds) {
  // A dry run starts nothing.
  if (!request.dryRun && refusedByLatch(asker)) return;
  if (!request.dryRun) world_.awake.keep(world_.clock.now().boottime);
  if (!request.dryRun && !fds.empty()) world_.slots.foretell(fds.front().get());
  start(asker, request, std::move(fds));
  world_.slots.endForetelling();
}

void Requests::start(Asker asker, api::RunRequest& request, std::vector<UniqueFd> fds) {
  const Client& client = *world_.clients.find(asker.client);
  world_.lookAtPolicies();
  const LaunchWorld launchWorld{
      world_.config,
      world_.features,
      world_.policies,
      launchMemory_,
      AccountSource{names_, world_.clock.now().boottime},
      world_.turns.state(),
      client.identity,
      world_.clock.now().wall,
      world_.nodesOf,
      [this](std::uint32_t uid, const std::string& directory) { return world_.prunes.isLeaving(uid, directory); }};
  auto chosen = choosePolicy(request, launchWorld);
  if (const auto* refused = std::get_if<api::Refusal>(&chosen)) return answer(asker, *refused);
  const ChosenPolicy& policy = std::get<ChosenPolicy>(chosen);
  // A dry run takes no slot: its plan is shown and forgotten.
  const RunId run = request.dryRun ? RunId::random() : world_.slots.take(policy.document.priority);
  auto outcome = prepareLaunch(request, std::move(fds), policy, run, launchWorld);
  if (const auto* refused = std::get_if<api::Refusal>(&outcome)) {
    if (!request.dryRun) world_.slots.giveBack(policy.document.priority, run);
    return answer(asker, *refused);
  }
  Prepared& prepared = std::get<Prepared>(outcome);
  if (request.dryRun) return answer(asker, describePlan(prepared));

  world_.performer.keepForLaunch(run, std::move(prepared.fds));
  launching_[run] = {asker, request.detached, std::move(prepared.notes)};
  std::string hash = sandbox::planHash(prepared.plan);
  RunTerms terms = termsOf(run, prepared, request, policy.document);
  prepared.plan.enforced.clear();  // For people: whoever obeys the plan does without.
  auto admitted = submit(AdmitRun{client.identity.peer, std::move(prepared.plan), prepared.name, prepared.workspace,
                                  std::move(hash), request.detached, std::move(terms)});
  if (admitted) {
    if (request.wantsName) answer(asker, api::RunNamed{run.text()}, api::Last::kNo);
    return;
  }
  launching_.erase(run);
  world_.mediation.close(run);
  world_.performer.dropForLaunch(run);
  world_.slots.giveBack(policy.document.priority, run);
  api::Refusal refused = api::refusalOf(admitted.error());
  refused.exitCode = 125;
  refused.token = world_.turns.storeFailure() ? "log" : "admission";
  answer(asker, refused);
}

// Its rules are kept for as long as it lives, and the values of its credentials with whoever needs them.
RunTerms Requests::termsOf(const RunId& run, const Prepared& prepared, const api::RunRequest& request,
                           const policy::Document& document) {
  auto kept = world_.resolved.keep(sandbox::withGranted(document, request.extraPaths, request.installTree));
  if (!kept.written) {
    world_.report({std::move(kept.written)
                       .error()
                       .with("keeping the policy of " + run.text() + ", which the next daemon would need")});
  }
  std::vector<sandbox::CredentialValue> values;
  for (const policy::Credential& credential : document.network.credentials) {
    const auto found =
        std::ranges::find(request.environment, credential.fromVariable, &std::pair<std::string, std::string>::first);
    values.push_back({found == request.environment.end() ? std::string() : found->second});
  }
  world_.mediation.admitted(run, std::move(kept.document), std::move(values));
  return {.home = prepared.home,
          .resolved = std::move(kept.hash),
          .unattended = request.unattended,
          .promptTimeoutSec = static_cast<std::uint64_t>(document.prompt.timeout.count()),
          .promptPerMinute = document.prompt.perMinute,
          .policyFile = policyFileOf(request),
          .bounds = boundsOf(document),
          .npu = prepared.npu,
          .gpu = prepared.gpu,
          .writable = sandbox::writablePlaces(prepared.plan),
          .adapter = request.adapter ? std::optional(request.adapter->terms) : std::nullopt};
}

// Its admission is durable, so its client need not wait until its beginning is.
void Requests::began(const RunId& id, std::int32_t pid) {
  const auto found = launching_.find(id);
  if (found == launching_.end()) return;
  const Launching launching = std::move(found->second);
  launching_.erase(found);
  const Run* run = findKnown(world_.turns.state(), id);
  if (run == nullptr) return;
  const bool hasTerminal = run->what.stdio == sandbox::Stdio::kTerminal;
  api::RunAccepted accepted{id.text(),       run->what.name, pid, api::weakenedOf(run->what.weakened),
                            launching.notes, false};
  for (const sandbox::Note& note : run->notes) accepted.notes.push_back(note.text);
  std::vector<UniqueFd> fds;
  if (hasTerminal && !launching.detached) {
    if (auto terminal = world_.launcher.copyOf(id, HeldFd::kTerminal)) {
      fds.push_back(std::move(*terminal));
      accepted.hasTerminal = true;
    }
  }
  if (world_.clients.find(launching.asker.client) == nullptr) {
    if (hasTerminal) setDraining(id, true);
    return;
  }
  if (launching.detached && hasTerminal) setDraining(id, true);
  if (!launching.detached) followers_.emplace(id, Follower{launching.asker, true});
  answer(launching.asker, accepted, launching.detached ? api::Last::kYes : api::Last::kNo, std::move(fds));
}

void Requests::onFact(const Fact& fact, const RunRefused& body) {
  const auto found = launching_.find(fact.run);
  if (found == launching_.end()) return;
  answer(found->second.asker, notStarted(body));
  launching_.erase(found);
}

void Requests::onFact(const Fact& fact, const RunEnded& body) {
  const auto exit = api::exitReportOf(body);
  if (const auto found = launching_.find(fact.run); found != launching_.end()) {
    const std::string why = body.note.empty() ? "it ended before it began" : body.note;
    answer(found->second.asker, api::Refusal{"unavailable", why, "ended", 125, {}, 0});
    launching_.erase(found);
  }
  const api::RunEvent end{fact.run.text(), exit};
  if (const auto leaving = leaving_.find(fact.run); leaving != leaving_.end())
    leaving->second = end;
  else
    tellEnd(fact.run, end);
}

void Requests::tellEnd(const RunId& run, const api::RunEvent& end) {
  const auto [first, last] = followers_.equal_range(run);
  for (auto follower = first; follower != last; ++follower) answer(follower->second.asker, end);
  followers_.erase(first, last);
}

void Requests::removed(const RunId& run) {
  const auto leaving = leaving_.find(run);
  if (leaving == leaving_.end()) return;
  const auto end = std::move(leaving->second);
  leaving_.erase(leaving);
  if (end) tellEnd(run, *end);
}

void Requests::published(const Fact& fact) {
  std::visit([&](const auto& body) { onFact(fact, body); }, fact.body);
  answersDurable(fact.seq);
}

// ---- following

// Who looks at its terminal must not think that it hangs.
void Requests::onFact(const Fact& fact, const RunFrozen& body) {
  if (body.preemption || body.itself == SelfHeld::kEmergencyStop || body.itself == SelfHeld::kAgent)
    tellFollowers(fact.run, {fact.run.text(), api::Governed{true, body.reason}});
}

void Requests::onFact(const Fact& fact, const RunResumed& body) {
  if (body.reason) tellFollowers(fact.run, {fact.run.text(), api::Governed{false, *body.reason}});
}

void Requests::tellFollowers(const RunId& run, const api::RunEvent& what) {
  const auto [first, last] = followers_.equal_range(run);
  for (auto follower = first; follower != last; ++follower) answer(follower->second.asker, what, api::Last::kNo);
}

void Requests::launcherSaid(const sandbox::LauncherEvent& event) {
  if (const auto* started = std::get_if<sandbox::Started>(&event)) began(started->run, started->pid);
  if (const auto* ended = std::get_if<sandbox::Ended>(&event)) leaving_.try_emplace(ended->run);
  if (const auto* gone = std::get_if<sandbox::Removed>(&event)) removed(gone->run);
  if (const auto* stopped = std::get_if<sandbox::CommandStopped>(&event))
    tellFollowers(stopped->run, {stopped->run.text(), api::StoppedBy{stopped->signal}});
  if (const auto* continued = std::get_if<sandbox::CommandContinued>(&event))
    tellFollowers(continued->run, {continued->run.text(), api::Continued{}});
}

// What it left of ended runs is found and removed when the next one is there.
void Requests::launcherGone() {
  const auto leaving = std::exchange(leaving_, {});
  for (const auto& [run, end] : leaving) {
    if (end) tellEnd(run, *end);
  }
}

void Requests::on(Asker asker, const api::AttachRun& request) {
  auto found = findControllableRun(peerOf(asker), request.run);
  if (!found) return refuse(asker, found.error());
  const Run& run = **found;
  if (!isLive(run))
    return refuse(asker,
                  {ErrorCode::kInvalid, describe(run) + " has ended; ringfence logs shows what is kept of its output"});
  const bool isTerminal = run.what.stdio == sandbox::Stdio::kTerminal;
  if (run.what.stdio == sandbox::Stdio::kDescriptors) {
    return refuse(asker, {ErrorCode::kInvalid, "the output of " + describe(run) +
                                                   " goes where its caller sent it; there is nothing to attach to"});
  }
  if (isTerminal && followers_.contains(run.id))
    return refuse(asker, {ErrorCode::kBusy, describe(run) + " is attached elsewhere; detach there first"});
  auto output = world_.launcher.copyOf(run.id, isTerminal ? HeldFd::kTerminal : HeldFd::kOutputRing);
  if (!output) return refuse(asker, noOutput(run, output.error()));
  if (isTerminal) setDraining(run.id, false);
  followers_.emplace(run.id, Follower{asker, false});
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(*output));
  answer(asker, api::Output{isTerminal}, api::Last::kNo, std::move(fds));
}

// In the ring while the launcher keeps the run, then on the disk.
Result<UniqueFd> Requests::outputOf(const Run& run) const {
  auto ring = world_.launcher.copyOf(run.id, HeldFd::kOutputRing);
  const auto* ended = std::get_if<EndedState>(&run.life);
  if (ring || ended == nullptr || world_.outputs == nullptr) return ring;
  if (ended->usage.outputBytes == std::optional<std::uint64_t>(0)) return emptyOutputRing();
  return world_.outputs->read(run.id);
}

void Requests::on(Asker asker, const api::ReadOutput& request) {
  auto found = findControllableRun(peerOf(asker), request.run);
  if (!found) return refuse(asker, found.error());
  auto output = outputOf(**found);
  if (!output) return refuse(asker, noOutput(**found, output.error()));
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(*output));
  answer(asker, api::Output{false}, api::Last::kYes, std::move(fds));
}

void Requests::on(Asker asker, const api::Detach& request) {
  auto found = findControllableRun(peerOf(asker), request.run);
  if (!found) return refuse(asker, found.error());
  const auto [first, last] = followers_.equal_range((*found)->id);
  for (auto follower = first; follower != last; ++follower) {
    if (follower->second.asker.client != asker.client) continue;
    if ((*found)->what.stdio == sandbox::Stdio::kTerminal) setDraining((*found)->id, true);
    followers_.erase(follower);
    return answer(asker, api::Done{{(*found)->id.text()}});
  }
  refuse(asker, {ErrorCode::kInvalid, "this connection is not attached to " + describe(**found)});
}

void Requests::setDraining(const RunId& run, bool draining) {
  if (auto sent = world_.launcher.send(sandbox::SetDraining{run, draining}, {}); !sent) world_.report({sent.error()});
}

void Requests::adopted(const std::vector<sandbox::KeptRun>& kept) {
  for (const sandbox::KeptRun& one : kept) {
    const Run* run = findLive(world_.turns.state(), one.run);
    if (run == nullptr || run->what.stdio != sandbox::Stdio::kTerminal) continue;
    if (!followers_.contains(one.run)) setDraining(one.run, true);
  }
}

// A terminal that is lost detaches; a client without one takes its run along.
void Requests::leave(const RunId& run, const Follower& follower) {
  const Run* live = findLive(world_.turns.state(), run);
  if (live == nullptr) return;
  if (live->what.stdio == sandbox::Stdio::kTerminal) return setDraining(run, true);
  if (!follower.foreground) return;
  if (auto lost = submit(ClientLost{run}); !lost) world_.report({lost.error()});
}

void Requests::clientGone(ClientId client) {
  std::erase_if(watchers_, [&](const Watcher& watcher) { return watcher.asker.client == client; });
  std::erase_if(rearming_, [&](const Asker& asker) { return asker.client == client; });
  std::erase_if(revoking_, [&](const Revoking& revoking) { return revoking.asker.client == client; });
  std::vector<std::pair<RunId, Follower>> gone;
  std::erase_if(followers_, [&](const auto& entry) {
    if (entry.second.asker.client != client) return false;
    gone.push_back(entry);
    return true;
  });
  for (const auto& [run, follower] : gone) leave(run, follower);
  // A launch whose client is gone before it began: one that was to be watched ends, a detached one goes on.
  for (const auto& [run, launching] : launching_) {
    if (launching.asker.client != client || launching.detached) continue;
    if (auto lost = submit(ClientLost{run}); !lost) world_.report({lost.error()});
  }
}

void Requests::storeFailed(const Error& error) {
  answersFailed(error);
  auto waiting = std::exchange(launching_, {});
  rearmFailed({ErrorCode::kUnavailable, "the log cannot be written: " + error.message + "; it stays latched"});
  for (const auto& [run, launching] : waiting) {
    // Its record may become durable later; nothing of it may start then.
    if (auto killed = submit(KillRun{Peer{0, true, true}, run, "the log could not be written"}); !killed)
      world_.report({killed.error()});
    answer(launching.asker,
           api::Refusal{"unavailable", "the log cannot be written: " + error.message, "log", 125, {}, 0});
  }
}

}  // namespace ringfence::supervisor
