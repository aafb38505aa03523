// Many values as few columns of pixels, and where they stand. Pure.
#pragma once

#include <QPointF>
#include <QRectF>
#include <optional>
#include <span>
#include <vector>

namespace ringfence::ui {

using Value = std::optional<double>;  // absent: not known then

struct Column {
  double least = 0, most = 0;
};
// One for each column of pixels at most; absent where nothing of it is known. The newest value is at the right.
std::vector<std::optional<Column>> decimate(std::span<const Value> values, int columns);

// A top for an axis at or above `most`: 1, 2 or 5 times a power of ten.
double roundedTop(double most);

// What is known now, the largest known, and how many are.
struct Extent {
  Value now, most;
  std::size_t known = 0;
};
Extent extentOf(std::span<const Value> values);

// The lines of a plot in `area`, left to right; a new one where nothing was known in between. `kept`: how many values
// fit into the area's width; fewer values begin further right.
std::vector<std::vector<QPointF>> linesOf(std::span<const Value> values, std::size_t kept, double top,
                                          const QRectF& area);

}  // namespace ringfence::ui
