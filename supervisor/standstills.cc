#include "supervisor/standstills.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace ringfence::supervisor {
namespace {

// Reading it as well tells the kernel that this change is known. Unreadable: empty.
std::string_view readEvents(int events, std::array<char, 256>& room) {
  const ssize_t count = ::pread(events, room.data(), room.size(), 0);
  return count > 0 ? std::string_view(room.data(), static_cast<std::size_t>(count)) : std::string_view();
}

std::string_view wanted(Standstills::Order order) {
  switch (order) {
    case Standstills::Order::kFreeze: return "frozen 1";
    case Standstills::Order::kThaw: return "frozen 0";
    case Standstills::Order::kKill: break;
  }
  return "populated 0";
}

}  // namespace

Standstills::Standstills(const Clock& clock) : clock_(clock), changes_(::epoll_create1(EPOLL_CLOEXEC)) {}

Standstills::Answer Standstills::ask(const Awaited& one) {
  std::array<char, 256> room{};
  const std::string_view events = readEvents(one.events.get(), room);
  if (events.empty()) return Answer::kGone;
  return events.find(wanted(one.order)) != std::string_view::npos ? Answer::kSo : Answer::kNotYet;
}

void Standstills::begin(const RunId& run, Order order, int group) {
  if (const auto known = awaited_.find(run); known != awaited_.end()) {
    if (known->second.order == order) return;  // Ordered again.
    awaited_.erase(known);
  }
  if (!changes_) return;
  Awaited one{order, clock_.now().boottime, UniqueFd(::openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC))};
  if (!one.events || ask(one) != Answer::kNotYet) return;
  epoll_event change{.events = EPOLLPRI, .data = {.fd = one.events.get()}};
  if (::epoll_ctl(changes_.get(), EPOLL_CTL_ADD, one.events.get(), &change) != 0) return;
  awaited_.emplace(run, std::move(one));
}

void Standstills::look() {
  const Microseconds now = clock_.now().boottime;
  std::erase_if(awaited_, [&](const auto& entry) {
    const auto& [run, one] = entry;
    const Answer answer = ask(one);
    if (answer == Answer::kSo) taken_.push_back({run, one.order, now - one.since});
    // Of a group that is gone the kernel would tell without end.
    return answer != Answer::kNotYet;
  });
}

void Standstills::forget(const RunId& run) {
  look();
  awaited_.erase(run);
}

}  // namespace ringfence::supervisor
