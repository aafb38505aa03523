#include "ui/panel/plots/decimate.h"

#include <QTest>
#include <QTextDocument>
#include <catch2/catch_all.hpp>

#include "ui/panel/plots/sparkline.h"
#include "ui/panel/plots/time_series.h"

using namespace ringfence::ui;

TEST_CASE("many values become one column of pixels each, with the least and the most") {
  std::vector<Value> values;
  for (int i = 0; i < 1000; ++i) values.emplace_back(i);
  values[500].reset();
  const auto columns = decimate(values, 10);
  REQUIRE(columns.size() == 10);
  CHECK(columns[0]->least == 0);
  CHECK(columns[0]->most == 99);
  CHECK(columns[5]->least == 501);
  CHECK(decimate(values, 0).empty());
  CHECK(decimate({}, 10).empty());
}

TEST_CASE("what is not known is a gap in the line, and never zero") {
  const std::vector<Value> values{1.0, 2.0, std::nullopt, 3.0};
  const auto lines = linesOf(values, 4, 4, QRectF(0, 0, 100, 10));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() == 2);
  CHECK(lines[1].size() == 1);
  CHECK(lines[1][0].x() == Catch::Approx(100).margin(1));
  for (const auto& line : lines) {
    for (const QPointF& point : line) CHECK(point.y() < 10);
  }
}

TEST_CASE("an axis ends at a round figure above the most") {
  CHECK(roundedTop(0) == 1);
  CHECK(roundedTop(43) == 50);
  CHECK(roundedTop(100) == 100);
  CHECK(roundedTop(101) == 200);
  CHECK(roundedTop(0.03) == Catch::Approx(0.05));
}

TEST_CASE("a sparkline is read out as its value and the most of the last minute") {
  Sparkline line({"CPU", Unit::kPercent, 120, 100});
  line.setValues({Value(80), Value(43)});
  CHECK(line.accessibleName() == "CPU 43 %, at most 80 % in the last minute");
  line.setValues({Value(80), Value()});
  CHECK(line.accessibleName() == "CPU unknown, at most 80 % in the last minute");
  line.setValues({});
  CHECK(line.accessibleName() == "CPU: unknown");
}

TEST_CASE("a plot over time says what it shows now, and of the moment that the arrow keys chose") {
  TimeSeriesPlot plot(TimeSeriesPlot::Kind::kStacked, {.name = "CPU"});
  plot.resize(400, 200);
  plot.setSeries({{"coder", {10.0, 20.0}}, {"tester", {Value(), 5.0}}});
  CHECK(plot.accessibleName() == "CPU now: coder 20 %, tester 5 %");
  (void)plot.grab();
}

TEST_CASE("names that look like markup are words in the tool tips of plots") {
  TimeSeriesPlot plot(TimeSeriesPlot::Kind::kLines, {.name = "CPU"});
  plot.resize(400, 200);
  plot.setSeries({{"<b>coder</b>", {10.0, 20.0}}});
  QTest::keyClick(&plot, Qt::Key_Left);
  CHECK(plot.toolTip().contains("&lt;b&gt;coder"));
  CHECK_FALSE(plot.toolTip().contains("<b>"));
  Sparkline line({"<img src=x>", Unit::kPercent, 120, 100});
  line.setValues({Value(80)});
  CHECK(line.toolTip().contains("&lt;img"));
  CHECK(Qt::mightBeRichText(line.toolTip()));  // Else the signs of escaping would be shown.
}
