#include "sandbox/plan/writable_places.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "sandbox/plan/paths.h"

namespace ringfence::sandbox {

std::vector<std::string> writablePlaces(const Plan& plan) {
  std::vector<std::string> places;
  for (const MountStep& step : plan.mounts) {
    const auto* given = std::get_if<BindDescriptor>(&step);
    const auto* bound = std::get_if<BindPath>(&step);
    if (given != nullptr && given->index != kHomeDescriptor && given->access == Access::kReadWrite)
      places.push_back(given->target);
    if (bound != nullptr && bound->access == Access::kReadWrite) places.push_back(bound->target);
  }
  std::ranges::sort(places, mountsBefore);
  std::vector<std::string> apart;  // what lies within another is looked at with it
  for (std::string& place : places) {
    const auto holds = [&place](const std::string& above) { return isWithin(place, above); };
    if (std::ranges::none_of(apart, holds)) apart.push_back(std::move(place));
  }
  return apart;
}

}  // namespace ringfence::sandbox
