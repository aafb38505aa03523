#include "supervisor/stop/keys/detectors.h"

#include <algorithm>
#include <utility>

namespace ringfence::supervisor::stop {
namespace {

bool isOneOf(const KeyChoice& choice, int code) {
  return std::find(choice.begin(), choice.end(), code) != choice.end();
}

class HoldDetector final : public Detector {
 public:
  explicit HoldDetector(HoldSpec spec) : spec_(std::move(spec)) {}

  bool wants(DeviceId, int code) const override {
    return std::any_of(spec_.keys.begin(), spec_.keys.end(), [&](const KeyChoice& key) { return isOneOf(key, code); });
  }

  std::optional<Press> onKey(const KeyChange& change, const HeldKeys& held) override {
    if (!spent_) return std::nullopt;
    if (!chord(held)) {
      if (!lostAt_) lostAt_ = change.at;
    } else if (lostAt_) {
      spent_ = change.at - *lostAt_ < kChordRest;
      lostAt_.reset();
    }
    return std::nullopt;
  }

  std::optional<Press> onTime(Microseconds at, const HeldKeys& held) override {
    const auto due = deadline(held);
    if (!due || at < *due) return std::nullopt;
    spent_ = true;
    return chord(held)->press;
  }

  std::optional<Microseconds> deadline(const HeldKeys& held) const override {
    if (spent_) return std::nullopt;
    const auto down = chord(held);
    if (!down) return std::nullopt;
    return down->since + spec_.time;
  }

 private:
  // Since when all are down; found held where all of them were.
  std::optional<Down> chord(const HeldKeys& held) const {
    Down all{.since = Microseconds::min(), .press = Press::kFoundHeld};
    for (const KeyChoice& key : spec_.keys) {
      const auto down = held.longest(key);
      if (!down) return std::nullopt;
      all.since = std::max(all.since, down->since);
      if (down->press == Press::kPressed) all.press = Press::kPressed;
    }
    return all;
  }

  HoldSpec spec_;
  bool spent_ = false;                  // fired for this hold
  std::optional<Microseconds> lostAt_;  // when a spent chord was let go
};

// Leaves out what is no press of its own. By device: one that rattles must not hide what is pressed on another.
class Contacts {
 public:
  Contacts() : changes_(kMaxKeyDevices) {}

  bool isPress(const KeyChange& change) {
    auto& last = changes_[change.slot];
    const bool bounced = last && change.at - *last < kBounce;
    last = change.at;
    if (change.to == KeyChange::To::kDown && change.press == Press::kFoundHeld) return true;
    if (change.to != KeyChange::To::kDown || bounced) return false;
    if (press_ && change.at - *press_ < kBounce) return false;  // the same one, seen on a second device
    press_ = change.at;
    return true;
  }

 private:
  std::vector<std::optional<Microseconds>> changes_;
  std::optional<Microseconds> press_;
};

class PressDetector final : public Detector {
 public:
  explicit PressDetector(PressSpec spec) : spec_(std::move(spec)) {
    presses_.reserve(static_cast<std::size_t>(spec_.times));
  }

  bool wants(DeviceId, int code) const override { return isOneOf(spec_.key, code); }

  std::optional<Press> onKey(const KeyChange& change, const HeldKeys&) override {
    // What was down when it was first seen was pressed at nobody knows what time.
    if (!isOneOf(spec_.key, change.code) || !contacts_.isPress(change) || change.press == Press::kFoundHeld)
      return std::nullopt;
    presses_.push_back(change.at);
    while (change.at - presses_.front() > spec_.within) presses_.erase(presses_.begin());
    if (presses_.size() < static_cast<std::size_t>(spec_.times)) return std::nullopt;
    presses_.clear();
    return Press::kPressed;
  }

  std::optional<Press> onTime(Microseconds, const HeldKeys&) override { return std::nullopt; }
  std::optional<Microseconds> deadline(const HeldKeys&) const override { return std::nullopt; }

 private:
  PressSpec spec_;
  Contacts contacts_;
  std::vector<Microseconds> presses_;  // of the time that counts
};

class ButtonDetector final : public Detector {
 public:
  explicit ButtonDetector(ButtonSpec spec) : spec_(spec) {}

  bool wants(DeviceId device, int code) const override { return device == spec_.device && code == spec_.code; }

  std::optional<Press> onKey(const KeyChange& change, const HeldKeys&) override {
    if (!wants(change.device, change.code) || !contacts_.isPress(change)) return std::nullopt;
    return change.press;
  }

  std::optional<Press> onTime(Microseconds, const HeldKeys&) override { return std::nullopt; }
  std::optional<Microseconds> deadline(const HeldKeys&) const override { return std::nullopt; }

 private:
  ButtonSpec spec_;
  Contacts contacts_;
};

struct Maker {
  std::unique_ptr<Detector> operator()(const HoldSpec& spec) const { return std::make_unique<HoldDetector>(spec); }
  std::unique_ptr<Detector> operator()(const PressSpec& spec) const { return std::make_unique<PressDetector>(spec); }
  std::unique_ptr<Detector> operator()(const ButtonSpec& spec) const { return std::make_unique<ButtonDetector>(spec); }
};

}  // namespace

std::unique_ptr<Detector> makeDetector(const TriggerSpec& spec) { return std::visit(Maker(), spec); }

}  // namespace ringfence::supervisor::stop
