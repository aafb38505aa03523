// Whether a run is given the screen of a person: a way to its X11 or Wayland server, through which it could press keys
// and draw windows as any program of theirs. Pure: judges what is granted, opens nothing.
#pragma once

#include <string>
#include <string_view>

#include "policy/document.h"
#include "sandbox/plan/make_plan.h"

namespace ringfence::sandbox {

// How the reason of the weakening begins that such a run is recorded with.
inline constexpr std::string_view kDisplayGiven = "display: it could press keys as its person, by ";

// The first way there and where it was granted, for people ("the X11 socket /tmp/.X11-unix (a.toml:7)"); empty: none.
// Known are the usual sockets and ports, and those that the caller's own environment names. What a `forbid` takes away
// again counts as given.
std::string displayGiven(const policy::Document& document, const LaunchRequest& request);

}  // namespace ringfence::sandbox
