#include "ui/panel/resources_page.h"

#include <QGridLayout>
#include <QGroupBox>
#include <QHeaderView>
#include <QLabel>
#include <QScrollArea>
#include <QSplitter>
#include <QTimer>
#include <QTreeView>
#include <QVBoxLayout>

#include "ui/panel/device_words.h"
#include "ui/panel/plain_label.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kNarrow = 560;  // logical pixels
constexpr std::chrono::seconds kAskAgain{60};

}  // namespace

ResourcesPage::ResourcesPage(Sources sources, FactLog& facts)
    : sources_(sources),
      facts_(facts),
      plots_(new UsagePlots(TimeSeriesPlot::Kind::kStacked)),
      said_(plainLabel()),
      preemptions_(new PreemptionsModel(this)),
      walk_(new FactWalk(
          facts, [this](const ShownFact& fact) { preemptions_->add(fact); }, this)),
      table_(new QTreeView),
      again_(new QTimer(this)) {
  auto* upper = new QWidget;
  auto* column = new QVBoxLayout(upper);
  column->addWidget(buildDevice());
  column->addWidget(said_);
  column->addWidget(plots_, 1);
  auto* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setAccessibleName(tr("This device"));
  scroll->setWidget(upper);
  auto* split = new QSplitter(Qt::Vertical);
  split->addWidget(scroll);
  split->addWidget(buildPreemptions());
  split->setStretchFactor(0, 3);
  split->setStretchFactor(1, 1);
  auto* page = new QVBoxLayout(this);
  page->addWidget(split);
  again_->setInterval(kAskAgain);
  connect(again_, &QTimer::timeout, this, &ResourcesPage::askPast);
  connect(plots_, &UsagePlots::spanChanged, this, [this] { setSeen(isSeen_); });
  connect(&sources_.runs, &RunsModel::updated, this, &ResourcesPage::refresh);
  connect(walk_, &FactWalk::voided, preemptions_, &PreemptionsModel::clear);
  connect(walk_, &FactWalk::advanced, preemptions_, &PreemptionsModel::publish);
}

QString ResourcesPage::title() const { return tr("Resources"); }

QIcon ResourcesPage::icon() const { return glyphIcon(Glyph::kResources); }

QWidget* ResourcesPage::buildDevice() {
  auto* box = new QGroupBox(tr("This device"));
  device_ = new QGridLayout(box);
  for (const DeviceLine& line : deviceLines(std::nullopt)) {
    QLabel* value = plainLabel(line.value);
    value->setAccessibleName(line.name);
    values_.push_back(value);
    names_.push_back(plainLabel(line.name));
  }
  placeDevice(2);
  return box;
}

// A line's name and value, so many beside one another.
void ResourcesPage::placeDevice(int pairs) {
  if (pairs == pairs_) return;
  pairs_ = pairs;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const int place = static_cast<int>(i);
    for (QLabel* label : {names_[i], values_[i]}) device_->removeWidget(label);
    device_->addWidget(names_[i], place / pairs, place % pairs * 2);
    device_->addWidget(values_[i], place / pairs, place % pairs * 2 + 1);
  }
  device_->setColumnStretch(1, 1);
  device_->setColumnStretch(3, pairs > 1 ? 1 : 0);
}

void ResourcesPage::resizeEvent(QResizeEvent* event) {
  Page::resizeEvent(event);
  placeDevice(width() < kNarrow ? 1 : 2);
}

QWidget* ResourcesPage::buildPreemptions() {
  preemptions_->setNames([this](const std::string& run) { return nameOf(run); });
  table_->setModel(preemptions_);
  table_->setUniformRowHeights(true);
  table_->setRootIsDecorated(false);
  table_->setAllColumnsShowFocus(true);
  table_->setAlternatingRowColors(true);
  table_->setAccessibleName(tr("Whom the governor held, and for what"));
  table_->header()->setStretchLastSection(false);
  table_->header()->setSectionResizeMode(PreemptionsModel::kWhy, QHeaderView::Stretch);
  const QFontMetrics metrics = table_->fontMetrics();
  table_->header()->resizeSection(PreemptionsModel::kTime,
                                  metrics.horizontalAdvance(QStringLiteral("2026-00-00 00:00:00.0000")));
  connect(table_, &QTreeView::activated, this,
          [this](const QModelIndex& index) { emit runWanted(index.data(PreemptionsModel::kRunRole).toString()); });
  auto* box = new QGroupBox(tr("Whom the governor held, and for what"));
  auto* column = new QVBoxLayout(box);
  column->addWidget(table_);
  return box;
}

QString ResourcesPage::nameOf(const std::string& run) const {
  const int row = sources_.runs.indexOf(run);
  if (row >= 0) return QString::fromStdString(sources_.runs.row(row).name);
  const QString told = facts_.nameOf(run);
  return told.isEmpty() ? visibleText(run) : told;
}

void ResourcesPage::setSeen(bool seen) {
  isSeen_ = seen;
  facts_.watch(this, seen ? Link::Watch::kYes : Link::Watch::kNo);
  again_->stop();
  said_->clear();
  if (!seen) return;
  if (plots_->span() == Span::kMinute) return refresh();
  askPast();
  again_->start();
}

void ResourcesPage::refresh() {
  if (!isSeen_) return;
  const auto lines = deviceLines(sources_.runs.machine());
  for (std::size_t i = 0; i < lines.size(); ++i) values_[i]->setText(lines[i].value);
  if (plots_->span() == Span::kMinute) showMinute();
}

void ResourcesPage::showMinute() {
  std::vector<std::vector<Band>> bands(std::size(kFigures));
  for (int row = 0; row < sources_.runs.rowCount(); ++row) {
    const std::string& run = sources_.runs.row(row).run;
    const RunSeries& series = sources_.runs.series(run);
    const Series* of[] = {&series.cpu, &series.memory, &series.io, &series.network, &series.accelerator};
    for (std::size_t i = 0; i < std::size(of); ++i) bands[i].push_back({nameOf(run), {of[i]->begin(), of[i]->end()}});
  }
  showBands(std::move(bands));
}

// One list for each of kFigures, in that order; the last ones may be missing. The same runs in the same order.
void ResourcesPage::showBands(std::vector<std::vector<Band>> bands) {
  const auto places = greatestOf(bands[0], bands[1], kBands);
  QStringList names;
  for (std::size_t i = 0; i < bands.size(); ++i) {
    std::vector<NamedSeries> series;
    for (Band& band : stackOf(std::move(bands[i]), places, tr("all others"))) {
      if (i == 0) names += band.name;
      series.push_back({std::move(band.name), std::move(band.values)});
    }
    plots_->set(kFigures[i], std::move(series));
  }
  plots_->setLegend(names);
}

void ResourcesPage::askPast() {
  const auto until =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  const BinSpan span{.from = until - lengthOf(plots_->span()), .until = until, .bins = UsagePlots::kBins};
  said_->setText(tr("Asking for what agents used…"));
  using Binned = std::map<std::string, BinnedUsage>;
  sources_.link.ask<Binned>(
      this,
      [span](client::Client& daemon) -> client::Answer<Binned> {
        auto answer = daemon.usage("", span.from);
        if (auto* failure = std::get_if<client::Failure>(&answer)) return std::move(*failure);
        return binUsage(std::get<client::UsageReport>(answer).series, span);
      },
      [this, asked = plots_->span()](const client::Answer<Binned>& answer) {
        if (asked != plots_->span()) return;
        if (const auto* failure = std::get_if<client::Failure>(&answer))
          return said_->setText(tr("What agents used is not known: %1").arg(troubleOf(*failure)));
        said_->setText(tr("The daemon keeps no samples of the network and of accelerators."));
        std::vector<std::vector<Band>> bands(3);
        for (const auto& [run, usage] : std::get<Binned>(answer)) {
          bands[0].push_back({nameOf(run), usage.cpu});
          bands[1].push_back({nameOf(run), usage.memory});
          bands[2].push_back({nameOf(run), usage.io});
        }
        showBands(std::move(bands));
      },
      Link::Lane::kReports);
}

}  // namespace ringfence::ui
