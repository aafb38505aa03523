#include "ui/top/terminal_guard.h"

#include <curses.h>
#include <signal.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace ringfence::top {
namespace {

// What a handler may use: nothing that allocates or locks.
struct Kept {
  int terminal = -1;
  termios mode{};
  std::array<char, 256> reset{};
  std::size_t resetSize = 0;
};
Kept kept;

void giveBack(int number) {
  (void)!::write(kept.terminal, kept.reset.data(), kept.resetSize);
  (void)::tcsetattr(kept.terminal, TCSANOW, &kept.mode);
  (void)::raise(number);  // SA_RESETHAND: as if nobody had handled it.
}

void addCapability(const char* name) {
  char* known = ::tigetstr(const_cast<char*>(name));
  if (known == nullptr || known == reinterpret_cast<char*>(-1)) return;
  // Without the delays that it may hold for terminals of old: "$<5>".
  for (const char* at = known; *at != '\0' && kept.resetSize < kept.reset.size(); ++at) {
    const char* end = at[0] == '$' && at[1] == '<' ? std::strchr(at, '>') : nullptr;
    if (end != nullptr)
      at = end;
    else
      kept.reset[kept.resetSize++] = *at;
  }
}

}  // namespace

bool loadTerminal(int terminal) {
  int found = 0;
  return ::setupterm(nullptr, terminal, &found) == OK;
}

void guardTerminal(int terminal) {
  kept.terminal = terminal;
  if (::tcgetattr(terminal, &kept.mode) != 0) return;
  for (const char* name : {"sgr0", "rmkx", "rmcup", "cnorm"}) addCapability(name);
  struct sigaction action {};
  action.sa_handler = giveBack;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) (void)::sigaction(number, &action, nullptr);
}

}  // namespace ringfence::top
