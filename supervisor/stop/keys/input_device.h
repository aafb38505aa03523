// The seam between the key watcher and what a keyboard is: event devices of the kernel in the program, FIFOs in the
// tests.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "supervisor/stop/keys/trigger_list.h"

namespace ringfence::supervisor::stop {

class InputDevice {
 public:
  enum class Next { kEvent, kDropped, kNothing, kGone };

  virtual ~InputDevice() = default;
  virtual int fd() const = 0;  // readable when next() has something
  virtual DeviceId id() const = 0;
  virtual std::vector<int> keys() const = 0;  // of those that are wanted, what it has
  virtual std::vector<int> held() const = 0;  // of those, what is down as it is opened
  // Does not block, and does a bounded amount of work. kEvent: `event` has time, code and value (a code that nobody
  // wants is nothing); kDropped: events were lost, and what follows tells what the state is now.
  virtual Next next(KeyEvent& event) = 0;
};

// The keys that are wanted of a device of this id.
using WantedKeys = std::function<std::vector<int>(DeviceId)>;
// Opens an entry of the directory, to be told of the wanted keys alone. Null: no input device, or none that has one of
// them. Fails when it is one and cannot be watched.
using OpenDevice = std::function<Result<std::unique_ptr<InputDevice>>(int directory, const std::string& name,
                                                                      const WantedKeys& wanted)>;

}  // namespace ringfence::supervisor::stop
