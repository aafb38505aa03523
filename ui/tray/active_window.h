// Which process the active window belongs to, from what a compositor tells of its windows one after the other. Pure:
// whoever has the connection hands in what came.
//
//   ActiveWindow windows;
//   if (!windows.open(7)) …  // more than are followed
//   windows.setProcess(7, 4711);
//   windows.setActivity(7, ActiveWindow::Activity::kActive);
//   windows.process();  // 4711
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "ui/tray/focus_pace.h"

namespace ringfence::ui {

class ActiveWindow {
 public:
  using Window = std::uint32_t;  // a number of its own, until it is closed
  enum class Activity { kActive, kInactive };
  static constexpr std::size_t kMaxWindows = 1000;

  // False: so many are open already; this one is not followed.
  [[nodiscard]] bool open(Window window);
  void close(Window window);
  // Of a window that is not open nothing is kept.
  void setActivity(Window window, Activity activity);
  // `pid` as it was told: any number.
  void setProcess(Window window, std::uint32_t pid);

  // Of the window that became active last among those that are. Absent: none is active, or whose it is was not told.
  FrontProcess process() const;

 private:
  struct State {
    std::uint64_t activated = 0;  // when, as a count; 0: is not active
    FrontProcess process;
  };
  std::map<Window, State> windows_;
  std::uint64_t activations_ = 0;
};

}  // namespace ringfence::ui
