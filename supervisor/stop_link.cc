#include "supervisor/stop_link.h"

#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

using Json = nlohmann::json;

constexpr Milliseconds kReleasePatience{5000};
constexpr std::size_t kPacketsPerTurn = 16;

std::string textIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <typename T>
std::optional<T> numberIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto number = found->get<std::uint64_t>();
  return std::in_range<T>(number) ? std::optional(static_cast<T>(number)) : std::nullopt;
}

std::optional<bool> flagIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() ? std::optional(found->get<bool>()) : std::nullopt;
}

// Nothing: there is no list of numbers of that name, or an empty one.
std::optional<std::vector<std::uint32_t>> uidsIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array() || found->empty()) return std::nullopt;
  std::vector<std::uint32_t> uids;
  for (const Json& uid : *found) {
    if (!uid.is_number_unsigned() || !std::in_range<std::uint32_t>(uid.get<std::uint64_t>())) return std::nullopt;
    uids.push_back(uid.get<std::uint32_t>());
  }
  return uids;
}

EmergencyStopped stopIn(const Json& object) {
  EmergencyStopped stop;
  stop.trigger = textIn(object, "trigger");
  stop.uid = numberIn<std::uint32_t>(object, "uid");
  if (!stop.uid) stop.uid = numberIn<std::uint32_t>(object, "by");
  stop.runs = numberIn<std::uint64_t>(object, "runs");
  stop.processes = numberIn<std::uint64_t>(object, "processes");
  stop.writeUsec = numberIn<std::uint64_t>(object, "write_usec");
  stop.tookUsec = numberIn<std::uint64_t>(object, "took_usec");
  stop.verified = flagIn(object, "verified");
  if (flagIn(object, "killed").value_or(false)) stop.killed = true;
  stop.killedOf = uidsIn(object, "killed_of");
  if (stop.killedOf) stop.killedRuns = numberIn<std::uint64_t>(object, "killed_runs");
  return stop;
}

std::string keysIn(const Json& object) {
  const auto keys = object.find("keys");
  return keys != object.end() ? keys->dump() : std::string();
}

StopUp statusIn(const Json& object) {
  return {flagIn(object, "latched").value_or(true),
          textIn(object, "trigger"),
          flagIn(object, "realtime"),
          flagIn(object, "kept").value_or(false),
          keysIn(object),
          textIn(object, "cgroup_root"),
          textIn(object, "state_dir")};
}

// Of one that does not say whose runs end, in words that are understood, nobody's do.
std::optional<StopNews> killingIn(const Json& object) {
  StopKills kills{textIn(object, "trigger"), numberIn<std::uint32_t>(object, "by"),
                  numberIn<std::uint32_t>(object, "of")};
  if (object.contains("of") && !kills.of) return std::nullopt;
  return StopKilling{std::move(kills)};
}

std::string_view withoutSlashes(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// Nothing: it stops what it should. Of one that does not say, nothing is known.
std::optional<std::string> whyOfNoUse(const StopUp& up, const StopLink::Needs& needs) {
  if (!up.cgroupRoot.empty() && up.cgroupRoot != needs.cgroupRoot)
    return "it stops the runs in the groups " + escapeForDisplay(up.cgroupRoot) + "-*, and this daemon's are in " +
           escapeForDisplay(needs.cgroupRoot) + "-*: give its service --cgroup-root " +
           escapeForDisplay(needs.cgroupRoot);
  if (!up.stateDir.empty() && withoutSlashes(up.stateDir) != withoutSlashes(needs.stateDir))
    return "its latch is in " + escapeForDisplay(up.stateDir) + ", and this daemon looks for it in " +
           escapeForDisplay(needs.stateDir) + ": give its service --state-dir " + escapeForDisplay(needs.stateDir);
  return std::nullopt;
}

}  // namespace

Result<std::optional<StopNews>> decodeStopPacket(std::string_view packet) {
  const Json object = Json::parse(packet.begin(), packet.end(), nullptr, false);
  if (!object.is_object()) return Error{ErrorCode::kInvalid, "what ringfence-stop says is no JSON object"};
  const std::string event = textIn(object, "event");
  if (event == "stopped") return std::optional<StopNews>(StopTold{stopIn(object)});
  if (event == "killing") return killingIn(object);
  if (event == "status") return std::optional<StopNews>(statusIn(object));
  if (event == "keys") return std::optional<StopNews>(StopKeys{keysIn(object)});
  if (flagIn(object, "released").value_or(false)) return std::optional<StopNews>(StopReleased{});
  if (object.contains("error")) return std::optional<StopNews>(StopRefused{textIn(object, "error")});
  return std::optional<StopNews>();
}

// ---- connecting

Result<void> StopLink::connect() {
  KeptPeer peer = RF_TRY(program_.connect());
  socket_ = std::move(peer.socket);
  pid_ = peer.pid;
  auto said = say("daemon " + std::to_string(deadManAfter_.count()));
  if (!said) socket_.reset();
  return said;
}

std::optional<Microseconds> StopLink::nextTry() const {
  if (left_) return std::nullopt;
  return socket_ ? releaseBy_ : std::optional(program_.nextTry());
}

std::vector<StopNews> StopLink::advance() {
  std::vector<StopNews> news;
  const Microseconds now = clock_.now().boottime;
  if (left_) return news;
  if (socket_) {
    if (releaseBy_ && now >= *releaseBy_) down("it was asked to open its latch and did not answer", news);
    return news;
  }
  if (now < program_.nextTry()) return news;
  if (connect())
    startedHere_ = program_.answered();
  else if (auto trouble = program_.start(now))
    news.emplace_back(StopDown{*std::move(trouble)});
  return news;
}

void StopLink::down(std::string reason, std::vector<StopNews>& news) {
  socket_.reset();
  pid_ = 0;
  releaseBy_.reset();
  startedHere_ = false;
  program_.lost(clock_.now().boottime, keeper_);
  news.emplace_back(StopDown{std::move(reason)});
}

// ---- talking

Result<void> StopLink::say(const std::string& request) {
  if (!socket_) return Error{ErrorCode::kUnavailable, "ringfence-stop is not there"};
  return sendPacket(socket_.get(), request, {}, MSG_DONTWAIT);
}

Result<void> StopLink::release() {
  RF_TRY(say("release"));
  releaseBy_ = clock_.now().boottime + kReleasePatience;
  return {};
}

Result<void> StopLink::stop(const std::string& words) { return say("stop " + words); }

void StopLink::leave(And what) {
  left_ = true;
  (void)say("bye");  // One that is gone waits for nobody.
  if (what == And::kEndIt && startedHere_ && socket_ && pid_ > 0)
    (void)::kill(pid_, SIGTERM);  // Connected, so the pid is still its own.
  socket_.reset();
}

std::vector<StopNews> StopLink::receive() {
  std::vector<StopNews> news;
  for (std::size_t i = 0; i < kPacketsPerTurn && socket_; ++i) {
    auto packet = receivePacket(socket_.get(), Bytes{kMaxStopPacket}, MSG_DONTWAIT);
    if (!packet && (packet.error().sysErrno == EAGAIN || packet.error().sysErrno == EWOULDBLOCK)) break;
    if (!packet && packet.error().sysErrno == ECONNRESET) continue;
    if (!packet || packet->bytes.empty()) {
      down(packet ? "it closed the connection" : packet.error().message, news);
      break;
    }
    auto said = decodeStopPacket(packet->bytes);
    if (!said) {
      down(said.error().message, news);
      break;
    }
    if (!*said) continue;
    if (const auto* up = std::get_if<StopUp>(&**said)) {
      keeper_ = up->kept ? KeptProgram::Keeper::kOthers : KeptProgram::Keeper::kUs;
      if (auto why = whyOfNoUse(*up, needs_)) {
        (void)say("bye");  // It waits for no beat of ours.
        down(*std::move(why), news);
        program_.unfit(clock_.now().boottime);
        break;
      }
      program_.settled();
    }
    const bool isAnswer = std::holds_alternative<StopReleased>(**said) || std::holds_alternative<StopRefused>(**said);
    if (isAnswer && !releaseBy_) {
      // To something else than a release: it does not take us for the daemon.
      const auto* refused = std::get_if<StopRefused>(&**said);
      if (refused != nullptr) down("it refused: " + refused->why, news);
      continue;
    }
    if (isAnswer) releaseBy_.reset();
    news.push_back(*std::move(*said));
  }
  return news;
}

}  // namespace ringfence::supervisor
