// Where a terminal is in what a program writes to it: whether a line of ours may come between two of its bytes. Pure.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::cli {

class ScreenTracker {
 public:
  void feed(std::string_view bytes);
  // Not within a character or a control sequence.
  bool isBetween() const { return state_ == State::kGround && characterRest_ == 0; }

 private:
  enum class State { kGround, kEscape, kSequence, kText, kTextEscape };
  void feedOne(unsigned char byte);

  State state_ = State::kGround;
  int characterRest_ = 0;
};

// `line` (no control characters, narrower than the screen) as a row of its own above the one that the cursor is in,
// which keeps its place in that row. What a full-screen program drew moves down by one row until it draws again.
std::string rowAbove(std::string_view line);

}  // namespace ringfence::cli
