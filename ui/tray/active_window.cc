#include "ui/tray/active_window.h"

#include <algorithm>
#include <limits>

namespace ringfence::ui {

bool ActiveWindow::open(Window window) {
  if (windows_.size() >= kMaxWindows) return false;
  windows_[window] = {};
  return true;
}

void ActiveWindow::close(Window window) { windows_.erase(window); }

void ActiveWindow::setActivity(Window window, Activity activity) {
  const auto found = windows_.find(window);
  if (found == windows_.end()) return;
  State& state = found->second;
  if (activity == Activity::kInactive)
    state.activated = 0;
  else if (state.activated == 0)  // Told again with every other change of the window, it says nothing new.
    state.activated = ++activations_;
}

void ActiveWindow::setProcess(Window window, std::uint32_t pid) {
  const auto found = windows_.find(window);
  if (found == windows_.end()) return;
  const bool isPossible = pid > 0 && pid <= std::numeric_limits<std::int32_t>::max();
  found->second.process = isPossible ? FrontProcess(static_cast<std::int32_t>(pid)) : std::nullopt;
}

FrontProcess ActiveWindow::process() const {
  const auto last = std::ranges::max_element(windows_, {}, [](const auto& one) { return one.second.activated; });
  return last != windows_.end() && last->second.activated > 0 ? last->second.process : std::nullopt;
}

}  // namespace ringfence::ui
