// The plots of what is used: processor, memory, disks, network, accelerators, over a span that the person chooses. Used
// by the page of an agent (lines) and by Resources (stacked).
#pragma once

#include <QWidget>
#include <vector>

#include "ui/panel/plots/time_series.h"

class QComboBox;
class QGridLayout;

namespace ringfence::ui {

class PlotLegend;

enum class Figure { kCpu, kMemory, kIo, kNetwork, kAccelerator };
inline constexpr Figure kFigures[] = {Figure::kCpu, Figure::kMemory, Figure::kIo, Figure::kNetwork,
                                      Figure::kAccelerator};

// kMinute is what snapshots tell as they come; the others are of the samples that the daemon keeps.
enum class Span { kMinute, kHour, kDay, kWeek };
std::chrono::seconds lengthOf(Span span);

class UsagePlots final : public QWidget {
  Q_OBJECT

 public:
  static constexpr std::size_t kBins = 240;  // of a span of samples

  explicit UsagePlots(TimeSeriesPlot::Kind kind, QWidget* parent = nullptr);

  Span span() const;
  void set(Figure figure, std::vector<NamedSeries> series);
  // What the colours stand for; empty: no legend.
  void setLegend(const QStringList& names);
  // Nothing is known of it.
  void clear();
  TimeSeriesPlot* plot(Figure figure) const { return plots_[static_cast<std::size_t>(figure)]; }

 signals:
  void spanChanged();

 private:
  void build();

  TimeSeriesPlot::Kind kind_;
  QComboBox* spans_;
  QGridLayout* grid_;
  PlotLegend* legend_;
  std::vector<TimeSeriesPlot*> plots_;
};

}  // namespace ringfence::ui
