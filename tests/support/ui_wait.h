// For tests of windows: waiting with the event loop running, how long the loop was held up, and what the kernel says.
#pragma once

#include <QElapsedTimer>
#include <QTest>
#include <QTimer>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>

#include "tests/support/test_daemon.h"

namespace ringfence::test {

// True as soon as it holds; false when it does not in time. Events are handled meanwhile.
inline bool until(const std::function<bool()>& holds,
                  std::chrono::milliseconds patience = std::chrono::milliseconds(30'000)) {
  return QTest::qWaitFor(holds, static_cast<int>(patience.count()));
}

// Beats every ten milliseconds in the thread that made it, for as long as that handles events.
class Heartbeat {
 public:
  Heartbeat() {
    since_.start();
    timer_.setTimerType(Qt::PreciseTimer);
    QObject::connect(&timer_, &QTimer::timeout, &timer_, [this] { beat(); });
    timer_.start(10);
  }
  // The longest time in which no event was handled.
  std::chrono::milliseconds longest() {
    beat();
    return std::chrono::milliseconds(longest_);
  }

 private:
  void beat() { longest_ = std::max(longest_, since_.restart()); }

  QTimer timer_;
  QElapsedTimer since_;
  qint64 longest_ = 0;
};

// What cgroup.events of the run's agent says: nobody in it runs.
inline bool isFrozen(const TestDaemon& daemon, const std::string& run) {
  for (const std::string& group : daemon.groups()) {
    std::error_code ignored;  // Groups vanish while we look.
    // Incremented by hand: the increment of a range loop throws when a group vanishes.
    for (std::filesystem::recursive_directory_iterator at(group, ignored), end; !ignored && at != end;
         at.increment(ignored)) {
      if (at->path().filename() != run) continue;
      if (readFile(at->path() / "agent/cgroup.events").find("frozen 1") != std::string::npos) return true;
    }
  }
  return false;
}

}  // namespace ringfence::test
