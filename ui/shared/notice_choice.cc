#include "ui/shared/notice_choice.h"

#include <QSettings>

namespace ringfence::ui {
namespace {

QString keyOf(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::kQuestion: return QStringLiteral("notifications/questions");
    case NoticeKind::kStop: return QStringLiteral("notifications/stop");
    case NoticeKind::kFailure: break;
  }
  return QStringLiteral("notifications/failures");
}

// The panel's and the helper's are the same.
QSettings settings() { return QSettings(QStringLiteral("ringfence"), QStringLiteral("ringfence")); }

}  // namespace

Wanted wantedOf(NoticeKind kind) { return settings().value(keyOf(kind), true).toBool() ? Wanted::kYes : Wanted::kNo; }

void setWanted(NoticeKind kind, Wanted wanted) { settings().setValue(keyOf(kind), wanted == Wanted::kYes); }

}  // namespace ringfence::ui
