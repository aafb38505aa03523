// What follows when the log cannot be written, and when it can again.
//
// Agents are held, nothing is started, let go or allowed, and it is tried again every second. On a full disk the log
// gets the room that is kept for it (disk_reserve.h), so that this, and what people hold and end meanwhile, is
// recorded; that alone is written into it, and all goes on only when there is room beside it again.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "supervisor/disk_reserve.h"
#include "supervisor/turns.h"

namespace ringfence::supervisor {

class Recording {
 public:
  struct World {
    Turns& turns;
    Store& store;
    const Clock& clock;
    DiskReserve* reserve = nullptr;
    std::function<void(const Command&)> submit;
    std::function<void(const std::string&)> say;
  };
  explicit Recording(World world) : world_(std::move(world)) {}

  // An earlier daemon may have stopped, and a full disk have cost the reserve already.
  void begin();
  // The store was looked at; `failed`: since the last look.
  void released(const std::optional<Error>& failed);
  void wake();
  std::optional<Microseconds> nextWake() const { return next_; }
  // Neither room nor another process's end would help, and trying anew did not for half a minute: what this process
  // itself has in memory of the file may be the trouble, which the next one has not.
  bool isHopeless() const;

 private:
  void stop(const Error& why);
  void tryToGoOn();

  World world_;
  bool lacksReserve_ = false;  // it goes on when that is there again
  std::optional<Microseconds> next_;
  std::optional<Microseconds> brokenSince_;
};

}  // namespace ringfence::supervisor
