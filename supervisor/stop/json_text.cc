#include "supervisor/stop/json_text.h"

namespace ringfence::supervisor::stop {

JsonText& JsonText::word(std::string_view text) {
  if (needsComma_) put(',');
  for (const char letter : text) put(letter);
  needsComma_ = true;
  return *this;
}

JsonText& JsonText::open(char bracket) {
  if (needsComma_) put(',');
  put(bracket);
  needsComma_ = false;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  put(bracket);
  needsComma_ = true;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  value(name);
  put(':');
  needsComma_ = false;
  return *this;
}

JsonText& JsonText::value(std::string_view text) {
  word("\"");
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') put('\\');
    put(letter >= ' ' && letter <= '~' ? letter : '?');
  }
  put('"');
  return *this;
}

JsonText& JsonText::time(Microseconds wall) {
  using namespace std::chrono;
  const sys_time<Microseconds> at{wall};
  const auto midnight = floor<days>(at);
  const year_month_day date(midnight);
  const hh_mm_ss<Microseconds> clock(at - midnight);
  std::array<char, 28> text{};
  std::size_t end = 0;
  const auto add = [&](long number, int digits, char after) {
    for (int i = digits; i-- > 0; number /= 10)
      text[end + static_cast<std::size_t>(i)] = static_cast<char>('0' + number % 10);
    end += static_cast<std::size_t>(digits);
    text[end++] = after;
  };
  add(int{date.year()}, 4, '-');
  add(static_cast<long>(unsigned{date.month()}), 2, '-');
  add(static_cast<long>(unsigned{date.day()}), 2, 'T');
  add(clock.hours().count(), 2, ':');
  add(clock.minutes().count(), 2, ':');
  add(clock.seconds().count(), 2, '.');
  add(clock.subseconds().count(), 6, 'Z');
  return value(std::string_view(text.data(), end));
}

}  // namespace ringfence::supervisor::stop
