// The sockets of a server as one descriptor for the loop: an epoll of their own. Blocks never; borrows the sockets.
//
//   SocketWatch watch = RF_TRY(SocketWatch::create("the sockets of agents"));
//   RF_TRY(watch.add(socket, EPOLLIN, id));
//   for (const SocketWatch::Ready& one : watch.ready(16)) … one.id, one.events
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor::api {

class SocketWatch {
 public:
  // `what`: whose sockets they are, for the words of an error.
  static Result<SocketWatch> create(std::string what);

  // Readable when ready() has something.
  int fd() const { return epoll_.get(); }

  // `events`: EPOLLIN, EPOLLOUT; hanging up is told in any case. Both fail with errno's code, for want of memory above
  // all; then nothing has changed.
  Result<void> add(int socket, std::uint32_t events, std::uint64_t id);
  Result<void> change(int socket, std::uint32_t events, std::uint64_t id);
  // To close a socket does the same where nobody else has it.
  void remove(int socket);

  struct Ready {
    std::uint64_t id = 0;
    std::uint32_t events = 0;
  };
  // Those that something can be done with now, at most `most`.
  std::vector<Ready> ready(int most) const;

 private:
  SocketWatch(UniqueFd epoll, std::string what) : epoll_(std::move(epoll)), what_(std::move(what)) {}
  Result<void> control(int how, int socket, std::uint32_t events, std::uint64_t id);

  UniqueFd epoll_;
  std::string what_;
};

}  // namespace ringfence::supervisor::api
