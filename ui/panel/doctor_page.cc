#include "ui/panel/doctor_page.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QPushButton>
#include <QTreeWidget>

#include "ui/panel/cli_process.h"
#include "ui/panel/doctor_report.h"
#include "ui/panel/launch_choices.h"
#include "ui/panel/plain_label.h"
#include "ui/shared/colours.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

DoctorPage::DoctorPage(QWidget* parent)
    : Page(parent),
      asked_(new CliProcess(this)),
      summary_(plainLabel()),
      agents_(plainLabel()),
      checks_(new QTreeWidget),
      again_(new QPushButton(tr("Check again"))) {
  checks_->setHeaderLabels({tr("Result"), tr("What was looked at"), tr("What was found")});
  checks_->setRootIsDecorated(false);
  checks_->setWordWrap(true);
  checks_->setAccessibleName(tr("Checks"));
  checks_->header()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
  checks_->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
  auto* launch = new QPushButton(tr("Start an agent…"));
  for (QPushButton* button : {again_, launch}) button->setAutoDefault(false);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(again_);
  buttons->addWidget(launch);
  buttons->addStretch(1);
  auto* column = new QVBoxLayout(this);
  column->addWidget(summary_);
  column->addWidget(checks_, 1);
  column->addWidget(agents_);
  column->addLayout(buttons);
  connect(asked_, &CliProcess::done, this, &DoctorPage::take);
  connect(again_, &QPushButton::clicked, this, &DoctorPage::ask);
  connect(launch, &QPushButton::clicked, this, &DoctorPage::launchWanted);
}

QIcon DoctorPage::icon() const { return glyphIcon(Glyph::kDoctor); }

void DoctorPage::setSeen(bool seen) {
  if (seen && !wasAsked_) ask();
}

void DoctorPage::ask() {
  if (asked_->isRunning()) {
    asked_->cancel();
    again_->setText(tr("Check again"));
    summary_->setText(tr("The check-up was cancelled."));
    return;
  }
  wasAsked_ = true;
  again_->setText(tr("Cancel"));
  summary_->setText(tr("Looking at this machine…"));
  asked_->start({"doctor", "--json"});
}

void DoctorPage::take(int, const QByteArray& out, const QByteArray& err) {
  again_->setText(tr("Check again"));
  const auto report = doctorReportOf(out);
  if (!report) {
    summary_->setText(tr("The check-up failed: %1").arg(visibleText(err.left(2000).trimmed().toStdString())));
    return;
  }
  const int wrong = static_cast<int>(report->wrong);
  summary_->setText(wrong == 0 ? tr("Linux %1: everything that was looked at is well.").arg(report->kernel)
                               : tr("Linux %1: %n thing(s) need a look.", nullptr, wrong).arg(report->kernel));
  checks_->clear();
  const Colours colours = coloursOf(palette());
  for (const DoctorCheck& check : report->checks) {
    auto* row = new QTreeWidgetItem(checks_, {check.ok ? tr("Well") : tr("Needs a look"), check.name, check.detail});
    row->setIcon(0, check.ok ? glyphIcon(Glyph::kWorking, colours.good) : glyphIcon(Glyph::kWarning, colours.warning));
    row->setToolTip(2, toolTipOf(check.detail));
  }
  QStringList names;
  for (const AgentChoice& agent : agentsOnPath()) names += agent.name;
  agents_->setText(names.isEmpty() ? tr("No agent that is known was found on the PATH; any command can be started.")
                                   : tr("Agents on the PATH: %1.").arg(names.join(tr(", ", "between names"))));
}

}  // namespace ringfence::ui
