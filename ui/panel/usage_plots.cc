#include "ui/panel/usage_plots.h"

#include <QComboBox>
#include <QGridLayout>

#include "ui/panel/plots/plot_legend.h"

namespace ringfence::ui {
namespace {

constexpr std::chrono::milliseconds kSnapshotsApart{500};
constexpr std::size_t kSnapshotsKept = 120;

}  // namespace

std::chrono::seconds lengthOf(Span span) {
  switch (span) {
    case Span::kMinute: return std::chrono::minutes(1);
    case Span::kHour: return std::chrono::hours(1);
    case Span::kDay: return std::chrono::hours(24);
    case Span::kWeek: return std::chrono::hours(24 * 7);
  }
  return {};
}

UsagePlots::UsagePlots(TimeSeriesPlot::Kind kind, QWidget* parent)
    : QWidget(parent), kind_(kind), spans_(new QComboBox), grid_(new QGridLayout(this)), legend_(new PlotLegend) {
  spans_->setAccessibleName(tr("How far back"));
  for (const QString& name : {tr("Last minute"), tr("Last hour"), tr("Last day"), tr("Last week")})
    spans_->addItem(name);
  grid_->setContentsMargins(0, 0, 0, 0);
  grid_->addWidget(spans_, 0, 0, Qt::AlignLeft);
  grid_->addWidget(legend_, 0, 1);
  build();
  connect(spans_, &QComboBox::currentIndexChanged, this, [this] {
    build();
    emit spanChanged();
  });
}

Span UsagePlots::span() const { return static_cast<Span>(spans_->currentIndex()); }

void UsagePlots::build() {
  qDeleteAll(plots_);
  plots_.clear();
  const bool isLive = span() == Span::kMinute;
  const std::size_t kept = isLive ? kSnapshotsKept : kBins;
  const auto step = isLive ? kSnapshotsApart : std::chrono::milliseconds(lengthOf(span())) / static_cast<int>(kBins);
  const std::pair<QString, Unit> named[] = {{tr("Processor"), Unit::kPercent},
                                            {tr("Memory"), Unit::kBytes},
                                            {tr("Disks"), Unit::kBytesPerSecond},
                                            {tr("Network"), Unit::kBytesPerSecond},
                                            {tr("GPU and NPU"), Unit::kPercent}};
  constexpr double kLeast[] = {100, 1 << 20, 1 << 10, 1 << 10, 100};
  for (std::size_t i = 0; i < std::size(named); ++i) {
    auto* plot = new TimeSeriesPlot(
        kind_, {.name = named[i].first, .unit = named[i].second, .step = step, .kept = kept, .least = kLeast[i]});
    plots_.push_back(plot);
    const int place = static_cast<int>(i);
    grid_->addWidget(plot, 1 + place / 2, place % 2);
  }
  grid_->setColumnStretch(0, 1);
  grid_->setColumnStretch(1, 1);
}

void UsagePlots::set(Figure figure, std::vector<NamedSeries> series) { plot(figure)->setSeries(std::move(series)); }

void UsagePlots::setLegend(const QStringList& names) { legend_->setNames(names); }

void UsagePlots::clear() {
  legend_->setNames({});
  for (TimeSeriesPlot* plot : plots_) plot->setSeries({});
}

}  // namespace ringfence::ui
