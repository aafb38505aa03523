#include "ui/panel/doctor_report.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

QString textOf(const QJsonValue& value) { return visibleText(value.toString().toStdString()); }

}  // namespace

std::optional<DoctorReport> doctorReportOf(const QByteArray& json) {
  const QJsonObject object = QJsonDocument::fromJson(json).object();
  if (!object.value("checks").isArray()) return std::nullopt;
  DoctorReport report;
  report.kernel = textOf(object.value("kernel"));
  for (const QJsonValue& entry : object.value("checks").toArray()) {
    const QJsonObject check = entry.toObject();
    report.checks.push_back({textOf(check.value("name")), textOf(check.value("detail")), check.value("ok").toBool()});
    if (!report.checks.back().ok) ++report.wrong;
  }
  std::ranges::stable_sort(report.checks, {}, &DoctorCheck::ok);
  return report;
}

}  // namespace ringfence::ui
