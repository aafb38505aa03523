// The terminal as lines of text and keys. The only file that knows curses. Given back by the destructor.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sdk/base/result.h"
#include "ui/top/control.h"
#include "ui/top/frame.h"

namespace ringfence::top {

class Screen {
 public:
  // Fails with kUnsupported when standard input or output is no terminal, or one that cannot place text. SIGTSTP,
  // SIGWINCH and the signals that end a program must be blocked before: curses handles none of them for us.
  static Result<Screen> open();
  Screen(Screen&&) = default;
  Screen& operator=(Screen&&) = default;

  Size size() const;
  void draw(const std::vector<Line>& lines);
  // The next key that was typed; nullopt: none now.
  std::optional<Press> key();

  // The window has another size.
  void resize();
  // Gives the terminal back until takeAgain, which paints everything anew.
  void giveBack();
  void takeAgain();

 private:
  struct Terminal;  // ends curses
  explicit Screen(std::shared_ptr<Terminal> terminal) : terminal_(std::move(terminal)) {}
  std::shared_ptr<Terminal> terminal_;
};

}  // namespace ringfence::top
