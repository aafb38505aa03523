// What is answered on the socket, and to whom.
#include "sdk/base/io.h"
#include "supervisor/stop/service.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr Milliseconds kKeysPause{1000};
constexpr Milliseconds kKeysSettle{100};  // a watcher that starts tells of one keyboard after the other

// Why a kill did not end everything, or anything.
constexpr std::string_view kOthersStay =
    "killing runs of others needs an administrator (root, or a member of ringfence-admin): yours were killed, the "
    "others stay frozen";
constexpr std::string_view kNoneYours =
    "killing runs of others needs an administrator (root, or a member of ringfence-admin), and no run here is known "
    "to be yours: everything was frozen instead";
constexpr std::string_view kNoRoom = "too many people kill their runs at this moment: everything was frozen; ask again";
constexpr std::string_view kFromInside =
    "killing is not for programs inside a run, nor for those that cannot be told from them: everything was frozen "
    "instead";

// Empty: there is nothing that the kill was to end and did not.
std::string_view whyNotKilled(const Receipt& receipt, const StopPeer& peer, const Reader& reader) {
  if (peer.isAdmin || receipt.stop.isKilled) return {};
  if (peer.kill == StopPeer::Kill::kNoRoom) return kNoRoom;
  if (peer.kill == StopPeer::Kill::kFromInside) return kFromInside;
  if (!isOwnKill(receipt, reader) || isAllKilled(receipt, reader)) return {};
  return receipt.own.find(peer.uid) != nullptr ? kOthersStay : kNoneYours;
}

const char* nameOf(DeadMan::State state) {
  switch (state) {
    case DeadMan::State::kAbsent: return "absent";
    case DeadMan::State::kHeard: return "heard";
    case DeadMan::State::kSilent: break;
  }
  return "silent";
}

}  // namespace

void Service::answer(StopPeer& peer, const Request& request) {
  using Kind = Request::Kind;
  switch (request.kind) {
    case Kind::kStop:
    case Kind::kKill: return answerStop(peer, request);
    case Kind::kStatus: return answerStatus(peer, nullptr);
    case Kind::kRelease: return answerRelease(peer);
    case Kind::kDaemon: return becomeDaemon(peer, request);
    case Kind::kBeat:
    case Kind::kBye:
      if (!peer.isDaemon) return refuse(peer, "beat and bye are for the connection that said `daemon`");
      if (request.kind == Kind::kBeat) return deadMan_.beat(clock_.now().monotonic);
      peer.isDaemon = false;
      return deadMan_.bye();
    case Kind::kUnknown: break;
  }
  refuse(peer, "unknown request: stop [WORDS], kill [WORDS], status, release, daemon SECONDS, beat or bye");
}

// The answer comes when the stop was read back.
void Service::answerStop(StopPeer& peer, const Request& request) {
  const bool wantsKill = request.kind == Request::Kind::kKill;
  Trigger trigger{.text = triggerOf(request), .uid = peer.uid};
  peer.waits = true;
  if (!peer.isAdmin) return stopFor(peer, trigger, wantsKill);
  // The daemon closes what it finds open again; that is no person's second press.
  if (!peer.isDaemon) trigger.press = Trigger::Press::kMayKill;
  if (wantsKill)
    stopper_.kill(trigger);
  else
    stopper_.stop(trigger);
}

// Of somebody who may end the own runs alone. Frozen first, whatever becomes of the rest.
void Service::stopFor(StopPeer& peer, const Trigger& trigger, bool wantsKill) {
  const bool isSecond = stopper_.isPressedAgain(peer.uid);
  stopper_.stop(trigger);
  if (!wantsKill && !isSecond) return;
  StopPeer::Kill kill = StopPeer::Kill::kOwn;
  if (isMaybeInside(peer.pid, options_.cgroupRoot))
    kill = StopPeer::Kill::kFromInside;
  else if (!stopper_.killOwn(trigger))
    kill = StopPeer::Kill::kNoRoom;
  // Who pressed again is told of it where there was something to end.
  if (wantsKill) peer.kill = kill;
}

// Before it happens, so that the daemon knows of each end whose doing it was.
void Service::tellKills() {
  while (const auto kill = stopper_.nextKill()) {
    StopPeer* const daemon = peers_.daemon();
    if (daemon == nullptr) continue;
    json_.clear().beginObject().field("event", "killing").key("by");
    kill->by ? json_.value(*kill->by) : json_.null();
    json_.field("trigger", kill->text.view());
    if (kill->of) json_.field("of", *kill->of);
    json_.endObject();
    sendJson(*daemon);
  }
}

void Service::answerStatus(StopPeer& peer, const char* event) {
  json_.clear().beginObject();
  if (event != nullptr) json_.field("event", event);
  json_.field("latched", stopper_.isLatched());
  if (stopper_.isLatched())
    addStop(json_, stopper_.latched(), {.seesAll = peer.isAdmin, .uid = peer.uid});
  else
    json_.key("trigger").null().key("at").null();
  json_.field("daemon", nameOf(deadMan_.state(clock_.now().monotonic)));
  json_.field("realtime", readiness_.realtimeProblem.empty());
  if (!readiness_.realtimeProblem.empty())
    json_.field("realtime_problem", std::string_view(readiness_.realtimeProblem));
  json_.field("memory_locked", readiness_.memoryProblem.empty());
  if (!readiness_.memoryProblem.empty()) json_.field("memory_problem", std::string_view(readiness_.memoryProblem));
  json_.field("kept", options_.keeper == ServiceOptions::Keeper::kSystem);
  if (event != nullptr) {
    json_.field("cgroup_root", std::string_view(options_.cgroupRoot));
    json_.field("state_dir", std::string_view(options_.stateDirectory));
  }
  addKeys();
  json_.endObject();
  sendJson(peer);
}

void Service::answerRelease(StopPeer& peer) {
  if (peer.uid != 0) return refuse(peer, "release is for root alone: `ringfence rearm` asks the daemon for it");
  if (auto released = stopper_.release(); !released) {
    json_.clear().beginObject().field("error", std::string_view(released.error().message)).endObject();
    return sendJson(peer);
  }
  StopPeers::send(peer, R"({"released":true})");
}

void Service::addKeys() {
  json_.key("keys");
  if (!keys_ || !keys_->areWatched()) {
    json_.null();
    return;
  }
  JsonWriter keys;
  keys_->writeStatus(keys);
  json_.raw(keys.text());
}

// What changes at once is told at once, and keyboards that come and go without end are told of once a second: the
// daemon may be asleep, and whoever does not read is closed.
std::optional<Microseconds> Service::keysDue() const {
  if (!keys_ || keys_->revision() == toldKeys_ || !peers_.hasDaemon()) return std::nullopt;
  return tellKeysFrom_;
}

void Service::tellKeys() {
  const Microseconds now = clock_.now().monotonic;
  const auto due = keysDue();
  if (!due || now < *due || stopper_.isReading()) return;
  toldKeys_ = keys_->revision();
  tellKeysFrom_ = now + kKeysPause;
  json_.clear().beginObject().field("event", "keys");
  addKeys();
  json_.endObject();
  sendJson(*peers_.daemon());
}

// The newest one is the daemon: an older connection is what is left of a daemon that was replaced.
void Service::becomeDaemon(StopPeer& peer, const Request& request) {
  if (peer.uid != 0) return refuse(peer, "only root is the daemon");
  if (StopPeer* const before = peers_.daemon(); before != nullptr && before != &peer) StopPeers::close(*before);
  peer.isDaemon = true;
  deadMan_.begin(clock_.now().monotonic, request.patience);
  // The group may have been made since our start; no stop waits for this.
  adminGroup_ = lookUpAdminGroup();
  answerStatus(peer, "status");
  if (keys_) toldKeys_ = keys_->revision();
  tellKeysFrom_ = clock_.now().monotonic + kKeysSettle;
}

void Service::refuse(StopPeer& peer, std::string_view words) {
  json_.clear().beginObject().field("error", words).endObject();
  sendJson(peer);
  closePeer(peer);
}

void Service::sendJson(StopPeer& peer) {
  StopPeers::send(peer, json_.isWhole() ? json_.text() : R"({"error":"the answer is larger than a packet"})");
}

void Service::tellFinished() {
  if (stopper_.isReading() || !isBeingRead_) return;
  isBeingRead_ = false;
  const Receipt& receipt = stopper_.receipt();
  for (StopPeer& peer : peers_) {
    if (!peer.socket || !peer.waits) continue;
    peer.waits = false;
    const Reader reader{peer.isAdmin, peer.uid, peer.kill == StopPeer::Kill::kOwn};
    json_.clear().beginObject();
    if (const auto why = whyNotKilled(receipt, peer, reader); !why.empty()) json_.field("kill_refused", why);
    addReceipt(json_, receipt, stopper_.kernel(), reader);
    peer.kill = StopPeer::Kill::kNotAsked;
    json_.endObject();
    sendJson(peer);
  }
  StopPeer* const daemon = peers_.daemon();
  if (daemon == nullptr) return;
  json_.clear().beginObject().field("event", "stopped");
  addReceipt(json_, receipt, stopper_.kernel(), {.seesAll = true});
  json_.endObject();
  sendJson(*daemon);
}

}  // namespace ringfence::supervisor::stop
