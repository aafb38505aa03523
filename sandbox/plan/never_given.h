// Places of the host that no run gets, whatever a policy says: made new for every run, or in control of the host.
#pragma once

#include <array>
#include <string_view>

namespace ringfence::sandbox {

inline constexpr std::array<std::string_view, 8> kNeverAtOrBelow = {"/proc",    "/sys",      "/dev",  "/run",
                                                                    "/var/run", "/var/lock", "/boot", "/lost+found"};

// The place that `path` is at or below; empty: none.
constexpr std::string_view neverGiven(std::string_view path) {
  for (const std::string_view place : kNeverAtOrBelow) {
    if (path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/')) return place;
  }
  return {};
}

}  // namespace ringfence::sandbox
