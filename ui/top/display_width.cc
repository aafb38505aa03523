#include "ui/top/display_width.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>

#include "sdk/base/text.h"

namespace ringfence::top {
namespace {

constexpr int kMostMarks = 2;  // on one letter; written languages need no more

// Widths as of UTF-8, whatever the person's locale is.
class Utf8Widths {
 public:
  Utf8Widths() : before_(::uselocale(utf8())) {}
  Utf8Widths(const Utf8Widths&) = delete;
  Utf8Widths& operator=(const Utf8Widths&) = delete;
  ~Utf8Widths() { ::uselocale(before_); }

 private:
  static locale_t utf8() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
    return locale;  // Without it (a libc that has no C.UTF-8) what is not ASCII has no known width, and shows as '?'.
  }
  locale_t before_;
};

// Calls `each(bytes, width)` for every character; width is -1 when it is not known.
template <typename Each>
void forEachCharacter(std::string_view text, const Each& each) {
  const Utf8Widths widths;
  mbstate_t state{};
  while (!text.empty()) {
    wchar_t character = 0;
    const std::size_t length = ::mbrtowc(&character, text.data(), text.size(), &state);
    if (length == 0 || length > text.size()) {
      state = {};
      each(text.substr(0, 1), -1);
      text.remove_prefix(1);
      continue;
    }
    each(text.substr(0, length), ::wcwidth(character));
    text.remove_prefix(length);
  }
}

std::size_t columnsOf(int width) { return static_cast<std::size_t>(std::max(width, 0)); }

}  // namespace

std::string shownText(std::string_view untrusted) { return presentable(escapeForDisplay(untrusted)); }

std::string presentable(std::string_view escaped) {
  std::string out;
  int marks = kMostMarks;  // At the beginning there is no letter to be marked.
  forEachCharacter(escaped, [&](std::string_view bytes, int width) {
    if (width == 0 && ++marks > kMostMarks) return;
    if (width != 0) marks = 0;
    if (width < 0)
      out += '?';
    else
      out += bytes;
  });
  return out;
}

std::size_t widthOf(std::string_view text) {
  std::size_t columns = 0;
  forEachCharacter(text, [&](std::string_view, int width) { columns += columnsOf(width); });
  return columns;
}

std::string fitted(std::string_view text, std::size_t columns) {
  if (widthOf(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  std::string out;
  std::size_t used = 0;
  bool full = false;
  forEachCharacter(text, [&](std::string_view bytes, int width) {
    full = full || used + columnsOf(width) > columns - 1;
    if (full) return;
    used += columnsOf(width);
    out += bytes;
  });
  return out + "…";
}

std::string leftAligned(std::string_view text, std::size_t columns) {
  std::string out = fitted(text, columns);
  out.append(columns - widthOf(out), ' ');
  return out;
}

std::string rightAligned(std::string_view text, std::size_t columns) {
  const std::string out = fitted(text, columns);
  return std::string(columns - widthOf(out), ' ') + out;
}

std::string asciiOnly(std::string_view text) {
  std::string out;
  forEachCharacter(text, [&](std::string_view bytes, int width) {
    if (bytes.size() == 1 && width > 0)
      out += bytes;
    else
      out.append(columnsOf(width), '?');
  });
  return out;
}

}  // namespace ringfence::top
