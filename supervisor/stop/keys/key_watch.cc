#include "supervisor/stop/keys/key_watch.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "supervisor/stop/keys/trigger_spec.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr Microseconds kReapEvery = std::chrono::milliseconds(20);
constexpr Microseconds kShortestPause = std::chrono::seconds(1);
constexpr Microseconds kLongestPause = std::chrono::seconds(60);
constexpr int kPacketsPerRead = 64;
constexpr const char* kStaysOn = "the key watcher does not end";

std::string endWords(int status) {
  if (WIFSIGNALED(status)) return "the key watcher was ended by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) == kNoWallsStatus)
    return "the key watcher cannot be confined on this machine; its log says why";
  return "the key watcher ended with status " + std::to_string(WEXITSTATUS(status)) + "; its log says why";
}

const char* stateWords(TriggerState state) {
  switch (state) {
    case TriggerState::kUnknown: return "not yet known";
    case TriggerState::kNotUnderstood: return "not understood";
    case TriggerState::kNoKeyboard: return "no keyboard found";
    case TriggerState::kUnplugged: return "bound button unplugged";
    case TriggerState::kWatched: return "watched";
  }
  return "not yet known";
}

// What posix_spawn needs, released on every path.
class Spawning {
 public:
  explicit Spawning(int channel) {
    (void)posix_spawn_file_actions_init(&actions_);
    (void)posix_spawnattr_init(&attributes_);
    (void)posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions_, channel, kKeyChannel);
    (void)posix_spawn_file_actions_addclosefrom_np(&actions_, kKeyChannel + 1);
    sigset_t all, none;
    (void)::sigfillset(&all);
    (void)::sigemptyset(&none);
    (void)posix_spawnattr_setsigdefault(&attributes_, &all);
    (void)posix_spawnattr_setsigmask(&attributes_, &none);
    (void)posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~Spawning() {
    (void)posix_spawn_file_actions_destroy(&actions_);
    (void)posix_spawnattr_destroy(&attributes_);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;

  Result<pid_t> run(const std::vector<std::string>& arguments) const {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    char* environment[] = {nullptr};
    pid_t child = -1;
    const int error = posix_spawn(&child, argv[0], &actions_, &attributes_, argv.data(), environment);
    if (error != 0) return posixError(error, "starting " + arguments[0]);
    return child;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::string idText(std::uint16_t vendor, std::uint16_t product) {
  char text[16];
  (void)std::snprintf(text, sizeof text, "%04x:%04x", vendor, product);
  return text;
}

}  // namespace

KeyWatch::KeyWatch(Options options) : options_(std::move(options)), asked_{options_.areWatched, options_.triggers} {
  arrange();
}

void KeyWatch::want(WantedKeys keys, Microseconds monotonic) {
  if (keys == asked_) return;
  asked_ = std::move(keys);
  options_.triggers = asked_.triggers;
  options_.areWatched = asked_.areWatched;
  arrange();
  isReplaced_ = child_ > 0;
  failure_.clear();
  pause_ = Microseconds{0};
  close(monotonic);
}

void KeyWatch::arrange() {
  auto& triggers = options_.triggers;
  wanted_ = triggers.size();
  cut_ = false;
  if (wanted_ > kMaxTriggers - kDefaultTriggers.size()) {
    cut_ = true;
    wanted_ = kMaxTriggers - kDefaultTriggers.size();
    triggers.resize(wanted_);
  }
  triggers.insert(triggers.end(), kDefaultTriggers.begin(), kDefaultTriggers.end());
  if (wanted_ == 0) wanted_ = triggers.size();
}

KeyWatch::~KeyWatch() {
  if (child_ <= 0) return;
  (void)::kill(child_, SIGKILL);  // ours and not waited for yet: the number is nobody else's
  (void)::waitpid(child_, nullptr, 0);
}

std::optional<Microseconds> KeyWatch::wakeAt() const {
  if (channel_ || (!options_.areWatched && child_ <= 0)) return std::nullopt;
  return nextTry_;
}

void KeyWatch::turn(Microseconds monotonic) {
  if (channel_ || monotonic < nextTry_) return;
  if (child_ > 0) reap(monotonic);
  if (child_ > 0 || monotonic < nextTry_ || !options_.areWatched) return;
  if (auto started = start(); !started) {
    failure_ = started.error().message;
    close(monotonic);  // counts as a change
    nextTry_ = monotonic + kLongestPause;
  }
}

Result<void> KeyWatch::start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return posixError(errno, "making the socket of the key watcher");
  channel_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  std::vector<std::string> arguments = {options_.program, "--directory=" + options_.directory,
                                        "--fallback=" + std::to_string(options_.triggers.size() - wanted_), "--"};
  arguments.insert(arguments.end(), options_.triggers.begin(), options_.triggers.end());
  child_ = RF_TRY(Spawning(theirs.get()).run(arguments));
  return {};
}

void KeyWatch::close(Microseconds monotonic) {
  channel_.reset();
  if (child_ > 0) (void)::kill(child_, SIGKILL);
  watching_ = false;
  states_.fill(TriggerState::kUnknown);
  devices_.fill({});
  problems_ = 0;
  ++revision_;
  nextTry_ = monotonic + kReapEvery;
}

// Never waits: a child that a driver holds in the kernel must not hold up a stop.
void KeyWatch::reap(Microseconds monotonic) {
  int status = 0;
  const pid_t ended = ::waitpid(child_, &status, WNOHANG);
  if (ended == 0) {
    if (failure_ != kStaysOn) ++revision_;
    failure_ = kStaysOn;
    nextTry_ = monotonic + kReapEvery;
    return;
  }
  child_ = -1;
  ++revision_;
  if (std::exchange(isReplaced_, false)) {
    failure_.clear();
    nextTry_ = monotonic;
    return;
  }
  const bool again = ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == kStartAgain;
  failure_ = again ? "" : endWords(ended > 0 ? status : 0);
  pause_ = again ? kShortestPause : std::clamp(pause_ * 2, kShortestPause, kLongestPause);
  nextTry_ = monotonic + pause_;
}

std::optional<KeyTrigger> KeyWatch::read(Microseconds monotonic) {
  for (int packets = 0; channel_ && packets < kPacketsPerRead; ++packets) {
    std::array<std::uint8_t, 16> bytes;
    const ssize_t size = ::recv(channel_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    const auto report = size > 0 ? decodeReport({bytes.data(), static_cast<std::size_t>(size)}) : std::nullopt;
    if (!report) {  // it ended, or says what it never says
      close(monotonic);
      return std::nullopt;
    }
    if (const auto* trigger = std::get_if<TriggerReport>(&*report)) {
      if (trigger->trigger < options_.triggers.size())
        return KeyTrigger{options_.triggers[trigger->trigger], trigger->press};
      close(monotonic);
      return std::nullopt;
    }
    take(*report);
  }
  return std::nullopt;
}

void KeyWatch::take(const KeyReport& report) {
  ++revision_;
  if (const auto* state = std::get_if<StateReport>(&report)) {
    states_[state->trigger] = state->state;
    watching_ = true;
    failure_.clear();
    pause_ = Microseconds{0};
  }
  if (const auto* device = std::get_if<DeviceReport>(&report)) devices_[device->slot] = *device;
  if (const auto* problem = std::get_if<ProblemReport>(&report)) problems_ = problem->problems;
}

// The default ones count only where of the wanted ones nothing was understood.
std::size_t KeyWatch::shown() const {
  const auto wanted = states_.begin() + static_cast<std::ptrdiff_t>(wanted_);
  const bool none =
      std::all_of(states_.begin(), wanted, [](TriggerState s) { return s == TriggerState::kNotUnderstood; });
  return none ? options_.triggers.size() : wanted_;
}

// One that is longer than any that is understood must not make the status longer than a packet.
std::string_view KeyWatch::specShown(std::size_t trigger) const {
  return std::string_view(options_.triggers[trigger]).substr(0, kMaxSpecText);
}

std::string KeyWatch::problem() const {
  std::string text = failure_;
  const auto add = [&](const char* words) { text += (text.empty() ? "" : "; ") + std::string(words); };
  if (problems_ & kTooManyDevices) add("there are more keyboards than can be watched");
  if (problems_ & kDeviceRefused) add("an input device could not be opened and is not watched");
  if (cut_) add("there are more triggers than can be watched: the last ones are left out");
  if (shown() > wanted_) add("no trigger that was wanted is understood, so the default ones are watched");
  return text;
}

void KeyWatch::writeStatus(JsonWriter& json) const {
  const std::string words = problem();
  json.beginObject().field("state", watching_ ? "watching" : failure_.empty() ? "starting" : "failed");
  json.untrustedFieldOrNull("problem", words).key("triggers").beginArray();
  for (std::size_t i = 0; i < shown(); ++i)
    json.beginObject().untrustedField("spec", specShown(i)).field("state", stateWords(states_[i])).endObject();
  json.endArray().key("devices").beginArray();
  for (const DeviceReport& device : devices_) {
    if (device.presence == DeviceReport::Presence::kAbsent) continue;
    json.beginObject().field("device", "event" + std::to_string(device.number));
    json.field("id", idText(device.vendor, device.product)).endObject();
  }
  json.endArray().fieldOrNull("warning", warning()).endObject();
}

std::optional<std::string> KeyWatch::warning() const {
  if (!watching_) {
    return failure_.empty() ? std::string("keys are not watched yet") : "keys are not watched: " + failure_;
  }
  std::string text = problem();
  for (std::size_t i = 0; i < shown(); ++i) {
    if (states_[i] == TriggerState::kWatched) continue;
    text += (text.empty() ? "" : "; ") + std::string(stateWords(states_[i])) + ": ";
    text += specShown(i);
  }
  if (text.empty()) return std::nullopt;
  return text;
}

Error recordKeys(const std::string& program, const std::string& directory) {
  const std::string where = "--directory=" + directory;
  (void)::execl(program.c_str(), program.c_str(), "--record", where.c_str(), nullptr);
  return posixError(errno, "starting " + program);
}

}  // namespace ringfence::supervisor::stop
