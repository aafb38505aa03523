#include "supervisor/meter/accel/leases.h"

#include <algorithm>
#include <map>

namespace ringfence::supervisor {

void LeaseTimes::open(const RunId& run, const std::vector<AccelDeviceId>& devices, Microseconds at) {
  const bool isOpen = std::ranges::any_of(spans_, [&](const Span& span) { return span.run == run && !span.to; });
  if (!isOpen) spans_.push_back({.run = run, .devices = devices, .from = at, .to = {}});
}

void LeaseTimes::close(const RunId& run, Microseconds at) {
  for (Span& span : spans_) {
    if (span.run == run && !span.to) span.to = std::max(span.from, at);
  }
}

std::vector<LeaseSpan> LeaseTimes::within(const AccelDeviceId& device, Microseconds from, Microseconds to) const {
  std::map<RunId, Microseconds> held;
  for (const Span& span : spans_) {
    if (std::ranges::find(span.devices, device) == span.devices.end()) continue;
    const Microseconds begin = std::max(span.from, from);
    const Microseconds end = std::min(span.to.value_or(to), to);
    if (end > begin) held[span.run] += end - begin;
  }
  std::vector<LeaseSpan> spans;
  for (const auto& [run, time] : held) spans.push_back({run, device, static_cast<std::uint64_t>(time.count())});
  return spans;
}

void LeaseTimes::forgetBefore(Microseconds at) {
  std::erase_if(spans_, [&](const Span& span) { return span.to && *span.to <= at; });
}

}  // namespace ringfence::supervisor
