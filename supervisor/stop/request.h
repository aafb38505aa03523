// What is asked on the socket: one short ASCII request a packet. Pure, and without the heap.
//
//   stop [WORDS]    kill [WORDS]    status    release    daemon SECONDS    beat    bye
#pragma once

#include <cstddef>
#include <string_view>

#include "sdk/base/clock.h"
#include "supervisor/stop/latch.h"

namespace ringfence::supervisor::stop {

inline constexpr std::size_t kMaxStopRequest = 256;  // bytes

struct Request {
  enum class Kind { kUnknown, kStop, kKill, kStatus, kRelease, kDaemon, kBeat, kBye } kind = Kind::kUnknown;
  TriggerText words;        // of stop and kill: printable ASCII, what else there was as question marks
  Microseconds patience{};  // of daemon
};

// kUnknown for everything else, whatever it is.
Request parseRequest(std::string_view packet);

// What a request is recorded as: "asked", or "asked: WORDS".
TriggerText triggerOf(const Request& request);

}  // namespace ringfence::supervisor::stop
