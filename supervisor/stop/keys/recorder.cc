#include "supervisor/stop/keys/recorder.h"

#include <algorithm>

namespace ringfence::supervisor::stop {
namespace {

constexpr Microseconds kQuiet = std::chrono::seconds(1);
constexpr std::size_t kMostKeysDown = 64;
constexpr const char* kModifierNames[] = {"ctrl", "alt", "shift", "meta"};

// A modifier as either of the two, others as they are.
KeyChoice choiceOf(int code) {
  for (const char* name : kModifierNames) {
    KeyChoice both = keysNamed(name);
    if (std::find(both.begin(), both.end(), code) != both.end()) return both;
  }
  return {code};
}

}  // namespace

void Recorder::event(DeviceId device, const KeyEvent& event) {
  const Key key{event.slot, event.code};
  const auto found = std::find(down_.begin(), down_.end(), key);
  if (event.value == 0 && found != down_.end()) {
    down_.erase(found);
    last_ = event.at;
  }
  if (event.value != 1 || event.code <= 0 || found != down_.end() || down_.size() >= kMostKeysDown) return;
  down_.push_back(key);
  last_ = event.at;
  device_ = device;
  if (down_.size() > most_.size()) {
    most_.clear();
    for (const Key& held : down_) most_.push_back(held.code);
    presses_ = 0;
  }
  if (most_.size() == 1) presses_ = event.code == most_[0] ? presses_ + 1 : 1;
  if (most_.size() == 1) most_[0] = event.code;
}

std::optional<TriggerSpec> Recorder::result(Microseconds now) const {
  if (most_.empty() || !down_.empty() || now - last_ < kQuiet) return std::nullopt;
  if (most_.size() == 1 && presses_ > 1)
    return PressSpec{choiceOf(most_[0]), std::min(presses_, 10), Milliseconds(2000)};
  if (most_.size() == 1) return ButtonSpec{device_, most_[0]};
  HoldSpec hold{{}, Milliseconds(500)};
  for (const int code : most_) {
    KeyChoice choice = choiceOf(code);
    const bool twice = std::find(hold.keys.begin(), hold.keys.end(), choice) != hold.keys.end();
    if (!twice && hold.keys.size() < kMaxChordKeys) hold.keys.push_back(std::move(choice));
  }
  return hold;
}

}  // namespace ringfence::supervisor::stop
