#include "supervisor/stop/keys/watcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "sdk/base/directory.h"
#include "sdk/base/io.h"
#include "sdk/base/whole_number.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr int kMaxEventsOfDevice = 64;           // in a turn
constexpr std::size_t kMaxHeldBack = 8192;       // events that wait until other devices were read as far
constexpr std::size_t kMaxWaitingPackets = 512;  // that ringfence-stop does not read
constexpr int kMaxDirectoryEntries = 1024;
constexpr Milliseconds kPauseOfFlood{2};
constexpr Milliseconds kPauseOfLoss{20};

Microseconds monotonicNow() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail
  return std::chrono::seconds(now.tv_sec) +
         std::chrono::duration_cast<Microseconds>(std::chrono::nanoseconds(now.tv_nsec));
}

timespec toTimespec(Microseconds time) {
  return {static_cast<time_t>(time.count() / 1'000'000), static_cast<long>(time.count() % 1'000'000 * 1000)};
}

TriggerList makeList(const WatcherOptions& options) {
  std::vector<std::optional<TriggerSpec>> specs;
  const std::size_t wanted = options.triggers.size() - std::min(options.fallback, options.triggers.size());
  bool understood = false;
  for (std::size_t i = 0; i < options.triggers.size(); ++i) {
    specs.emplace_back();
    if (i >= wanted && understood) continue;
    auto spec = parseTrigger(options.triggers[i]);
    if (spec)
      specs.back() = std::move(*spec);
    else
      (void)std::fprintf(stderr, "ringfence-stop-keys: %s: %s\n", options.triggers[i].c_str(),
                         spec.error().message.c_str());
    understood = understood || (i < wanted && specs.back());
  }
  return TriggerList(specs);
}

std::optional<unsigned> numberOfEntry(const std::string& name) {
  constexpr std::string_view kEvent = "event";
  if (!name.starts_with(kEvent)) return std::nullopt;
  return wholeNumber<std::uint16_t>(std::string_view(name).substr(kEvent.size()));
}

}  // namespace

Watcher::Watcher(WatcherOptions options, TriggerList triggers)
    : options_(std::move(options)), triggers_(std::move(triggers)) {
  told_.resize(options_.triggers.size(), TriggerState::kUnknown);
  inputs_.reserve(kMaxHeldBack);
}

Result<Watcher> Watcher::create(WatcherOptions options) {
  if (options.triggers.size() > kMaxTriggers) return Error{ErrorCode::kInvalid, "more than 16 triggers"};
  TriggerList triggers = makeList(options);
  Watcher watcher(std::move(options), std::move(triggers));
  watcher.changes_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watcher.changes_) return posixError(errno, "asking to be told of new devices");
  const std::string& path = watcher.options_.directory;
  const std::string above = path.substr(0, path.rfind('/') == 0 ? 1 : path.rfind('/'));
  // The notifications first: what comes between is then found by both.
  constexpr std::uint32_t kComing = IN_CREATE | IN_MOVED_TO, kGoing = IN_DELETE | IN_MOVED_FROM;
  watcher.above_ = ::inotify_add_watch(watcher.changes_.get(), above.c_str(), kComing | kGoing | IN_ONLYDIR);
  if (watcher.above_ < 0) return posixError(errno, "watching " + above);
  if (::inotify_add_watch(watcher.changes_.get(), path.c_str(), kComing | IN_ATTRIB | IN_ONLYDIR) >= 0)
    watcher.directory_ = RF_TRY(openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  else if (errno != ENOENT)
    return posixError(errno, "watching " + path);
  else if (::access(path.c_str(), F_OK) == 0)
    watcher.end_ = kStartAgain;
  return watcher;
}

int Watcher::run() {
  while (!end_) {
    hearDirectory();
    if (rescan_ && directory_) scan(monotonicNow());
    readDevices(monotonicNow());
    feed();
    reportStates();
    flush();
    if (!end_ && !wait()) end_ = 0;
  }
  return *end_;
}

// False: nobody listens any more.
bool Watcher::wait() {
  std::vector<pollfd> polled;
  polled.push_back({options_.channel, static_cast<short>(waiting_.empty() ? 0 : POLLOUT), 0});
  std::optional<Microseconds> until = triggers_.deadline();
  if (pause_.count() > 0) {
    until = monotonicNow() + pause_;
  } else {
    if (!inputs_.empty()) until = monotonicNow();
    polled.push_back({changes_.get(), POLLIN, 0});
    for (const Slot& slot : slots_)
      if (slot.device) polled.push_back({slot.device->fd(), POLLIN, 0});
  }
  timespec left{};
  if (until) left = toTimespec(std::max(*until - monotonicNow(), Microseconds(0)));
  (void)::ppoll(polled.data(), polled.size(), until ? &left : nullptr, nullptr);  // whatever it says, all are looked at
  return (polled[0].revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

// Nothing but that something changed is taken from a change in the directory; above it, whether it is about this one.
void Watcher::hearDirectory() {
  alignas(inotify_event) std::array<char, 4096> bytes;
  const ssize_t size = ::read(changes_.get(), bytes.data(), bytes.size());
  const std::string name = options_.directory.substr(options_.directory.rfind('/') + 1);
  for (std::size_t at = 0; static_cast<ssize_t>(at) < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(bytes.data() + at);
    const bool isAbove = event->wd == above_ && event->len > 0 && name == event->name;
    const bool isLost = (event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_UNMOUNT)) != 0;
    if (isAbove || isLost) end_ = kStartAgain;
    rescan_ = rescan_ || event->wd != above_;
    at += sizeof *event + event->len;
  }
}

void Watcher::scan(Microseconds now) {
  rescan_ = false;
  problems_ = 0;
  auto listing = Directory::open(directory_.get(), ".");
  if (!listing) {
    problems_ = kDeviceRefused;
    return;
  }
  int entries = 0;
  while (const dirent* entry = listing->next()) {
    if (++entries > kMaxDirectoryEntries) {
      problems_ |= kTooManyDevices;
      break;
    }
    const auto number = numberOfEntry(entry->d_name);
    const auto known = [&](const Slot& slot) { return slot.occupied && slot.number == *number; };
    if (number && std::none_of(slots_.begin(), slots_.end(), known)) openOne(entry->d_name, *number, now);
  }
}

void Watcher::openOne(const std::string& name, unsigned number, Microseconds now) {
  auto device = options_.open(directory_.get(), name, [this](DeviceId id) { return triggers_.wantedOf(id); });
  if (!device) {
    problems_ |= kDeviceRefused;
    return;
  }
  if (!*device) return;
  const auto free = std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.occupied; });
  if (free == slots_.end()) {
    problems_ |= kTooManyDevices;
    return;
  }
  const auto index = static_cast<std::size_t>(free - slots_.begin());
  const DeviceId id = (*device)->id();
  triggers_.attach(index, id, (*device)->keys(), (*device)->held(), now);
  *free = {std::move(*device), true, number};
  report(DeviceReport{static_cast<std::uint8_t>(index), DeviceReport::Presence::kPresent,
                      static_cast<std::uint16_t>(number), id.vendor, id.product});
}

void Watcher::closeOne(std::size_t slot, Microseconds at) {
  triggers_.detach(slot, at);
  slots_[slot] = {};
  report(DeviceReport{static_cast<std::uint8_t>(slot)});
  // Another device may have the name by now.
  rescan_ = true;
  pause_ = kPauseOfLoss;
}

void Watcher::readDevices(Microseconds now) {
  pause_ = Milliseconds(0);
  Microseconds settled = now;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (slots_[slot].device) settled = std::min(settled, readOne(slot, now));
  if (inputs_.size() > kMaxHeldBack) settled = now;
  settled_ = std::max(settled_, settled);
}

Microseconds Watcher::readOne(std::size_t slot, Microseconds now) {
  Microseconds last = settled_;
  for (int read = 0; read < kMaxEventsOfDevice; ++read) {
    Input input;
    input.event.slot = slot;
    switch (slots_[slot].device->next(input.event)) {
      case InputDevice::Next::kNothing: return now;
      case InputDevice::Next::kGone:
        slots_[slot].device.reset();
        input.kind = Kind::kGone;
        input.event.at = monotonicNow();
        inputs_.push_back(input);
        return now;
      case InputDevice::Next::kDropped:
        input.kind = Kind::kDropped;
        last = monotonicNow();  // when it was that what follows came about, nobody knows
        break;
      case InputDevice::Next::kEvent: break;
    }
    // The kernel's time of the event, unless it is none: before what was read, or still to come.
    input.event.at = last = std::clamp(input.event.at, last, std::max(last, monotonicNow()));
    inputs_.push_back(input);
  }
  pause_ = kPauseOfFlood;
  return last;
}

// In the order of time over all devices. What is later than a device was read waits: that one may have had a key go up
// before.
void Watcher::feed() {
  std::stable_sort(inputs_.begin(), inputs_.end(),
                   [](const Input& a, const Input& b) { return a.event.at < b.event.at; });
  std::size_t told = 0;
  for (; told < inputs_.size() && inputs_[told].event.at <= settled_; ++told) {
    const Input& input = inputs_[told];
    if (input.kind == Kind::kEvent) triggers_.event(input.event);
    if (input.kind == Kind::kDropped) triggers_.dropped(input.event.slot, input.event.at);
    if (input.kind == Kind::kGone) closeOne(input.event.slot, input.event.at);
  }
  inputs_.erase(inputs_.begin(), inputs_.begin() + static_cast<std::ptrdiff_t>(told));
  triggers_.advance(settled_);
  for (const TriggerReport& fired : triggers_.takeFired()) report(fired);
}

void Watcher::reportStates() {
  const std::size_t wanted = triggers_.size() - std::min(options_.fallback, triggers_.size());
  bool understood = false;
  for (std::size_t i = 0; i < triggers_.size(); ++i) {
    const bool unused = i >= wanted && understood;
    if (i < wanted) understood = understood || triggers_.isUnderstood(i);
    const TriggerState state = unused ? TriggerState::kUnknown : triggers_.stateOf(i);
    if (state != told_[i]) report(StateReport{static_cast<std::uint8_t>(i), told_[i] = state});
  }
  if (problems_ != toldProblems_) report(ProblemReport{toldProblems_ = problems_});
}

void Watcher::report(const KeyReport& report) {
  waiting_.push_back(encodeReport(report));
  // Whoever does not read finds, when it reads again, what fitted into the socket, and a new watcher.
  if (waiting_.size() > kMaxWaitingPackets) end_ = kStartAgain;
}

void Watcher::flush() {
  while (!waiting_.empty()) {
    const auto packet = waiting_.front().view();
    const ssize_t sent = ::write(options_.channel, packet.data(), packet.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      end_ = 0;
      return;
    }
    waiting_.pop_front();
  }
}

}  // namespace ringfence::supervisor::stop
