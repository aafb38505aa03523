#include "supervisor/governor/rising_floor.h"

#include <algorithm>

namespace ringfence::supervisor::governor {
namespace {

constexpr std::size_t kFloors = 9;  // steps between them: 8
constexpr std::size_t kRisingSteps = 7;
// Steps of what grows by itself are about alike: one counts when it is at least this part of the average, and more than
// so much of all the growth in one of them is a burst or a jump.
constexpr double kPartOfStep = 0.4;
constexpr double kMostInOneStep = 0.3;
// What may be given back in a step and still be noise, as a part of all the growth.
constexpr double kGivenBack = 0.02;

}  // namespace

RisingFloor::RisingFloor(double perSecond, double least, Microseconds window) : perSecond_(perSecond), least_(least) {
  const Microseconds span = window / static_cast<Microseconds::rep>(kFloors);
  for (const int times : {1, 3, 9}) scales_.push_back({.span = span * times});
}

void RisingFloor::add(Microseconds at, double value) {
  for (Scale& scale : scales_) {
    // A silence longer than a span: what was before says nothing about now.
    if (scale.began && at - *scale.began >= 2 * scale.span) {
      scale.floors.clear();
      scale.began.reset();
    }
    if (scale.began && at - *scale.began >= scale.span) {
      scale.floors.push_back(scale.least);
      if (scale.floors.size() > kFloors) scale.floors.pop_front();
      scale.began = *scale.began + scale.span;
      scale.least = value;
    }
    if (!scale.began) {
      scale.began = at;
      scale.least = value;
    }
    scale.least = std::min(scale.least, value);
  }
}

std::optional<RisingFound> RisingFloor::findAt(const Scale& scale) const {
  if (scale.floors.size() < kFloors) return std::nullopt;
  const double growth = scale.floors.back() - scale.floors.front();
  const double span = static_cast<double>(scale.span.count()) / 1e6;
  const double over = span * static_cast<double>(kFloors - 1);
  if (growth < std::max(least_, perSecond_ * over)) return std::nullopt;
  std::size_t rising = 0;
  for (std::size_t i = 1; i < scale.floors.size(); ++i) {
    const double step = scale.floors[i] - scale.floors[i - 1];
    if (step < -kGivenBack * growth || step > kMostInOneStep * growth) return std::nullopt;
    if (step >= kPartOfStep * growth / static_cast<double>(kFloors - 1)) ++rising;
  }
  if (rising < kRisingSteps) return std::nullopt;
  return RisingFound{growth / over, Microseconds{static_cast<Microseconds::rep>(over * 1e6)}, growth};
}

std::optional<RisingFound> RisingFloor::find() const {
  for (const Scale& scale : scales_)
    if (const auto found = findAt(scale)) return found;
  return std::nullopt;
}

}  // namespace ringfence::supervisor::governor
