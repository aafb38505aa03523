#include <linux/input-event-codes.h>

#include <catch2/catch_test_macros.hpp>

#include "supervisor/stop/keys/channel.h"
#include "supervisor/stop/keys/key_watch.h"
#include "supervisor/stop/keys/recorder.h"
#include "supervisor/stop/keys/trigger_spec.h"

using namespace ringfence;
using namespace ringfence::supervisor::stop;

TEST_CASE("a trigger is read, and written as it was") {
  for (const char* text : {"hold ctrl+alt+end 500ms", "press pause x3 within 2s", "button 1234:abcd f13", "hold f12 3s",
                           "hold code767 1s", "hold leftctrl+rightctrl 1500ms", "press btn_left x10 within 10s",
                           "button 0000:ffff code752", "hold kp1+1+a+b+c+d+e+f 100ms"}) {
    INFO(text);
    const auto spec = parseTrigger(text);
    REQUIRE(spec);
    CHECK(describeTrigger(*spec) == text);
  }
  CHECK(*parseTrigger("  hold   ctrl+end  2000ms ") == *parseTrigger("hold ctrl+end 2s"));
  CHECK(*parseTrigger("hold ctrl+alt+end 500ms") ==
        TriggerSpec(
            HoldSpec{{{KEY_LEFTCTRL, KEY_RIGHTCTRL}, {KEY_LEFTALT, KEY_RIGHTALT}, {KEY_END}}, Milliseconds(500)}));
  for (const char* text : kDefaultTriggers) CHECK(parseTrigger(text));
}

TEST_CASE("a trigger that is none is refused with the word that is wrong") {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "no trigger begins with \"\""},
      {"hodl end 1s", "no trigger begins with \"hodl\""},
      {"hold ctrl+alt+ende 500ms", "no key is called \"ende\""},
      {"hold ctrl+END 500ms", "no key is called \"END\""},
      {"hold ctrl++end 500ms", "no key is called \"\""},
      {"hold ctrl+leftctrl 500ms", "a key is there twice in \"ctrl+leftctrl\""},
      {"hold a+b+c+d+e+f+g+h+i 1s", "there are too many keys"},
      {"hold end 500", "no time of a trigger is \"500\""},
      {"hold end 99ms", "no time of a trigger is \"99ms\""},
      {"hold end 11s", "no time of a trigger is \"11s\""},
      {"hold end 99999999999999s", "no time of a trigger is"},
      {"hold end", "a hold is not"},
      {"press pause x1 within 2s", "no number of presses is \"x1\""},
      {"press pause x11 within 2s", "no number of presses is \"x11\""},
      {"press pause three within 2s", "a trigger is not \"pause\""},
      {"button 1234 f13", "no device is \"1234\""},
      {"button 1234-abcd f13", "no device is \"1234-abcd\""},
      {"button 1234:abcg f13", "no device is \"1234:abcg\""},
      {"button 1234:abcd ctrl", "a button is one key, not \"ctrl\""},
      {"button 1234:abcd code768", "no key is called \"code768\""},
      {"button 1234:abcd max", "no key is called \"max\""}};
  for (const auto& [text, words] : wrong) {
    INFO(text);
    const auto spec = parseTrigger(text);
    REQUIRE(!spec);
    CHECK(spec.error().message.find(words) != std::string::npos);
    CHECK(spec.error().code == ErrorCode::kInvalid);
  }
  CHECK(!parseTrigger(std::string(1000, ' ')));
}

TEST_CASE("what the watcher tells is read as it was sent, and nothing else is read at all") {
  const KeyReport reports[] = {TriggerReport{0},
                               TriggerReport{15, Press::kFoundHeld},
                               StateReport{3, TriggerState::kUnplugged},
                               DeviceReport{63, DeviceReport::Presence::kPresent, 65535, 0x1234, 0xabcd},
                               DeviceReport{5},
                               ProblemReport{kTooManyDevices | kDeviceRefused}};
  for (const KeyReport& report : reports) CHECK(decodeReport(encodeReport(report).view()) == report);
  int read = 0;
  for (int size = 0; size <= 16; ++size)
    for (int first = 0; first < 256; ++first)
      for (int second = 0; second < 256; ++second) {
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size), 0xff);
        if (size > 0) bytes[0] = static_cast<std::uint8_t>(first);
        if (size > 1) bytes[1] = static_cast<std::uint8_t>(second);
        const auto report = decodeReport(bytes);
        if (!report) continue;
        ++read;
        const KeyPacket again = encodeReport(*report);
        REQUIRE(std::vector(again.view().begin(), again.view().end()) == bytes);
      }
  // Sixteen triggers twice, whatever the second byte is not; and devices, all of whose numbers are ones.
  CHECK(read == 32 * 256 + 2 * static_cast<int>(kMaxKeyDevices));
}

namespace {

class Pressing {
 public:
  void key(long at, int code, int value, DeviceId device = {1, 1}) {
    recorder_.event(device, {std::chrono::milliseconds(at), device.vendor, code, value});
  }
  std::string recorded(long at) const {
    const auto spec = recorder_.result(std::chrono::milliseconds(at));
    return spec ? describeTrigger(*spec) : "nothing";
  }

 private:
  Recorder recorder_;
};

}  // namespace

TEST_CASE("what is told of the keys fits into a packet, however long the texts are that somebody wrote") {
  const KeyWatch watch({.program = "/nowhere", .triggers = std::vector<std::string>(14, std::string(70'000, '\x01'))});
  JsonWriter json;
  watch.writeStatus(json);
  CHECK(json.text().size() < 32 * 1024);
}

TEST_CASE("several keys together are recorded as a hold, modifiers as either of the two") {
  Pressing keys;
  keys.key(0, KEY_ENTER, 0);  // of the command line
  CHECK(keys.recorded(5000) == "nothing");
  keys.key(100, KEY_RIGHTCTRL, 1);
  keys.key(200, KEY_LEFTALT, 1);
  keys.key(300, KEY_F9, 1);
  keys.key(600, KEY_F9, 2);
  CHECK(keys.recorded(5000) == "nothing");
  keys.key(700, KEY_RIGHTCTRL, 0);
  keys.key(800, KEY_LEFTALT, 0);
  keys.key(900, KEY_F9, 0);
  CHECK(keys.recorded(1500) == "nothing");
  CHECK(keys.recorded(1900) == "hold ctrl+alt+f9 500ms");
}

TEST_CASE("a key that is pressed several times is recorded as that, once as a button of its device") {
  Pressing keys;
  keys.key(100, KEY_F13, 1, {0x1234, 0xabcd});
  keys.key(200, KEY_F13, 0, {0x1234, 0xabcd});
  CHECK(keys.recorded(2000) == "button 1234:abcd f13");
  keys.key(500, KEY_F13, 1, {0x1234, 0xabcd});
  keys.key(600, KEY_F13, 0, {0x1234, 0xabcd});
  CHECK(keys.recorded(2000) == "press f13 x2 within 2s");
}
