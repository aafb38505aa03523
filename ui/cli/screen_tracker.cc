#include "ui/cli/screen_tracker.h"

namespace ringfence::cli {
namespace {

constexpr unsigned char kEscape = 0x1b;
constexpr unsigned char kBell = 0x07;
constexpr unsigned char kCancel = 0x18;
constexpr unsigned char kSubstitute = 0x1a;

int restOfCharacter(unsigned char first) {
  if (first >= 0xf8) return 0;  // In no character.
  if (first >= 0xf0) return 3;
  if (first >= 0xe0) return 2;
  return first >= 0xc0 ? 1 : 0;
}

}  // namespace

void ScreenTracker::feed(std::string_view bytes) {
  for (const char c : bytes) feedOne(static_cast<unsigned char>(c));
}

void ScreenTracker::feedOne(unsigned char byte) {
  switch (state_) {
    case State::kGround:
      if (byte == kEscape)
        state_ = State::kEscape;
      else if (characterRest_ > 0 && (byte & 0xc0) == 0x80)
        --characterRest_;
      else
        characterRest_ = restOfCharacter(byte);
      return;
    case State::kEscape:
      characterRest_ = 0;
      if (byte == '[')
        state_ = State::kSequence;
      else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
        state_ = State::kText;
      else if (byte < 0x20 || byte > 0x2f)  // Bytes in between come before the last one.
        state_ = byte == kEscape ? State::kEscape : State::kGround;
      return;
    case State::kSequence:
      if (byte == kEscape)
        state_ = State::kEscape;
      else if (byte == kCancel || byte == kSubstitute || byte >= 0x40)
        state_ = State::kGround;
      return;
    case State::kText:
      if (byte == kBell || byte == kCancel || byte == kSubstitute) state_ = State::kGround;
      if (byte == kEscape) state_ = State::kTextEscape;
      return;
    case State::kTextEscape: state_ = byte == '\\' ? State::kGround : State::kText; return;
  }
}

std::string rowAbove(std::string_view line) {
  // Makes room below (a screen that is full scrolls), then a row where the cursor was; the cursor follows its own row.
  return "\x1b"
         "7\r\n\x1b[A\x1b[L\x1b[0m" +
         std::string(line) +
         "\x1b"
         "8\x1b[B";
}

}  // namespace ringfence::cli
