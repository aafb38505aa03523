// The one loop of the daemon: descriptors, signals, one wake-up on CLOCK_BOOTTIME, the service manager's watchdog.
// A turn is one callback; the clock stands still in it.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "sdk/base/clock.h"
#include "sdk/base/result.h"

struct sd_event;
struct sd_event_source;

namespace ringfence::supervisor {

// Shows the instant at which the current turn began.
class TurnClock final : public Clock {
 public:
  TurnClock() : now_(system_.now()) {}
  Now now() const override { return now_; }
  void beginTurn() { now_ = system_.now(); }

 private:
  SystemClock system_;
  Now now_;
};

class Loop {
 public:
  // Stops watching when destroyed. The descriptor is borrowed and outlives it.
  class Watch {
   public:
    Watch() = default;
    Watch(Watch&&) = default;
    Watch& operator=(Watch&&) = default;
    void setEvents(std::uint32_t events);  // 0: nothing is told, not even a hang-up

   private:
    friend class Loop;
    struct Entry;
    struct Closer {
      void operator()(Entry* entry) const;
    };
    std::unique_ptr<Entry, Closer> entry_;
  };

  static Result<Loop> create(TurnClock& clock);
  Loop(Loop&& other) noexcept;
  ~Loop();

  Result<Watch> watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> onReady);
  // Blocks the signal for the process and calls `onSignal` in a turn of its own. For the life of the loop.
  Result<Watch> onSignal(int signal, std::function<void()> onSignal);
  Result<Watch> onWake(std::function<void()> onWake);
  // When the wake-up of onWake comes; nullopt: not at all.
  void wakeAt(Watch& wake, std::optional<Microseconds> boottime);

  // One turn, or several that were due together; waits for the first.
  Result<void> runOnce();

 private:
  Loop(sd_event* event, TurnClock& clock) : event_(event), clock_(&clock) {}
  sd_event* event_ = nullptr;
  TurnClock* clock_ = nullptr;
};

}  // namespace ringfence::supervisor
