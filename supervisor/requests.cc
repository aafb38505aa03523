// Readings, and verbs on runs that exist. Starting and following runs is in run_requests.cc.
#include "supervisor/requests.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "supervisor/api/details.h"
#include "supervisor/core/latch.h"
#include "supervisor/core/lookup.h"
#include "supervisor/freeze_moment.h"

namespace ringfence::supervisor {
namespace {

// What a person's terminal sends, and what scripts use. SIGKILL and SIGSTOP are verbs of their own: kill and freeze.
constexpr int kPassedSignals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH};

bool suits(api::Verb verb, const State& state, const Run& run) {
  switch (verb) {
    case api::Verb::kFreeze:
    case api::Verb::kFreezeAtOnce: return std::holds_alternative<Running>(run.life);
    case api::Verb::kResume:
      return std::holds_alternative<Frozen>(run.life) ||
             (std::holds_alternative<Running>(run.life) && findPausing(state, run.id) != nullptr);
    case api::Verb::kStop: return isLive(run) && !std::holds_alternative<Stopping>(run.life);
    case api::Verb::kKill: return isLive(run);
  }
  return false;
}

}  // namespace

void Requests::handle(ClientId client, api::Incoming incoming) {
  const Asker asker{client, incoming.id};
  if (world_.clients.find(client) == nullptr) return;
  if (auto* run = std::get_if<api::RunRequest>(&incoming.request)) return on(asker, *run, std::move(incoming.fds));
  std::visit(
      [&](const auto& request) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(request)>, api::RunRequest>) on(asker, request);
      },
      incoming.request);
}

const Peer& Requests::peerOf(const Asker& asker) const {
  const Client* client = world_.clients.find(asker.client);
  RF_CHECK(client != nullptr);
  return client->identity.peer;
}

// For what takes a person: whether that one is logged in now.
Peer Requests::personOf(const Asker& asker) const {
  Peer peer = peerOf(asker);
  const auto& identity = world_.clients.find(asker.client)->identity;
  if (world_.login && peer.uid != 0) peer.login = world_.login(peer.uid, identity.sessionOwner);
  return peer;
}

void Requests::answer(const Asker& asker, const api::Answer& answer, api::Last last, std::vector<UniqueFd> fds) {
  world_.clients.answer(asker.client, asker.request, answer, std::move(fds), last, world_.clock.now());
}

Result<Outcome> Requests::submit(const Command& command) {
  auto outcome = world_.turns.submit(command);
  if (outcome) world_.report(outcome->failures);
  return outcome;
}

Result<const Run*> Requests::findControllableRun(const Peer& peer, const std::string& text) const {
  const Run* run = RF_TRY(findRun(world_.turns.state(), peer, text));
  return findControllable(world_.turns.state(), peer, run->id);
}

api::RunDetails Requests::detailsOf(const Run& run, api::Detail detail) const {
  api::RunDetails details = api::detailsOf(run, usageOf(run), detail);
  if (const AgentWords* words = world_.agents.words(run.id)) {
    details.says = words->text;
    details.saidAt = formatRfc3339(words->at);
  }
  if (const HookWord* word = world_.agents.hookWord(run.id)) details.hookHeardAt = formatRfc3339(word->at.wall);
  if (const Pausing* pausing = findPausing(world_.turns.state(), run.id)) {
    const Microseconds left = latestOf(*pausing) - world_.clock.now().boottime;
    details.pausing = api::PausingBy{pausing->what.byUid, formatRfc3339(pausing->at.wall),
                                     std::chrono::ceil<Milliseconds>(std::max(left, Microseconds{0}))};
  }
  return details;
}

void Requests::on(Asker asker, const api::ListRuns& request) {
  api::RunList list;
  for (const Run* run : visibleRuns(peerOf(asker), request.all)) {
    list.runs.push_back(detailsOf(*run, api::Detail::kShort));
  }
  list.stop = stopState();
  answer(asker, list);
}

void Requests::on(Asker asker, const api::ShowRun& request) {
  auto run = findRun(world_.turns.state(), peerOf(asker), request.run);
  if (!run) return refuse(asker, run.error());
  answer(asker, detailsOf(**run, api::Detail::kFull));
}

void Requests::on(Asker asker, const api::ActOnRuns& request) {
  const Peer peer = request.verb == api::Verb::kResume ? personOf(asker) : peerOf(asker);
  std::vector<RunId> runs;
  if (request.all) {
    for (const auto& [id, run] : world_.turns.state().runs) {
      if (mayControl(peer, run.what.callerUid) && suits(request.verb, world_.turns.state(), run)) runs.push_back(id);
    }
  } else {
    auto run = findControllableRun(peer, request.run);
    if (!run) return refuse(asker, run.error());
    runs.push_back((*run)->id);
  }
  api::Done done;
  std::uint64_t seq = 0;
  std::optional<Error> failed;
  for (const RunId& run : runs) {
    auto acted = act(peer, request.verb, run);
    if (acted) {
      done.runs.push_back(run.text());
      if (findPausing(world_.turns.state(), run) != nullptr) done.pausing.push_back(run.text());
      seq = *acted;
    } else if (!failed) {
      failed = std::move(acted).error();
    }
  }
  if (failed && isRefusedByLatch(*failed) && refusedByLatch(asker)) return;
  // All of them are tried; the answer names the first that could not be done.
  if (failed) return refuse(asker, *failed);
  if (seq == 0) return answer(asker, done);
  // What was done is the kernel's, who did it is in the log, and both are told together. What lets go, and a signal
  // whose deadline is ours, a crash could still undo; a freeze and a kill it could not, so that no disk keeps them from
  // being told.
  Answering waiting{seq, asker, std::move(done), {}, {}};
  if (request.verb == api::Verb::kResume) waiting.otherwise = "what was resumed stays frozen until it can";
  if (request.verb != api::Verb::kResume && request.verb != api::Verb::kStop)
    waiting.until = world_.clock.now().boottime + kRecordPatience;
  answerWhenDurable(std::move(waiting));
}

Result<std::uint64_t> Requests::act(const Peer& peer, api::Verb verb, const RunId& run) {
  // Also while the stop itself waits for the log.
  if (verb == api::Verb::kResume && world_.emergency.isLatched() && !world_.turns.state().latch)
    return Error{ErrorCode::kUnavailable, "the emergency stop has just come", ECANCELED};
  const auto command = [&]() -> Command {
    switch (verb) {
      case api::Verb::kFreeze: return FreezeRun{peer, run, "asked", graceOf(run)};
      case api::Verb::kFreezeAtOnce: return FreezeRun{peer, run, "asked"};
      case api::Verb::kResume: return ResumeRun{peer, run};
      case api::Verb::kStop: return StopRun{peer, run, "asked"};
      case api::Verb::kKill: return KillRun{peer, run, "asked"};
    }
    return KillRun{peer, run, "asked"};
  };
  Outcome outcome = RF_TRY(submit(command()));
  // Of the effects at once, what was asked: a person who froze must not be told "done" when it does not hold.
  if (!outcome.failures.empty()) return std::move(outcome.failures.front()).with(run.text());
  return outcome.lastSeq;
}

std::optional<Milliseconds> Requests::graceOf(const RunId& run) const {
  const Run* known = findKnown(world_.turns.state(), run);
  if (known == nullptr) return std::nullopt;
  return graceFor(world_.agents, *known, world_.clock.now().boottime);
}

void Requests::on(Asker asker, const api::SendSignal& request) {
  auto run = findControllableRun(peerOf(asker), request.run);
  if (!run) return refuse(asker, run.error());
  if (std::ranges::find(kPassedSignals, request.signal) == std::end(kPassedSignals)) {
    return refuse(asker, {ErrorCode::kInvalid, "signal " + std::to_string(request.signal) +
                                                   " is not passed on; stop, kill and freeze are verbs"});
  }
  auto sent = world_.launcher.send(sandbox::SignalRun{(*run)->id, request.signal}, {});
  if (!sent) return refuse(asker, sent.error());
  answer(asker, api::Done{{(*run)->id.text()}});
}

void Requests::on(Asker asker, const api::TrustFile& request) {
  auto outcome = submit(TrustPolicy{peerOf(asker), request.file, request.hash});
  if (!outcome) return refuse(asker, outcome.error());
  answer(asker, api::Done{});
}

void Requests::on(Asker asker, const api::ReadLog& request) {
  Client& client = *world_.clients.find(asker.client);
  if (client.log) return refuse(asker, {ErrorCode::kBusy, "the log is being read on this connection already"});
  LogStream stream{asker.request, request.sinceSeq, request.sinceWall, {}, request.follow, {}};
  if (request.sinceWall > Microseconds{}) {
    auto before = world_.log.seqBefore(request.sinceWall);
    if (!before) return refuse(asker, before.error());
    stream.nextSince = std::max(stream.nextSince, *before);
  }
  if (!request.run.empty()) {
    auto run = findRun(world_.turns.state(), client.identity.peer, request.run);
    // A run that ended long ago is in the log and no longer in the state; who may read it shows there.
    if (!run && !RunId::parse(request.run)) return refuse(asker, run.error());
    stream.run = run ? (*run)->id.text() : request.run;
  }
  if (stream.follow) client.session.setSubscribed(stream.nextSince);
  client.log = std::move(stream);
}

void Requests::on(Asker asker, const api::VerifyLog& request) {
  world_.log.verify(request.against, [this, asker](const Result<api::Verification>& verified) {
    if (!verified) return refuse(asker, verified.error());
    answer(asker, *verified);
  });
}

void Requests::on(Asker asker, const api::AskDoctor&) { answer(asker, world_.doctor()); }

}  // namespace ringfence::supervisor
