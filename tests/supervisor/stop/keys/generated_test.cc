// Random traces against what raw key states say, millisecond by millisecond.
#include <linux/input-event-codes.h>

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

#include "supervisor/stop/keys/trigger_list.h"

using namespace ringfence;
using namespace ringfence::supervisor::stop;

namespace {

constexpr int kLength = 12'000, kHold = 500, kRest = 100;
constexpr int kKeys[] = {KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTALT, KEY_END, KEY_A};
constexpr std::size_t kDevices = 3;

struct Step {
  long at = 0;
  enum class Kind { kKey, kDropped, kUnplug, kPlug } kind = Kind::kKey;
  std::size_t slot = 0;
  int code = 0, value = 0;
};

// Mostly the chord's keys, mostly going down, so that holds of about the length in question are frequent.
std::vector<Step> randomTrace(std::mt19937& random) {
  std::vector<Step> steps;
  const auto pick = [&](int from, int to) { return std::uniform_int_distribution<int>(from, to)(random); };
  for (long at = 50; at < kLength - 1000; at += pick(0, 3) == 0 ? pick(300, 700) : pick(1, 60)) {
    Step step{.at = at, .slot = static_cast<std::size_t>(pick(0, static_cast<int>(kDevices) - 1))};
    const int kind = pick(0, 99);
    if (kind < 2)
      step.kind = Step::Kind::kDropped;
    else if (kind < 4)
      step.kind = Step::Kind::kUnplug;
    else if (kind < 8)
      step.kind = Step::Kind::kPlug;
    step.code = kKeys[pick(0, 4)];
    step.value = pick(0, 9) < 6 ? pick(1, 2) : 0;
    steps.push_back(step);
  }
  return steps;
}

// What was down when, of each key of each device; a drop is a moment in which it was not.
class Truth {
 public:
  explicit Truth(const std::vector<Step>& steps) {
    std::size_t next = 0;
    for (long at = 0; at < kLength; ++at) {
      for (; next < steps.size() && steps[next].at == at; ++next) apply(steps[next]);
      for (auto& [key, since] : since_) held_[key].push_back(since);
      for (auto& [key, series] : held_)
        if (series.size() <= static_cast<std::size_t>(at)) series.resize(static_cast<std::size_t>(at) + 1, -1);
    }
  }

  // Since when all keys of the chord are down, each on one device; -1: they are not.
  long chordSince(long at) const {
    long all = -1;
    for (const std::vector<int>& choice : {std::vector<int>{KEY_LEFTCTRL, KEY_RIGHTCTRL}, {KEY_LEFTALT}, {KEY_END}}) {
      long first = -1;
      for (const int code : choice)
        for (std::size_t slot = 0; slot < kDevices; ++slot) {
          const auto series = held_.find({slot, code});
          if (series == held_.end()) continue;
          const long since = series->second[static_cast<std::size_t>(at)];
          if (since >= 0 && (first < 0 || since < first)) first = since;
        }
      if (first < 0) return -1;
      all = std::max(all, first);
    }
    return all;
  }

 private:
  using Key = std::pair<std::size_t, int>;

  void apply(const Step& step) {
    const Key key{step.slot, step.code};
    for (const int code : kKeys) {
      auto& since = since_.try_emplace({step.slot, code}, -1).first->second;
      if (step.kind == Step::Kind::kUnplug) since = -1;
      if (step.kind == Step::Kind::kDropped && since >= 0) since = step.at;
    }
    if (step.kind == Step::Kind::kUnplug) gone_[step.slot] = true;
    if (step.kind == Step::Kind::kPlug) gone_[step.slot] = false;
    if (step.kind != Step::Kind::kKey || gone_[step.slot]) return;
    if (step.value == 0)
      since_[key] = -1;
    else if (since_[key] < 0)
      since_[key] = step.at;
  }

  std::map<Key, long> since_;
  std::map<Key, std::vector<long>> held_;
  std::map<std::size_t, bool> gone_;
};

std::vector<long> firesOf(const std::vector<Step>& steps) {
  TriggerList triggers({*parseTrigger("hold ctrl+alt+end 500ms")});
  const std::vector<int> keys(std::begin(kKeys), std::end(kKeys));
  std::vector<bool> gone(kDevices);
  std::vector<long> fires;
  for (std::size_t slot = 0; slot < kDevices; ++slot) triggers.attach(slot, {1, 1}, keys, {}, Microseconds(0));
  const auto take = [&](long at) { fires.insert(fires.end(), triggers.takeFired().size(), at); };
  std::size_t next = 0;
  for (long at = 0; at < kLength; ++at) {
    const Microseconds now = std::chrono::milliseconds(at);
    triggers.advance(now);
    take(at);
    for (; next < steps.size() && steps[next].at == at; ++next) {
      const Step& step = steps[next];
      if (step.kind == Step::Kind::kKey) triggers.event({now, step.slot, step.code, step.value});
      if (step.kind == Step::Kind::kDropped) triggers.dropped(step.slot, now);
      if (step.kind == Step::Kind::kUnplug) triggers.detach(step.slot, now), gone[step.slot] = true;
      if (step.kind == Step::Kind::kPlug && gone[step.slot]) {
        triggers.attach(step.slot, {1, 1}, keys, {}, now);
        gone[step.slot] = false;
      }
      take(at);
    }
  }
  return fires;
}

// From the states alone: fires at 500 ms, again only after a hundred without the chord.
std::vector<long> expectedOf(const Truth& truth) {
  std::vector<long> fires;
  bool spent = false;
  long lost = -1;
  for (long at = 1; at < kLength; ++at) {
    const long before = truth.chordSince(at - 1), since = truth.chordSince(at);
    // What was held up to now counts, though it is let go at this moment.
    if (!spent && before >= 0 && at - before >= kHold) fires.push_back(at), spent = true;
    if (spent && since < 0 && lost < 0) lost = at;
    if (spent && since >= 0 && lost >= 0) spent = at - lost < kRest, lost = -1;
  }
  return fires;
}

}  // namespace

TEST_CASE("a chord fires when it was held, never without, and once: 100 random traces over three keyboards") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::size_t fired = 0;
  for (int round = 0; round < 100; ++round) {
    const auto steps = randomTrace(random);
    const auto fires = firesOf(steps);
    REQUIRE(fires == expectedOf(Truth(steps)));
    fired += fires.size();
  }
  CHECK(fired > 50);  // the traces are about what fires
}

TEST_CASE("three presses fire, two do not, at any pace of a person: 500 random traces") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto pick = [&](int from, int to) { return std::uniform_int_distribution<int>(from, to)(random); };
  for (int round = 0; round < 500; ++round) {
    TriggerList triggers({*parseTrigger("press pause x3 within 2s")});
    const std::vector<int> keys{KEY_PAUSE};
    for (std::size_t slot = 0; slot < 2; ++slot) triggers.attach(slot, {1, 1}, keys, {}, Microseconds(0));
    long at = 1000;
    for (int press = 1; press <= 3; ++press) {
      const auto slot = static_cast<std::size_t>(pick(0, 1));
      const auto time = [&] { return Microseconds(std::chrono::milliseconds(at)); };
      triggers.event({time(), slot, KEY_PAUSE, 1});
      for (int repeat = pick(0, 2); repeat > 0; --repeat) triggers.event({time(), slot, KEY_PAUSE, 2});
      REQUIRE(triggers.takeFired().size() == (press == 3 ? 1 : 0));
      at += pick(0, 300);
      triggers.event({time(), slot, KEY_PAUSE, 0});
      at += pick(40, 690);
    }
    triggers.advance(std::chrono::hours(1));
    REQUIRE(triggers.takeFired().empty());
  }
}

TEST_CASE("a keyboard that floods delays no chord on another one, and what fired is bounded") {
  TriggerList triggers({*parseTrigger("hold ctrl+alt+end 500ms"), *parseTrigger("button 0002:0002 f13")});
  const std::vector<int> keys{KEY_LEFTCTRL, KEY_LEFTALT, KEY_END, KEY_F13};
  triggers.attach(0, {1, 1}, keys, {}, Microseconds(0));
  triggers.attach(1, {2, 2}, keys, {}, Microseconds(0));
  for (const int code : {KEY_LEFTCTRL, KEY_LEFTALT, KEY_END}) triggers.event({Microseconds(1000), 0, code, 1});
  for (int i = 0; i < 400'000; ++i) {
    const Microseconds at(1000 + i);
    triggers.event({at, 1, keys[static_cast<std::size_t>(i) % 3], i / 3 % 3});
    if (i % 1000 == 0) triggers.dropped(1, at);
  }
  CHECK(triggers.takeFired().empty());
  triggers.advance(std::chrono::milliseconds(501));
  CHECK(triggers.takeFired() == std::vector<TriggerReport>{{0, Press::kPressed}});
  for (int i = 0; i < 10'000; ++i)
    triggers.event({std::chrono::seconds(2) + i * std::chrono::milliseconds(50), 1, KEY_F13, i % 2});
  const auto fired = triggers.takeFired();
  CHECK(fired.size() <= 64);
  CHECK(fired.size() > 10);
}

TEST_CASE("times beyond all bounds and keys that nobody wants change nothing") {
  TriggerList triggers({*parseTrigger("hold ctrl+alt+end 500ms"), std::nullopt});
  const std::vector<int> keys{KEY_LEFTCTRL, KEY_LEFTALT, KEY_END};
  triggers.attach(0, {1, 1}, keys, {}, Microseconds::min());
  triggers.event({Microseconds::min(), 0, KEY_LEFTCTRL, 1});
  triggers.event({Microseconds::max(), 0, KEY_LEFTALT, 1});
  triggers.event({Microseconds(5), 0, KEY_A, 1});
  triggers.event({Microseconds(5), 7, KEY_END, 1});  // a device that is not there
  triggers.event({Microseconds(5), 0, KEY_END, 1});
  triggers.advance(Microseconds::max());
  CHECK(triggers.takeFired().empty());
  CHECK(triggers.stateOf(1) == TriggerState::kNotUnderstood);
}

TEST_CASE("only what triggers want is asked of a device, a bound key only of its own") {
  TriggerList triggers({*parseTrigger("hold ctrl+end 1s"), *parseTrigger("button 1234:abcd f13")});
  CHECK(triggers.wantedOf({1, 1}) == std::vector<int>{KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_END});
  CHECK(triggers.wantedOf({0x1234, 0xabcd}) == std::vector<int>{KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_END, KEY_F13});
}

TEST_CASE("a trigger says whether it is watched: its keys over all keyboards, a bound button on its own") {
  TriggerList triggers({*parseTrigger("hold ctrl+end 1s"), *parseTrigger("button 1234:abcd f13")});
  CHECK(triggers.stateOf(0) == TriggerState::kNoKeyboard);
  CHECK(triggers.stateOf(1) == TriggerState::kUnplugged);
  const std::vector<int> first{KEY_LEFTCTRL, KEY_F13}, second{KEY_END};
  triggers.attach(0, {1, 1}, first, {}, Microseconds(0));
  CHECK(triggers.stateOf(0) == TriggerState::kNoKeyboard);
  triggers.attach(1, {1, 1}, second, {}, Microseconds(0));
  CHECK(triggers.stateOf(0) == TriggerState::kWatched);
  CHECK(triggers.stateOf(1) == TriggerState::kUnplugged);
  triggers.attach(2, {0x1234, 0xabcd}, first, {}, Microseconds(0));
  CHECK(triggers.stateOf(1) == TriggerState::kWatched);
  triggers.detach(2, Microseconds(0));
  triggers.detach(1, Microseconds(0));
  CHECK(triggers.stateOf(0) == TriggerState::kNoKeyboard);
  CHECK(triggers.stateOf(1) == TriggerState::kUnplugged);
}
