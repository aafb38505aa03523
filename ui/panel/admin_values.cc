#include "ui/panel/admin_values.h"

#include <QRegularExpression>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {

std::vector<AdminValue> adminValuesOf(const QByteArray& toml) {
  static const QRegularExpression kAssignment("^\\s*([A-Za-z0-9_.-]+)\\s*=\\s*(\\S.*)$");
  static const QRegularExpression kTable("^\\s*\\[([^\\[\\]]+)\\]\\s*(#.*)?$");
  std::vector<AdminValue> values;
  QString table;
  int number = 0;
  for (const QByteArray& line : toml.split('\n')) {
    ++number;
    const QString text = QString::fromUtf8(line).trimmed();
    if (const auto found = kTable.match(text); found.hasMatch()) table = found.captured(1).trimmed() + ".";
    const auto found = kAssignment.match(text);
    if (!found.hasMatch()) continue;
    values.push_back({visibleText((table + found.captured(1)).toStdString()),
                      visibleText(found.captured(2).trimmed().toStdString()), number});
  }
  return values;
}

}  // namespace ringfence::ui
