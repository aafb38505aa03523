#include "supervisor/api/socket_watch.h"

#include <cerrno>

namespace ringfence::supervisor::api {

Result<SocketWatch> SocketWatch::create(std::string what) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return posixError(errno, "watching " + what);
  return SocketWatch(std::move(epoll), std::move(what));
}

Result<void> SocketWatch::control(int how, int socket, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), how, socket, &event) < 0) return posixError(errno, "watching one of " + what_);
  return {};
}

Result<void> SocketWatch::add(int socket, std::uint32_t events, std::uint64_t id) {
  return control(EPOLL_CTL_ADD, socket, events, id);
}

Result<void> SocketWatch::change(int socket, std::uint32_t events, std::uint64_t id) {
  return control(EPOLL_CTL_MOD, socket, events, id);
}

void SocketWatch::remove(int socket) { (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr); }

std::vector<SocketWatch::Ready> SocketWatch::ready(int most) const {
  std::vector<epoll_event> events(static_cast<std::size_t>(most));
  const int count = ::epoll_wait(epoll_.get(), events.data(), most, 0);
  std::vector<Ready> ready;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    ready.push_back({event.data.u64, event.events});
  }
  return ready;
}

}  // namespace ringfence::supervisor::api
