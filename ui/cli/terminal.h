// The person's terminal: raw mode that is always given back, its size, and the key that leaves an attached run.
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

namespace ringfence::cli {

// Raw mode of one terminal. The destructor restores what was there at the first enter.
class RawMode {
 public:
  explicit RawMode(int terminal) : terminal_(terminal) {}
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  ~RawMode() { leave(); }

  void enter();
  void leave();
  // Somebody else (the shell) changed the mode meanwhile.
  void forget() { raw_ = false; }

 private:
  int terminal_;
  std::optional<termios> before_;
  bool raw_ = false;
};

// This process is in the terminal's foreground group and may read it. True for a terminal that is not ours to control.
bool isForeground(int terminal);

std::optional<winsize> windowSize(int terminal);

// Undoes what a program that could not clean up may have left on a screen: mouse and focus reports, bracketed paste,
// the second screen, colours, a hidden cursor. Moves nothing and clears nothing.
std::string_view screenReset();

// Ctrl-\ then d leaves; Ctrl-\ twice is one Ctrl-\; Ctrl-\ and anything else is both. Pure.
class DetachKey {
 public:
  struct Outcome {
    std::string bytes;
    bool detached = false;
  };
  Outcome feed(std::string_view typed);

 private:
  bool prefixed_ = false;
};

}  // namespace ringfence::cli
