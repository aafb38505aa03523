// The keys of the emergency stop, seen from ringfence-stop: a confined child looks at the keyboards and tells by one
// byte that one of the triggers was pressed. A child that ends is started again.
//
//   KeyWatch keys({.program = directory + "/ringfence-stop-keys", .triggers = {}});
//   loop: poll keys.fd() for reading, at the latest until keys.wakeAt();
//   keys.turn(now);
//   while (auto trigger = keys.read(now)) stop(trigger->spec, trigger->keys);
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/stop/keys/channel.h"
#include "supervisor/stop/keys/wanted_keys.h"

namespace ringfence::supervisor::stop {

// What is watched when nothing else is wanted, and what is watched when of all that is wanted nothing is understood.
inline constexpr std::array kDefaultTriggers = {"hold ctrl+alt+end 500ms", "press pause x3 within 2s"};

struct KeyTrigger {
  std::string_view spec;  // as it was given; lives until turn() or want()
  // kFoundHeld: the key was down already when its device was first seen (a latching button that is plugged in again, a
  // watcher that was started again). That stops, and is never the second press that kills.
  Press keys = Press::kPressed;
};

class KeyWatch {
 public:
  struct Options {
    std::string program;                // ringfence-stop-keys
    std::vector<std::string> triggers;  // see trigger_spec.h; empty: the default ones
    bool areWatched = true;             // false: nobody looks at keys, until want() says so
    std::string directory = "/dev/input";
  };
  // Starts nothing before the first turn().
  explicit KeyWatch(Options options);
  ~KeyWatch();  // ends the child
  KeyWatch(const KeyWatch&) = delete;
  KeyWatch& operator=(const KeyWatch&) = delete;

  // From now on these; the child is another one. Nothing where they are so already. Allocates.
  void want(WantedKeys keys, Microseconds monotonic);
  bool areWatched() const { return options_.areWatched; }

  // Readable when the child tells something or ended; -1 while there is none. Changes in turn() and read().
  int fd() const { return channel_.get(); }
  // When turn() has something to do, on CLOCK_MONOTONIC; absent: nothing before fd() is readable.
  std::optional<Microseconds> wakeAt() const;
  // Starts the child where it is time to. Allocates: never between a trigger and its stop.
  void turn(Microseconds monotonic);
  // The next trigger, absent when there is none now. Does not block, does not allocate; a bounded number of packets.
  std::optional<KeyTrigger> read(Microseconds monotonic);

  // Writes one object: {"state":"starting|watching|failed","problem":TEXT|null,
  //   "triggers":[{"spec","state":"watched|no keyboard found|bound button unplugged|not understood"}],
  //   "devices":[{"device":"event3","id":"046d:c31c"}],"warning":TEXT|null}. For the status; allocates.
  void writeStatus(JsonWriter& json) const;
  // Another number whenever writeStatus() would write something else.
  std::uint64_t revision() const { return revision_; }
  // In a few words what a person must know, absent when every trigger is watched: "no keyboard found for …".
  std::optional<std::string> warning() const;

 private:
  void arrange();
  Result<void> start();
  void close(Microseconds monotonic);
  void reap(Microseconds monotonic);
  void take(const KeyReport& report);
  std::size_t shown() const;
  std::string_view specShown(std::size_t trigger) const;
  std::string problem() const;

  Options options_;
  WantedKeys asked_;         // as they were given
  bool isReplaced_ = false;  // the child is ended because others are wanted
  std::size_t wanted_ = 0;   // the first ones of options_.triggers; default ones may follow
  bool cut_ = false;         // there were more
  UniqueFd channel_;
  pid_t child_ = -1;
  bool watching_ = false;
  Microseconds nextTry_{};  // to start it, or to see how it ended
  Microseconds pause_{};
  std::string failure_;
  std::array<TriggerState, kMaxTriggers> states_{};
  std::array<DeviceReport, kMaxKeyDevices> devices_{};
  std::uint8_t problems_ = 0;
  std::uint64_t revision_ = 0;
};

// Replaces this process by the recorder: it prints the trigger of the keys that are pressed next. Returns only when
// that failed.
Error recordKeys(const std::string& program, const std::string& directory = "/dev/input");

}  // namespace ringfence::supervisor::stop
