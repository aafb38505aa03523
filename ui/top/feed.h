// What the daemon tells, once a second for as long as somebody looks, and what it is told to do. A thread of its own
// talks to it, because a daemon that hangs must not hold up the keys. Nothing is asked before start nor after the end
// of the program, so the daemon reads nothing for us then.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/unique_fd.h"
#include "ui/top/control.h"
#include "ui/top/model.h"

namespace ringfence::top {

// "cannot reach the daemon at PATH: …", fit for a screen.
std::string troubleText(const client::Failure& failure);

class Feed {
 public:
  // To be called when all signals are blocked that another thread handles: the new one inherits that.
  static Result<Feed> start();

  struct News {
    std::optional<Reading> reading;      // the newest
    std::optional<std::string> trouble;  // why there is none; empty: it is over
    std::vector<std::string> said;       // what became of orders
  };
  int fd() const;  // readable: take() has something
  News take();
  // Done at once when the daemon is there; refused, in words, when it is not.
  void give(Order order);

 private:
  // Belongs to both threads: the one that waits for the daemon is left behind at the end of the program.
  struct Shared;
  explicit Feed(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  static void work(Shared& shared);
  static std::string obey(std::optional<client::Client>& client, const Order& order,
                          std::optional<client::Failure>& lost);
  static std::optional<client::Failure> observe(Shared& shared, std::optional<client::Client>& client);

  std::shared_ptr<Shared> shared_;
};

}  // namespace ringfence::top
