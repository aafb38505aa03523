#include "ui/panel/plots/decimate.h"

#include <algorithm>
#include <cmath>

namespace ringfence::ui {

std::vector<std::optional<Column>> decimate(std::span<const Value> values, int columns) {
  std::vector<std::optional<Column>> found;
  if (columns <= 0 || values.empty()) return found;
  const std::size_t count = std::min(values.size(), static_cast<std::size_t>(columns));
  found.resize(count);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    auto& column = found[i * count / values.size()];
    column = column ? Column{std::min(column->least, *values[i]), std::max(column->most, *values[i])}
                    : Column{*values[i], *values[i]};
  }
  return found;
}

double roundedTop(double most) {
  if (!(most > 0) || !std::isfinite(most)) return 1;
  const double power = std::pow(10.0, std::floor(std::log10(most)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (most <= step * power) return step * power;
  }
  return 10 * power;
}

Extent extentOf(std::span<const Value> values) {
  Extent extent;
  if (!values.empty()) extent.now = values.back();
  for (const Value& value : values) {
    if (!value) continue;
    ++extent.known;
    extent.most = extent.most ? std::max(*extent.most, *value) : *value;
  }
  return extent;
}

std::vector<std::vector<QPointF>> linesOf(std::span<const Value> values, std::size_t kept, double top,
                                          const QRectF& area) {
  std::vector<std::vector<QPointF>> lines;
  if (kept < 2 || top <= 0 || area.width() < 2) return lines;
  if (values.size() > kept) values = values.last(kept);
  const double taken = area.width() * static_cast<double>(values.size()) / static_cast<double>(kept);
  const auto columns = decimate(values, std::max(1, static_cast<int>(taken)));
  const double step = columns.size() > 1 ? (taken - 1) / static_cast<double>(columns.size() - 1) : 0;
  const auto heightOf = [&](double value) { return area.bottom() - std::clamp(value / top, 0.0, 1.0) * area.height(); };
  bool isOpen = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i]) {
      isOpen = false;
      continue;
    }
    if (!isOpen) lines.emplace_back();
    isOpen = true;
    const double x = area.right() - taken + 1 + step * static_cast<double>(i);
    lines.back().emplace_back(x, heightOf(columns[i]->least));
    if (columns[i]->most > columns[i]->least) lines.back().emplace_back(x, heightOf(columns[i]->most));
  }
  return lines;
}

}  // namespace ringfence::ui
