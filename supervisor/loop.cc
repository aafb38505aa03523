#include "supervisor/loop.h"

#include <signal.h>
#include <systemd/sd-event.h>

#include <cerrno>

namespace ringfence::supervisor {

struct Loop::Watch::Entry {
  sd_event_source* source = nullptr;
  TurnClock* clock = nullptr;
  std::function<void(std::uint32_t)> onReady;

  static int onIo(sd_event_source*, int, std::uint32_t events, void* self) {
    return static_cast<Entry*>(self)->fire(events);
  }
  static int onSignal(sd_event_source*, const signalfd_siginfo*, void* self) {
    return static_cast<Entry*>(self)->fire(0);
  }
  static int onTime(sd_event_source*, std::uint64_t, void* self) { return static_cast<Entry*>(self)->fire(0); }

  int fire(std::uint32_t events) {
    clock->beginTurn();
    // The callback may destroy this watch; what it captured must live until it returns.
    const auto callback = onReady;
    callback(events);
    return 0;
  }
};

void Loop::Watch::Closer::operator()(Entry* entry) const {
  sd_event_source_disable_unref(entry->source);
  delete entry;
}

void Loop::Watch::setEvents(std::uint32_t events) {
  // Neither fails for a descriptor of ours. For nothing: the kernel would still tell, again and again, that it was hung
  // up.
  (void)sd_event_source_set_io_events(entry_->source, events);
  (void)sd_event_source_set_enabled(entry_->source, events == 0 ? SD_EVENT_OFF : SD_EVENT_ON);
}

Result<Loop> Loop::create(TurnClock& clock) {
  sd_event* event = nullptr;
  if (const int failed = sd_event_new(&event); failed < 0) return posixError(-failed, "making the event loop");
  Loop loop(event, clock);
  if (const int failed = sd_event_set_watchdog(event, 1); failed < 0)
    return posixError(-failed, "starting the watchdog");
  return loop;
}

Loop::Loop(Loop&& other) noexcept : event_(std::exchange(other.event_, nullptr)), clock_(other.clock_) {}

Loop::~Loop() { sd_event_unref(event_); }

Result<Loop::Watch> Loop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> onReady) {
  Watch watch;
  watch.entry_.reset(new Watch::Entry{nullptr, clock_, std::move(onReady)});
  const int failed = sd_event_add_io(event_, &watch.entry_->source, fd, events, Watch::Entry::onIo, watch.entry_.get());
  if (failed < 0) return posixError(-failed, "watching a descriptor");
  return watch;
}

Result<Loop::Watch> Loop::onSignal(int signal, std::function<void()> onSignal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return posixError(errno, "blocking a signal");
  Watch watch;
  watch.entry_.reset(
      new Watch::Entry{nullptr, clock_, [callback = std::move(onSignal)](std::uint32_t) { callback(); }});
  const int failed =
      sd_event_add_signal(event_, &watch.entry_->source, signal, Watch::Entry::onSignal, watch.entry_.get());
  if (failed < 0) return posixError(-failed, "watching a signal");
  return watch;
}

Result<Loop::Watch> Loop::onWake(std::function<void()> onWake) {
  Watch watch;
  watch.entry_.reset(new Watch::Entry{nullptr, clock_, [callback = std::move(onWake)](std::uint32_t) { callback(); }});
  const int failed = sd_event_add_time(event_, &watch.entry_->source, CLOCK_BOOTTIME, UINT64_MAX, 1000,
                                       Watch::Entry::onTime, watch.entry_.get());
  if (failed < 0) return posixError(-failed, "making a timer");
  return watch;
}

void Loop::wakeAt(Watch& wake, std::optional<Microseconds> boottime) {
  sd_event_source* source = wake.entry_->source;
  if (boottime)
    (void)sd_event_source_set_time(source, static_cast<std::uint64_t>(std::max<std::int64_t>(boottime->count(), 0)));
  (void)sd_event_source_set_enabled(
      source, boottime ? SD_EVENT_ONESHOT : SD_EVENT_OFF);  // Both fail only for sources of another kind.
}

Result<void> Loop::runOnce() {
  const int failed = sd_event_run(event_, UINT64_MAX);
  if (failed < 0) return posixError(-failed, "running the event loop");
  return {};
}

}  // namespace ringfence::supervisor
