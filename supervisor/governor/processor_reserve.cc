#include "supervisor/governor/processor_reserve.h"

namespace ringfence::supervisor::governor {
namespace {

using State = ForegroundWork::State;

std::string reasonOf(State state) {
  switch (state) {
    case State::kUntold: return "nobody can tell when the person's programs work";
    case State::kWorks: return "the person's programs work";
    case State::kRests: return "none of the person's programs has worked for 10 s";
    case State::kNotYetKnown:
    case State::kNone: break;
  }
  return "none of the person's programs works";
}

}  // namespace

std::optional<ProcessorReserve::Change> ProcessorReserve::tick(const ForegroundWork& work) {
  if (wanted_ == 0 || work.state() == State::kNotYetKnown) return std::nullopt;
  const std::uint32_t wanted = work.isAssumed() ? wanted_ : 0;
  if (kept_ == wanted) return std::nullopt;
  kept_ = wanted;
  return Change{wanted, reasonOf(work.state())};
}

}  // namespace ringfence::supervisor::governor
