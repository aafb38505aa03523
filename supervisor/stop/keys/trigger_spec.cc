#include "supervisor/stop/keys/trigger_spec.h"

#include <libevdev/libevdev.h>

#include <algorithm>
#include <optional>

#include "sdk/base/whole_number.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr Milliseconds kShortestTime{100};
constexpr Milliseconds kLongestTime{10'000};
constexpr int kFewestPresses = 2, kMostPresses = 10;
constexpr std::string_view kCode = "code";

struct Modifier {
  std::string_view name;
  int left, right;
};
constexpr Modifier kModifiers[] = {{"ctrl", KEY_LEFTCTRL, KEY_RIGHTCTRL},
                                   {"alt", KEY_LEFTALT, KEY_RIGHTALT},
                                   {"shift", KEY_LEFTSHIFT, KEY_RIGHTSHIFT},
                                   {"meta", KEY_LEFTMETA, KEY_RIGHTMETA}};

Error wrong(std::string_view what, std::string_view word, std::string_view instead) {
  return Error{ErrorCode::kInvalid, std::string(what) + " \"" + std::string(word) + "\"; " + std::string(instead)};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<Milliseconds> parseTime(std::string_view word) {
  const auto unit = word.find_first_not_of("0123456789");
  const auto number = wholeNumber<int>(word.substr(0, unit));
  const std::string_view name = unit == std::string_view::npos ? "" : word.substr(unit);
  if (number && *number <= kLongestTime.count() && (name == "ms" || name == "s")) {
    const Milliseconds time(name == "s" ? *number * 1000 : *number);
    if (time >= kShortestTime && time <= kLongestTime) return time;
  }
  return wrong("no time of a trigger is", word, "it is 100ms to 10s");
}

std::string timeText(Milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + "s" : std::to_string(count) + "ms";
}

Result<KeyChoice> parseKey(std::string_view word) {
  KeyChoice keys = keysNamed(word);
  if (keys.empty())
    return wrong("no key is called", word, "ringfence-stop --record prints the name of one that is pressed");
  return keys;
}

std::string choiceName(const KeyChoice& keys) {
  for (const Modifier& modifier : kModifiers)
    if (keys == KeyChoice{modifier.left, modifier.right}) return std::string(modifier.name);
  return keyName(keys.front());
}

Result<TriggerSpec> parseHold(const std::vector<std::string_view>& words) {
  if (words.size() != 3)
    return wrong("a hold is not", std::to_string(words.size()) + " words", "it is: hold ctrl+alt+end 500ms");
  HoldSpec spec;
  for (const std::string_view name : split(words[1], '+')) {
    KeyChoice key = RF_TRY(parseKey(name));
    for (const KeyChoice& other : spec.keys)
      if (std::find_first_of(key.begin(), key.end(), other.begin(), other.end()) != key.end())
        return wrong("a key is there twice in", words[1], "each is named once");
    spec.keys.push_back(std::move(key));
    if (spec.keys.size() > kMaxChordKeys) return wrong("there are too many keys in", words[1], "eight are the most");
  }
  spec.time = RF_TRY(parseTime(words[2]));
  return TriggerSpec(std::move(spec));
}

Result<TriggerSpec> parsePress(const std::vector<std::string_view>& words) {
  if (words.size() != 5 || words[3] != "within" || !words[2].starts_with('x'))
    return wrong("a trigger is not", words.size() > 1 ? words[1] : "press", "it is: press pause x3 within 2s");
  PressSpec spec;
  spec.key = RF_TRY(parseKey(words[1]));
  spec.times = wholeNumber<int>(words[2].substr(1)).value_or(0);
  if (spec.times < kFewestPresses || spec.times > kMostPresses)
    return wrong("no number of presses is", words[2], "it is x2 to x10");
  spec.within = RF_TRY(parseTime(words[4]));
  return TriggerSpec(std::move(spec));
}

Result<TriggerSpec> parseButton(const std::vector<std::string_view>& words) {
  if (words.size() != 3)
    return wrong("a button is not", std::to_string(words.size()) + " words", "it is: button 046d:c31c f13");
  const std::string_view id = words[1];
  const auto vendor = wholeNumber<int>(id.substr(0, 4), 16);
  const auto product = id.size() == 9 ? wholeNumber<int>(id.substr(5), 16) : std::nullopt;
  if (!vendor || !product || id[4] != ':')
    return wrong("no device is", id, "it is vendor:product as lsusb shows it, 046d:c31c");
  const KeyChoice key = RF_TRY(parseKey(words[2]));
  if (key.size() != 1) return wrong("a button is one key, not", words[2], "say left" + std::string(words[2]));
  return TriggerSpec(ButtonSpec{{static_cast<std::uint16_t>(*vendor), static_cast<std::uint16_t>(*product)}, key[0]});
}

std::string hex4(std::uint16_t number) {
  std::string text = "0000";
  for (std::size_t i = 0; i < 4; ++i) text[i] = "0123456789abcdef"[number >> (12 - 4 * i) & 0xf];
  return text;
}

}  // namespace

std::string keyName(int code) {
  const char* name = libevdev_event_code_get_name(EV_KEY, static_cast<unsigned>(code));
  if (name == nullptr || code == KEY_MAX) return std::string(kCode) + std::to_string(code);
  std::string text = name;
  if (text.starts_with("KEY_")) text.erase(0, 4);
  for (char& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

KeyChoice keysNamed(std::string_view name) {
  for (const Modifier& modifier : kModifiers)
    if (name == modifier.name) return {modifier.left, modifier.right};
  if (name.starts_with(kCode)) {
    const auto code = wholeNumber<int>(name.substr(kCode.size()));
    if (code && *code > 0 && *code < KEY_CNT) return {*code};
  }
  std::string upper(name);
  for (char& letter : upper) {
    if (letter >= 'A' && letter <= 'Z') return {};
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  int code = -1;
  if (!upper.starts_with("BTN_")) code = libevdev_event_code_from_name(EV_KEY, ("KEY_" + upper).c_str());
  if (code < 0) code = libevdev_event_code_from_name(EV_KEY, upper.c_str());
  if (code <= 0 || code >= KEY_CNT || name == "max" || name == "cnt") return {};
  return {code};
}

Result<TriggerSpec> parseTrigger(std::string_view text) {
  if (text.size() > kMaxSpecText) return Error{ErrorCode::kInvalid, "a trigger has at most 112 bytes"};
  std::vector<std::string_view> words = split(text, ' ');
  std::erase(words, std::string_view());
  const std::string_view kind = words.empty() ? std::string_view() : words[0];
  if (kind == "hold") return parseHold(words);
  if (kind == "press") return parsePress(words);
  if (kind == "button") return parseButton(words);
  return wrong("no trigger begins with", kind, "it is hold, press or button");
}

std::string describeTrigger(const TriggerSpec& spec) {
  if (const auto* hold = std::get_if<HoldSpec>(&spec)) {
    std::string keys;
    for (const KeyChoice& key : hold->keys) keys += (keys.empty() ? "" : "+") + choiceName(key);
    return "hold " + keys + " " + timeText(hold->time);
  }
  if (const auto* press = std::get_if<PressSpec>(&spec))
    return "press " + choiceName(press->key) + " x" + std::to_string(press->times) + " within " +
           timeText(press->within);
  const auto& button = std::get<ButtonSpec>(spec);
  return "button " + hex4(button.device.vendor) + ":" + hex4(button.device.product) + " " + keyName(button.code);
}

}  // namespace ringfence::supervisor::stop
