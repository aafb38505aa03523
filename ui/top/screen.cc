#include "ui/top/screen.h"

#define NCURSES_NOMACROS  // Functions, not macros that hide them.
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "ui/cli/terminal.h"
#include "ui/top/display_width.h"
#include "ui/top/terminal_guard.h"

namespace ringfence::top {
namespace {

constexpr short kYellowPair = 1, kRedPair = 2, kCyanPair = 3;
constexpr int kEscapeDelayMs = 25;  // a lone Esc must not hold up the keys behind it

bool hasCapability(const char* name) {
  const char* known = ::tigetstr(const_cast<char*>(name));
  return known != nullptr && known != reinterpret_cast<const char*>(-1);
}

std::string terminalName() {
  const char* name = std::getenv("TERM");
  return name == nullptr ? "" : shownText(name);
}

Result<void> checkTerminal() {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return Error{ErrorCode::kUnsupported, "standard input and output must be a terminal"};
  if (terminalName().empty() || !loadTerminal(STDOUT_FILENO))
    return Error{ErrorCode::kUnsupported, "nothing is known of the terminal '" + terminalName() + "' ($TERM)"};
  if (!hasCapability("cup") || !hasCapability("clear"))
    return Error{ErrorCode::kUnsupported, "the terminal '" + terminalName() + "' ($TERM) cannot place text"};
  return {};
}

// A locale that is named but not installed here would leave us with ASCII.
void takeLocale() {
  if (::setlocale(LC_CTYPE, "") != nullptr) return;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* wanted = std::getenv(name);
    if (wanted == nullptr || *wanted == '\0') continue;
    if (::strcasestr(wanted, "utf-8") != nullptr || ::strcasestr(wanted, "utf8") != nullptr)
      (void)::setlocale(LC_CTYPE, "C.UTF-8");
    return;
  }
}

bool wantsColour() {
  const char* refused = std::getenv("NO_COLOR");
  return refused == nullptr || *refused == '\0';
}

bool startColours() {
  if (!wantsColour() || !::has_colors() || ::start_color() != OK) return false;
  const bool ownBackground = ::use_default_colors() == OK;
  const short background = ownBackground ? -1 : COLOR_BLACK;
  (void)::init_pair(kYellowPair, COLOR_YELLOW, background);
  (void)::init_pair(kRedPair, COLOR_RED, background);
  (void)::init_pair(kCyanPair, COLOR_CYAN, background);
  return true;
}

// Curses puts handlers of its own where there were none; ours would never see those signals when they are not blocked.
class KeptHandlers {
 public:
  KeptHandlers() {
    for (std::size_t i = 0; i < std::size(kTaken); ++i) (void)::sigaction(kTaken[i], nullptr, &before_[i]);
  }
  KeptHandlers(const KeptHandlers&) = delete;
  KeptHandlers& operator=(const KeptHandlers&) = delete;
  ~KeptHandlers() {
    for (std::size_t i = 0; i < std::size(kTaken); ++i) (void)::sigaction(kTaken[i], &before_[i], nullptr);
  }

 private:
  static constexpr int kTaken[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
  struct sigaction before_[std::size(kTaken)]{};
};

}  // namespace

struct Screen::Terminal {
  SCREEN* screen = nullptr;
  bool colours = false;
  bool utf8 = false;

  Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (screen == nullptr) return;
    (void)::endwin();
    ::delscreen(screen);
  }

  attr_t attributesOf(Style style) const {
    const auto coloured = [&](short pair, attr_t otherwise) {
      return colours ? static_cast<attr_t>(COLOR_PAIR(pair)) : otherwise;
    };
    switch (style) {
      case Style::kPlain:
      case Style::kRun: return A_NORMAL;
      case Style::kTitle: return A_BOLD;
      case Style::kHeader: return A_REVERSE;
      case Style::kHeldRun: return coloured(kYellowPair, A_NORMAL);
      case Style::kAskingRun: return A_BOLD | coloured(kCyanPair, A_NORMAL);
      case Style::kTrouble: return A_BOLD | coloured(kRedPair, A_NORMAL);
      case Style::kNotice: return A_BOLD | coloured(kYellowPair, A_NORMAL);
    }
    return A_NORMAL;
  }
};

Result<Screen> Screen::open() {
  RF_TRY(checkTerminal());
  takeLocale();
  guardTerminal(STDIN_FILENO);
  ::use_env(FALSE);  // The window's size counts, not what a shell once exported as LINES and COLUMNS.
  ::use_tioctl(TRUE);
  auto terminal = std::make_shared<Terminal>();
  {
    const KeptHandlers handlers;
    terminal->screen = ::newterm(nullptr, stdout, stdin);
  }
  if (terminal->screen == nullptr)
    return Error{ErrorCode::kUnsupported, "the terminal '" + terminalName() + "' ($TERM) cannot be used"};
  (void)::set_escdelay(kEscapeDelayMs);
  (void)::cbreak();  // Ctrl-C and Ctrl-Z stay signals.
  (void)::noecho();
  (void)::nonl();
  (void)::intrflush(stdscr, FALSE);
  (void)::keypad(stdscr, TRUE);
  (void)::nodelay(stdscr, TRUE);
  (void)::curs_set(0);
  terminal->colours = startColours();
  terminal->utf8 = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  return Screen(std::move(terminal));
}

Size Screen::size() const {
  int rows = 0, columns = 0;
  getmaxyx(stdscr, rows, columns);
  return {static_cast<std::size_t>(std::max(rows, 1)), static_cast<std::size_t>(std::max(columns, 1))};
}

void Screen::draw(const std::vector<Line>& lines) {
  (void)::erase();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    attr_t attributes = terminal_->attributesOf(line.style);
    std::string text = terminal_->utf8 ? line.text : asciiOnly(line.text);
    if (line.chosen == Chosen::kYes) attributes |= A_REVERSE;
    if (line.chosen == Chosen::kYes || line.style == Style::kHeader) text = leftAligned(text, size().columns);
    (void)::attrset(static_cast<int>(attributes));
    (void)::mvaddstr(static_cast<int>(i), 0, text.c_str());
  }
  (void)::attrset(A_NORMAL);
  (void)::refresh();
}

std::optional<Press> Screen::key() {
  const int code = ::getch();
  switch (code) {
    case ERR: return std::nullopt;
    case KEY_UP: return Move::kUp;
    case KEY_DOWN: return Move::kDown;
    case KEY_PPAGE: return Move::kPageUp;
    case KEY_NPAGE: return Move::kPageDown;
    case KEY_HOME: return Move::kFirst;
    case KEY_END: return Move::kLast;
    default: return code > ' ' && code < 0x7f ? static_cast<char>(code) : '\0';
  }
}

void Screen::resize() {
  const auto size = cli::windowSize(STDOUT_FILENO);
  if (!size) return;
  (void)::resizeterm(size->ws_row, size->ws_col);
  (void)::clearok(stdscr, TRUE);
}

void Screen::giveBack() { (void)::endwin(); }

void Screen::takeAgain() {
  resize();
  (void)::clearok(stdscr, TRUE);
  (void)::refresh();
}

}  // namespace ringfence::top
