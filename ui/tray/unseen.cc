#include "ui/tray/unseen.h"

#include <QCoreApplication>

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(ringfence::ui::Unseen)
};

}  // namespace

QString wordsOf(const Unseen& unseen) {
  switch (unseen.reason) {
    case Unseen::Reason::kNotTold: break;
    case Unseen::Reason::kTitlesOnly:
      return Words::tr(
                 "This desktop lists windows by their titles (%1), not the processes behind them, so that agents give "
                 "way to none of them in particular.")
          .arg(QString::fromStdString(unseen.protocol));
    case Unseen::Reason::kNotPermitted:
      return Words::tr(
          "KWin shows windows only to programs that an installed desktop file names by their path, and found none for "
          "this helper, so that agents give way to no window in particular.");
    case Unseen::Reason::kEnded:
      return Words::tr(
          "The desktop stopped telling which window is in front, so that agents give way to none of them in "
          "particular. A new start of this helper tries again.");
    case Unseen::Reason::kTooMany:
      return Words::tr(
          "The desktop speaks of more windows than this helper follows, so that agents give way to none of them in "
          "particular. A new start of this helper tries again.");
    case Unseen::Reason::kNotBuilt:
      return Words::tr(
          "This helper was built without Wayland and cannot tell which window is in front, so that agents give way to "
          "none of them in particular.");
  }
  return Words::tr(
      "This desktop does not tell which window is in front, so that agents give way to none of them in particular.");
}

void WaylandOffer::take(std::string_view interface) {
  // Of KWin alone, and for everybody.
  if (interface == "org_kde_plasma_shell") isKwin_ = true;
  if (interface == "zwlr_foreign_toplevel_manager_v1") titles_ = "wlr-foreign-toplevel-management";
  if (interface == "ext_foreign_toplevel_list_v1") titles_ = "ext-foreign-toplevel-list";
}

Unseen WaylandOffer::unseen() const {
  if (isKwin_) return {Unseen::Reason::kNotPermitted, {}};
  if (!titles_.empty()) return {Unseen::Reason::kTitlesOnly, titles_};
  return {};
}

}  // namespace ringfence::ui
