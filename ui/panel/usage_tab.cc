#include "ui/panel/usage_tab.h"

#include <QLabel>
#include <QVBoxLayout>

#include "ui/panel/plain_label.h"
#include "ui/shared/usage_bins.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

UsageTab::UsageTab(Sources sources)
    : sources_(sources), plots_(new UsagePlots(TimeSeriesPlot::Kind::kLines)), said_(plainLabel()) {
  auto* column = new QVBoxLayout(this);
  column->addWidget(said_);
  column->addWidget(plots_, 1);
  connect(plots_, &UsagePlots::spanChanged, this, [this] { setRun(run_); });
  connect(&sources_.runs, &RunsModel::updated, this, &UsageTab::takeSnapshot);
}

void UsageTab::setRun(const std::string& run) {
  run_ = run;
  said_->clear();
  plots_->clear();
  if (!isSeen_ || run_.empty()) return;
  if (plots_->span() == Span::kMinute)
    showMinute();
  else
    askPast();
}

void UsageTab::setSeen(bool seen) {
  isSeen_ = seen;
  if (seen) setRun(run_);
}

void UsageTab::takeSnapshot() {
  if (isSeen_ && plots_->span() == Span::kMinute) showMinute();
}

void UsageTab::showMinute() {
  if (sources_.runs.indexOf(run_) < 0) {
    said_->setText(run_.empty() ? QString() : tr("It does not run now: choose a longer time."));
    return plots_->clear();
  }
  said_->clear();
  const RunSeries& series = sources_.runs.series(run_);
  const auto give = [this](Figure figure, const QString& name, const Series& values) {
    plots_->set(figure, {{name, {values.begin(), values.end()}}});
  };
  give(Figure::kCpu, tr("of one processor"), series.cpu);
  give(Figure::kMemory, tr("in memory"), series.memory);
  give(Figure::kIo, tr("read and written"), series.io);
  give(Figure::kNetwork, tr("sent and received"), series.network);
  give(Figure::kAccelerator, tr("of one GPU or NPU"), series.accelerator);
}

void UsageTab::askPast() {
  const auto until =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  const BinSpan span{.from = until - lengthOf(plots_->span()), .until = until, .bins = UsagePlots::kBins};
  said_->setText(tr("Asking for what it used…"));
  using Binned = std::map<std::string, BinnedUsage>;
  sources_.link.ask<Binned>(
      this,
      [run = run_, span](client::Client& daemon) -> client::Answer<Binned> {
        auto answer = daemon.usage(run, span.from);
        if (auto* failure = std::get_if<client::Failure>(&answer)) return std::move(*failure);
        return binUsage(std::get<client::UsageReport>(answer).series, span);
      },
      [this, run = run_, asked = plots_->span()](const client::Answer<Binned>& answer) {
        if (run != run_ || asked != plots_->span()) return;
        if (const auto* failure = std::get_if<client::Failure>(&answer))
          return said_->setText(tr("What it used is not known: %1").arg(troubleOf(*failure)));
        const auto& binned = std::get<Binned>(answer);
        if (binned.empty()) return said_->setText(tr("The daemon has no samples of that time."));
        const BinnedUsage& usage = binned.begin()->second;
        said_->setText(tr("The daemon keeps no samples of the network and of accelerators."));
        plots_->set(Figure::kCpu, {{tr("of one processor"), usage.cpu}});
        plots_->set(Figure::kMemory, {{tr("in memory"), usage.memory}});
        plots_->set(Figure::kIo, {{tr("read and written"), usage.io}});
      },
      Link::Lane::kReports);
}

}  // namespace ringfence::ui
