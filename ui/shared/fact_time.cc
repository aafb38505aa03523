#include "ui/shared/fact_time.h"

#include <QDateTime>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {

QString localTime(std::string_view rfc3339) {
  const QDateTime time = QDateTime::fromString(
      QString::fromLatin1(rfc3339.data(), static_cast<qsizetype>(rfc3339.size())), Qt::ISODateWithMs);
  if (!time.isValid()) return visibleText(rfc3339);
  return time.toLocalTime().toString(QStringLiteral("yyyy-MM-dd HH:mm:ss.zzz"));
}

}  // namespace ringfence::ui
