#include "ui/panel/plots/figures.h"

#include <QCoreApplication>
#include <QLocale>
#include <cmath>

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(Figures)
};

QString bytesText(double value) {
  return QLocale().formattedDataSize(static_cast<qint64>(value), value < 1024 ? 0 : 1, QLocale::DataSizeIecFormat);
}

}  // namespace

QString figureText(std::optional<double> value, Unit unit) {
  if (!value || !std::isfinite(*value)) return Words::tr("unknown");
  const QLocale locale;
  switch (unit) {
    case Unit::kPercent: return Words::tr("%1 %", "percent").arg(locale.toString(std::round(*value), 'f', 0));
    case Unit::kBytes: return bytesText(*value);
    case Unit::kBytesPerSecond: return Words::tr("%1/s", "bytes a second").arg(bytesText(*value));
    case Unit::kCount: return locale.toString(static_cast<qint64>(*value));
    case Unit::kWatts: return Words::tr("%1 W", "watts").arg(locale.toString(*value, 'f', 1));
  }
  return {};
}

QString durationText(std::chrono::microseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < 60) return Words::tr("%1 s", "seconds").arg(seconds);
  const auto minutes = seconds / 60;
  if (minutes < 60) return Words::tr("%1 min", "minutes").arg(minutes);
  const auto hours = minutes / 60;
  if (hours < 48) return Words::tr("%1 h %2 min", "hours, minutes").arg(hours).arg(minutes % 60);
  return Words::tr("%1 d", "days").arg(hours / 24);
}

}  // namespace ringfence::ui
