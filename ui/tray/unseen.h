// Why the window in front is nobody's that can be reported, and how that is said. Pure.
#pragma once

#include <QString>
#include <string>
#include <string_view>

namespace ringfence::ui {

struct Unseen {
  enum class Reason {
    kNotTold,       // the desktop has no way that we know
    kTitlesOnly,    // it lists its windows, but not the processes behind them
    kNotPermitted,  // KWin, which shows windows to programs alone that a desktop file names
    kEnded,         // it told, and then left or broke the rules
    kTooMany,       // it speaks of more windows than are followed
    kNotBuilt,      // this program can do it on X11 alone
  };
  Reason reason = Reason::kNotTold;
  std::string protocol;  // of kTitlesOnly

  bool operator==(const Unseen&) const = default;
};

QString wordsOf(const Unseen& unseen);

// What a Wayland compositor offers, as far as it has to do with windows in front.
class WaylandOffer {
 public:
  void take(std::string_view interface);
  // When it does not offer KWin's list of windows.
  Unseen unseen() const;

 private:
  bool isKwin_ = false;
  std::string titles_;  // the protocol that lists windows, if there is one
};

}  // namespace ringfence::ui
