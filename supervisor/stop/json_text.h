// One JSON document in memory that was there before it was needed: sdk/base/json_writer.h without the heap. What does
// not fit makes it not whole.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string_view>

#include "sdk/base/clock.h"

namespace ringfence::supervisor::stop {

class JsonText {
 public:
  static constexpr std::size_t kCapacity = 60 * 1024;

  JsonText& clear() {
    size_ = 0;
    needsComma_ = false;
    isWhole_ = true;
    return *this;
  }
  JsonText& beginObject() { return open('{'); }
  JsonText& endObject() { return close('}'); }
  JsonText& beginArray() { return open('['); }
  JsonText& endArray() { return close(']'); }
  JsonText& key(std::string_view name);
  JsonText& value(std::string_view text);  // what is not printable ASCII becomes a question mark
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(bool flag) { return word(flag ? "true" : "false"); }
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) JsonText& value(Number number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return word({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  JsonText& raw(std::string_view json) { return word(json); }  // text that is JSON already
  JsonText& null() { return word("null"); }
  // "2026-11-28T01:12:50.123456Z" for microseconds since the epoch.
  JsonText& time(Microseconds wall);
  template <typename Value>
  JsonText& field(std::string_view name, const Value& content) {
    return key(name).value(content);
  }

  std::string_view text() const { return {bytes_.data(), size_}; }
  std::size_t room() const { return kCapacity - size_; }
  bool isWhole() const { return isWhole_; }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  JsonText& word(std::string_view text);
  void put(char letter) {
    if (size_ < kCapacity)
      bytes_[size_++] = letter;
    else
      isWhole_ = false;
  }

  std::size_t size_ = 0;
  bool needsComma_ = false;
  bool isWhole_ = true;
  std::array<char, kCapacity> bytes_;
};

}  // namespace ringfence::supervisor::stop
