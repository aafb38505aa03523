#include "ui/shared/prompt/facts_view.h"

#include <QFormLayout>
#include <QLabel>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kMostShown = 4000;  // characters; the text that decides is shown whole elsewhere

QString whoWords(const client::PendingItem& item, const client::RunDetails* run) {
  QStringList lines;
  if (run == nullptr) {
    lines += FactsView::tr("%1 (run %2)").arg(askerName(item), visibleText(item.run));
  } else {
    lines += FactsView::tr("%1 (run %2), policy %3, as user %4")
                 .arg(askerName(item), visibleText(item.run), visibleText(run->policyName), QString::number(run->uid));
    lines += FactsView::tr("started as: %1").arg(visibleCommand(run->command, 300));
    const QDateTime started = QDateTime::fromString(QString::fromStdString(run->started), Qt::ISODateWithMs);
    if (started.isValid())
      lines += FactsView::tr("runs for %1").arg(durationWords(started.secsTo(QDateTime::currentDateTimeUtc())));
    if (!run->weakened.empty()) lines += FactsView::tr("its walls are weakened: see the page of the agent");
  }
  if (!item.action.cwd.empty()) lines += FactsView::tr("in the folder %1").arg(visibleText(item.action.cwd));
  return lines.join('\n');
}

}  // namespace

QLabel* plainLabel() {
  auto* label = new QLabel;
  label->setTextFormat(Qt::PlainText);
  label->setWordWrap(true);
  return label;
}

void setPlainText(QLabel* label, const QString& text) {
  const QString shown = text.size() > kMostShown ? text.left(kMostShown) + QStringLiteral("…") : text;
  label->setText(breakable(shown));
  label->setAccessibleName(shown);
}

FactsView::FactsView(QWidget* parent) : QScrollArea(parent) {
  auto* inside = new QWidget;
  form_ = new QFormLayout(inside);
  form_->setRowWrapPolicy(QFormLayout::WrapLongRows);
  form_->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  rule_ = add(tr("Why it asks"));
  who_ = add(tr("Who asks"));
  chain_ = add(tr("Process"));
  undo_ = add(tr("Afterwards"));
  beyond_ = add(tr("Allowing permits"));
  setWidget(inside);
  setWidgetResizable(true);
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setAccessibleName(tr("What is known of the question"));
  setMinimumHeight(fontMetrics().height() * 3);
}

QLabel* FactsView::add(const QString& name) {
  QLabel* label = plainLabel();
  form_->addRow(name, label);
  return label;
}

void FactsView::show(const client::PendingItem& item, const client::RunDetails* run, client::Scope scope) {
  setPlainText(rule_, ruleWords(item));
  setPlainText(who_, whoWords(item, run));
  setPlainText(chain_, chainWords(item));
  setPlainText(undo_, reversibilityWords(item.reversible));
  setPlainText(beyond_, beyondWords(item, scope));
}

}  // namespace ringfence::ui
