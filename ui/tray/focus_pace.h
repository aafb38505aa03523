// How often the daemon is told of the window in front: it takes one change in 200 ms. The first at once, then the last
// of what came meanwhile. Pure: time is handed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace ringfence::ui {

// Absent: no program of this user's, or nobody knows.
using FrontProcess = std::optional<std::int32_t>;

class FocusPace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kApart{220};

  // What is to be told now, if anything; otherwise it may be due later.
  std::optional<FrontProcess> change(FrontProcess front, Time now);
  std::optional<FrontProcess> elapse(Time now);
  // When elapse has something to tell; absent: nothing waits.
  std::optional<Time> due() const;
  // The daemon did not take the last one: it is told again.
  void repeat();

 private:
  std::optional<FrontProcess> told_;  // absent: nothing yet
  std::optional<FrontProcess> waiting_;
  Time last_{};
};

}  // namespace ringfence::ui
