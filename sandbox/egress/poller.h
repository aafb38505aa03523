// Which descriptors are ready: epoll with one function for each. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

class Poller {
 public:
  using Handler = std::function<void(std::uint32_t events)>;

  static Result<Poller> create();
  Result<void> watch(int fd, std::uint32_t events, Handler handler);
  // Nothing happens for a descriptor that is not watched, or when nothing changes.
  void change(int fd, std::uint32_t events);
  // Before the descriptor is closed. Its handler is not called any more, also not for what was ready in this turn.
  void forget(int fd);
  // One turn: waits and calls. A handler may watch and forget whatever it likes.
  Result<void> turn(int timeoutMilliseconds);

 private:
  struct Watched {
    std::uint32_t generation = 0;
    std::uint32_t events = 0;
    std::shared_ptr<Handler> handler;
  };
  explicit Poller(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  UniqueFd epoll_;
  std::unordered_map<int, Watched> watched_;
  std::uint32_t generation_ = 0;
};

}  // namespace ringfence::sandbox
