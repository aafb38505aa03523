#include "ui/cli/terminal.h"

#include <unistd.h>

namespace ringfence::cli {

void RawMode::enter() {
  if (raw_) return;
  termios now{};
  if (::tcgetattr(terminal_, &now) != 0) return;  // Lost; the relay notices at its next read.
  if (!before_) before_ = now;
  ::cfmakeraw(&now);
  raw_ = ::tcsetattr(terminal_, TCSADRAIN, &now) == 0;
}

void RawMode::leave() {
  if (!raw_) return;
  (void)::tcsetattr(terminal_, TCSADRAIN, &*before_);  // A lost terminal needs no mode.
  raw_ = false;
}

bool isForeground(int terminal) {
  const pid_t group = ::tcgetpgrp(terminal);
  return group < 0 || group == ::getpgrp();
}

std::optional<winsize> windowSize(int terminal) {
  winsize size{};
  if (::ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
  return size;
}

std::string_view screenReset() {
  return "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?1047l\x1b[?1l\x1b>\x1b[?25h\x1b[0m";
}

DetachKey::Outcome DetachKey::feed(std::string_view typed) {
  constexpr char kPrefix = 0x1c;
  Outcome outcome;
  for (const char c : typed) {
    if (!prefixed_) {
      if (c == kPrefix)
        prefixed_ = true;
      else
        outcome.bytes += c;
      continue;
    }
    prefixed_ = false;
    if (c == 'd') {
      outcome.detached = true;
      return outcome;
    }
    outcome.bytes += kPrefix;
    if (c != kPrefix) outcome.bytes += c;
  }
  return outcome;
}

}  // namespace ringfence::cli
