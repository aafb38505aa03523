// A recorded or written-down trace of keyboards, one thing a line, and what the triggers made of it. Times in
// milliseconds.
//
//   trigger hold ctrl+alt+end 500ms
//   0    plug 0 0001:0001 leftctrl leftalt end pause     keys that the device has; "end!" is down already
//   100  key 0 leftctrl 1                                device, key, value
//   300  dropped 0
//   400  unplug 0
//   700  fires 0                                         trigger; "fires 0 held" when it was found held
//   900  end
#pragma once

#include <string>
#include <vector>

#include "supervisor/stop/keys/trigger_list.h"

namespace ringfence::test {

struct Fired {
  long at = 0;
  int trigger = 0;
  supervisor::stop::Press press = supervisor::stop::Press::kPressed;
  bool operator==(const Fired&) const = default;
};
std::string words(const std::vector<Fired>& fired);

struct TraceResult {
  std::vector<Fired> expected, fired;
};
// Plays it as the watcher does: to each deadline on its own, then to the next line.
TraceResult playTrace(const std::string& text);

}  // namespace ringfence::test
