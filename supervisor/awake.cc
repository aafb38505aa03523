#include "supervisor/awake.h"

#include <unistd.h>

#include <cstdint>

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kLaunchTakes{10'000};
constexpr std::int32_t kNever = 0;                // microseconds that a wake-up may take
constexpr std::int32_t kAsUsual = 2'000'000'000;  // the kernel's PM_QOS_CPU_LATENCY_DEFAULT_VALUE

bool ask(const UniqueFd& device, std::int32_t microseconds) {
  return ::write(device.get(), &microseconds, sizeof microseconds) == static_cast<ssize_t>(sizeof microseconds);
}

}  // namespace

void Awake::keep(Microseconds now) {
  if (!device_) return;
  if (!until_ && !ask(device_, kNever)) return device_.reset();  // It will not take the next one either.
  until_ = now + kLaunchTakes;
}

void Awake::wake(Microseconds now) {
  if (!until_ || now < *until_) return;
  until_.reset();
  if (!ask(device_, kAsUsual)) device_.reset();  // Closed, it is forgotten.
}

}  // namespace ringfence::supervisor
