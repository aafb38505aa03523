// The key watcher's loop: devices come and go, their events become triggers, triggers become packets to ringfence-stop.
// It keeps nothing of what was pressed but which keys of the triggers are down.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/unique_fd.h"
#include "supervisor/stop/keys/input_device.h"

namespace ringfence::supervisor::stop {

struct WatcherOptions {
  std::vector<std::string> triggers;
  std::size_t fallback = 0;  // so many of the last ones count only when none of the others is understood
  std::string directory;     // of the devices; it may be absent, and come later
  int channel = -1;
  OpenDevice open;
};

class Watcher {
 public:
  // Opens the directory and its notifications; devices are opened in run(), when the walls are up.
  static Result<Watcher> create(WatcherOptions options);

  // Returns the status to end with, when ringfence-stop is gone or the directory came or went.
  int run();

 private:
  struct Slot {
    std::unique_ptr<InputDevice> device;  // null while occupied: gone, but not yet told
    bool occupied = false;
    unsigned number = 0;
  };
  enum class Kind { kEvent, kDropped, kGone };
  struct Input {
    Kind kind = Kind::kEvent;
    KeyEvent event;
  };

  Watcher(WatcherOptions options, TriggerList triggers);

  bool wait();
  void hearDirectory();
  void scan(Microseconds now);
  void openOne(const std::string& name, unsigned number, Microseconds now);
  void closeOne(std::size_t slot, Microseconds at);
  void readDevices(Microseconds now);
  // Up to when the slot was read.
  Microseconds readOne(std::size_t slot, Microseconds now);
  void feed();
  void reportStates();
  void report(const KeyReport& report);
  void flush();

  WatcherOptions options_;
  TriggerList triggers_;
  UniqueFd directory_, changes_;
  int above_ = -1;  // the watch of the folder that the directory is in
  std::array<Slot, kMaxKeyDevices> slots_;
  std::vector<Input> inputs_;  // read, and those later than settled_ not yet told
  Microseconds settled_{};     // up to here every device was read
  Milliseconds pause_{};       // before more is read, so that a flood takes part of a processor only
  bool rescan_ = true;
  std::optional<int> end_;
  std::uint8_t problems_ = 0, toldProblems_ = 0;
  std::vector<TriggerState> told_;
  std::deque<KeyPacket> waiting_;  // to be sent, in order
};

}  // namespace ringfence::supervisor::stop
