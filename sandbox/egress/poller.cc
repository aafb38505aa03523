#include "sandbox/egress/poller.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

namespace ringfence::sandbox {
namespace {

constexpr int kEventsATurn = 64;

std::uint64_t tokenOf(int fd, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}

}  // namespace

Result<Poller> Poller::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return posixError(errno, "making an epoll");
  return Poller(std::move(epoll));
}

Result<void> Poller::watch(int fd, std::uint32_t events, Handler handler) {
  const std::uint32_t generation = ++generation_;
  epoll_event event{};
  event.events = events;
  event.data.u64 = tokenOf(fd, generation);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return posixError(errno, "watching a descriptor");
  watched_[fd] = {generation, events, std::make_shared<Handler>(std::move(handler))};
  return {};
}

void Poller::change(int fd, std::uint32_t events) {
  const auto found = watched_.find(fd);
  if (found == watched_.end() || found->second.events == events) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = tokenOf(fd, found->second.generation);
  // Of a watched descriptor it cannot fail but for memory; then the old events stay, and the deadline ends it.
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) found->second.events = events;
}

void Poller::forget(int fd) {
  if (watched_.erase(fd) == 0) return;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // Closing it does the same.
}

Result<void> Poller::turn(int timeoutMilliseconds) {
  std::array<epoll_event, kEventsATurn> events;
  const int ready = ::epoll_wait(epoll_.get(), events.data(), kEventsATurn, timeoutMilliseconds);
  if (ready < 0 && errno == EINTR) return {};
  if (ready < 0) return posixError(errno, "waiting for descriptors");
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const auto found = watched_.find(static_cast<int>(event.data.u64 & 0xffffffffU));
    if (found == watched_.end() || found->second.generation != event.data.u64 >> 32) continue;
    const std::shared_ptr<Handler> handler = found->second.handler;
    (*handler)(event.events);
  }
  return {};
}

}  // namespace ringfence::sandbox
