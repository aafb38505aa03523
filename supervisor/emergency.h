// What the daemon does when ringfence-stop says something, and what it knows of it. Everything that is stopped is
// stopped without it: here it becomes a fact, and stays so until a person says otherwise.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/stop_link.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

// How long it may be away before that is an alarm: it is started again at once when it dies.
inline constexpr Milliseconds kStopProgramPatience = std::chrono::seconds(2);

// The program, as the daemon talks to it.
struct StopProgram {
  std::function<Result<void>()> release;
  std::function<Result<void>(const std::string&)> stop;
  // What the latch on the disk says; nothing: it is open. One that cannot be read counts as closed.
  std::function<std::optional<EmergencyStopped>()> readLatch;
};

class Emergency {
 public:
  struct World {
    const Clock& clock;
    Turns& turns;
    std::optional<StopProgram> program;  // absent: this daemon has none, and nothing can be re-armed
    std::function<void(const std::string&)> say;
    std::function<void(const std::vector<Error>&)> report;
    std::function<void(const Error&)> rearmFailed;
    std::function<void()> latched, opened;  // became so
  };
  explicit Emergency(World world) : world_(std::move(world)) {}

  // At the start of the daemon, before anything is heard: what is latched on the disk is latched.
  void begin();
  void hear(const StopNews& news);
  // A person said that it may go on, and that is durable.
  void release();
  void wake();
  std::optional<Microseconds> nextWake() const;  // boottime

  // Nothing may start: also while a stop could not be written to the log yet.
  bool isLatched() const { return unrecorded_.has_value() || world_.turns.state().latch.has_value(); }

  struct Presence {
    bool expected = false;  // this daemon has such a program
    bool there = false;
    std::optional<Microseconds> awayFor;  // longer than it may be
    std::string why;
    std::optional<bool> realtime;
    std::string keys = {};  // as in StopUp
  };
  Presence presence() const;

 private:
  void on(const StopUp& news);
  void on(const StopKeys& news) { last_.keys = news.keys; }
  void on(const StopDown& news);
  void on(const StopTold& news) { record(news.stop); }
  void on(const StopKilling& news);
  void on(const StopReleased& news);
  void on(const StopRefused& news);
  void record(EmergencyStopped stop);
  void open();
  void close(const char* why);

  World world_;
  bool there_ = false;
  StopUp last_;
  std::string why_ = "it has not answered yet";
  std::optional<Microseconds> awaySince_;
  std::optional<EmergencyStopped> unrecorded_;
  std::optional<Microseconds> nextTry_;
  std::optional<Microseconds> closeAt_;
  const char* closeWhy_ = "";
};

}  // namespace ringfence::supervisor
