// What `ringfence doctor --json` found. Pure.
#pragma once

#include <QByteArray>
#include <QString>
#include <optional>
#include <vector>

namespace ringfence::ui {

struct DoctorCheck {
  QString name, detail;  // as visibleText gives them
  bool ok = false;
};
struct DoctorReport {
  QString kernel;
  std::vector<DoctorCheck> checks;  // what needs a look first
  std::size_t wrong = 0;
};
// Absent: it is no such report.
std::optional<DoctorReport> doctorReportOf(const QByteArray& json);

}  // namespace ringfence::ui
