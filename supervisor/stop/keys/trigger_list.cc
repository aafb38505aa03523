#include "supervisor/stop/keys/trigger_list.h"

#include <algorithm>
#include <set>

namespace ringfence::supervisor::stop {
namespace {

// A time that can still be added to.
constexpr Microseconds kEndOfTime = std::chrono::hours(24 * 365 * 1000);

std::set<int> keysOf(const TriggerSpec& spec) {
  std::set<int> keys;
  if (const auto* hold = std::get_if<HoldSpec>(&spec))
    for (const KeyChoice& key : hold->keys) keys.insert(key.begin(), key.end());
  if (const auto* press = std::get_if<PressSpec>(&spec)) keys.insert(press->key.begin(), press->key.end());
  if (const auto* button = std::get_if<ButtonSpec>(&spec)) keys.insert(button->code);
  return keys;
}

// Takes out those that are too many, and yields the keys of the others, sorted.
std::vector<int> bound(std::vector<std::optional<TriggerSpec>>& specs) {
  std::set<int> all;
  for (auto& spec : specs) {
    if (!spec) continue;
    std::set<int> with = all;
    with.merge(keysOf(*spec));
    if (with.size() > kMaxWatchedKeys)
      spec.reset();
    else
      all = std::move(with);
  }
  return {all.begin(), all.end()};
}

}  // namespace

TriggerList::TriggerList(const std::vector<std::optional<TriggerSpec>>& specs) : specs_(specs), held_(bound(specs_)) {
  for (const auto& spec : specs_) detectors_.push_back(spec ? makeDetector(*spec) : nullptr);
  fired_.reserve(kMaxFired);
}

std::vector<int> TriggerList::wantedOf(DeviceId device) const {
  std::vector<int> wanted;
  for (const int code : held_.codes()) {
    const auto wants = [&](const auto& detector) { return detector && detector->wants(device, code); };
    if (std::any_of(detectors_.begin(), detectors_.end(), wants)) wanted.push_back(code);
  }
  return wanted;
}

void TriggerList::attach(std::size_t slot, DeviceId device, std::span<const int> keys, std::span<const int> held,
                         Microseconds at) {
  advance(at);
  devices_[slot] = Device{device, {keys.begin(), keys.end()}};
  for (const int code : held)
    if (held_.knows(code)) change(slot, code, KeyChange::To::kDown, Press::kFoundHeld);
}

void TriggerList::detach(std::size_t slot, Microseconds at) {
  advance(at);
  if (!devices_[slot]) return;
  for (const int code : held_.codes())
    if (held_.at(slot, code)) change(slot, code, KeyChange::To::kUp, Press::kPressed);
  devices_[slot].reset();
}

void TriggerList::dropped(std::size_t slot, Microseconds at) {
  advance(at);
  for (const int code : held_.codes())
    if (auto& down = held_.at(slot, code)) down->since = time_;
}

void TriggerList::event(const KeyEvent& event) {
  if (!held_.knows(event.code) || !devices_[event.slot]) return;
  // A repeat of a key that was not down tells that its press was lost.
  const bool isDown = event.value != 0;
  if (held_.at(event.slot, event.code).has_value() == isDown) return;
  advance(event.at);
  change(event.slot, event.code, isDown ? KeyChange::To::kDown : KeyChange::To::kUp, Press::kPressed);
}

void TriggerList::advance(Microseconds at) {
  time_ = std::max(time_, std::min(at, kEndOfTime));
  for (std::size_t i = 0; i < detectors_.size(); ++i)
    if (detectors_[i]) fired(i, detectors_[i]->onTime(time_, held_));
}

std::optional<Microseconds> TriggerList::deadline() const {
  std::optional<Microseconds> next;
  for (const auto& detector : detectors_) {
    const auto due = detector ? detector->deadline(held_) : std::nullopt;
    if (due && (!next || *due < *next)) next = due;
  }
  return next;
}

TriggerState TriggerList::stateOf(std::size_t trigger) const {
  const auto& spec = specs_[trigger];
  if (!spec) return TriggerState::kNotUnderstood;
  const auto isThere = [&](const KeyChoice& choice) {
    return std::any_of(devices_.begin(), devices_.end(), [&](const auto& device) {
      return device && std::find_first_of(device->keys.begin(), device->keys.end(), choice.begin(), choice.end()) !=
                           device->keys.end();
    });
  };
  bool watched = false;
  if (const auto* hold = std::get_if<HoldSpec>(&*spec))
    watched = std::all_of(hold->keys.begin(), hold->keys.end(), isThere);
  if (const auto* press = std::get_if<PressSpec>(&*spec)) watched = isThere(press->key);
  if (watched) return TriggerState::kWatched;
  const auto* button = std::get_if<ButtonSpec>(&*spec);
  if (button == nullptr) return TriggerState::kNoKeyboard;
  const bool plugged = std::any_of(devices_.begin(), devices_.end(), [&](const auto& device) {
    return device && device->id == button->device &&
           std::find(device->keys.begin(), device->keys.end(), button->code) != device->keys.end();
  });
  return plugged ? TriggerState::kWatched : TriggerState::kUnplugged;
}

std::vector<TriggerReport> TriggerList::takeFired() {
  std::vector<TriggerReport> taken = fired_;
  fired_.clear();
  return taken;
}

void TriggerList::change(std::size_t slot, int code, KeyChange::To to, Press press) {
  auto& down = held_.at(slot, code);
  if (to == KeyChange::To::kDown)
    down = Down{time_, press};
  else
    down.reset();
  const KeyChange told{.at = time_, .slot = slot, .device = devices_[slot]->id, .code = code, .to = to, .press = press};
  for (std::size_t i = 0; i < detectors_.size(); ++i)
    if (detectors_[i]) fired(i, detectors_[i]->onKey(told, held_));
}

void TriggerList::fired(std::size_t trigger, std::optional<Press> press) {
  if (press && fired_.size() < kMaxFired) fired_.push_back({static_cast<std::uint8_t>(trigger), *press});
}

}  // namespace ringfence::supervisor::stop
