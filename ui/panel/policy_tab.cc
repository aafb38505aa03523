#include "ui/panel/policy_tab.h"

#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QTreeWidget>
#include <QVBoxLayout>

#include "ui/panel/plain_label.h"
#include "ui/shared/fact_body.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {

std::optional<PolicyShown> policyShownOf(const QByteArray& json) {
  const FactBody body(std::string_view(json.constData(), static_cast<std::size_t>(json.size())));
  if (!body.has("hash") || !body.has("values")) return std::nullopt;
  PolicyShown shown{body.text("name"), body.text("hash"), {}};
  for (const FactBody& value : body.parts("values")) {
    const QString file = value.text("file");
    const auto line = value.number("line");
    shown.values.push_back({value.text("key"), value.text("value"),
                            file.isEmpty() || !line ? file : QStringLiteral("%1:%2").arg(file).arg(*line)});
  }
  return shown;
}

PolicyTab::PolicyTab()
    : call_(new ProgramCall(this)), said_(plainLabel()), search_(new QLineEdit), values_(new QTreeWidget) {
  search_->setPlaceholderText(tr("Search the policy"));
  search_->setAccessibleName(tr("Search the policy"));
  search_->setClearButtonEnabled(true);
  said_->setAccessibleName(tr("Policy"));
  values_->setHeaderLabels({tr("Key"), tr("Value"), tr("From")});
  values_->setRootIsDecorated(false);
  values_->setUniformRowHeights(true);
  values_->setAlternatingRowColors(true);
  values_->setAccessibleName(tr("Values of the policy"));
  values_->header()->setStretchLastSection(false);
  values_->header()->setSectionResizeMode(1, QHeaderView::Stretch);
  auto* column = new QVBoxLayout(this);
  column->addWidget(said_);
  column->addWidget(search_);
  column->addWidget(values_, 1);
  connect(call_, &ProgramCall::finished, this, &PolicyTab::take);
  connect(search_, &QLineEdit::textChanged, this, &PolicyTab::applyFilter);
}

void PolicyTab::setRun(const std::string& run) {
  run_ = run;
  isAsked_ = false;
  details_ = {};
  call_->cancel();
  values_->clear();
  said_->clear();
}

void PolicyTab::setDetails(const client::RunDetails& details) {
  details_ = details;
  ask();
}

void PolicyTab::setSeen(bool seen) {
  isSeen_ = seen;
  if (!seen) return call_->cancel();
  isAsked_ = false;  // Files may have changed while nobody looked.
  ask();
}

void PolicyTab::ask() {
  if (!isSeen_ || isAsked_ || details_.id.empty()) return;
  isAsked_ = true;
  if (details_.policyFile.empty() && details_.policyName.empty())
    return said_->setText(tr("Which policy it has is not known."));
  said_->setText(tr("Reading the policy…"));
  // In its project, whose own file counts as well.
  where_ = QString::fromStdString(details_.workspace);
  call_->start(arguments(), {.directory = where_, .home = {}});
}

QStringList PolicyTab::arguments() const {
  const std::string& what = details_.policyFile.empty() ? details_.policyName : details_.policyFile;
  return {QStringLiteral("policy"), QStringLiteral("show"), QStringLiteral("--json"), QString::fromStdString(what)};
}

void PolicyTab::take(const ProgramCall::Outcome& told) {
  // The project may be gone, or its policy file hidden from everybody while an agent runs in it.
  if ((!told.trouble.isEmpty() || told.status != 0) && !where_.isEmpty()) {
    where_.clear();
    return call_->start(arguments());
  }
  values_->clear();
  if (!told.trouble.isEmpty()) return said_->setText(tr("The policy cannot be shown: %1").arg(told.trouble));
  const auto shown = policyShownOf(told.out);
  if (told.status != 0 || !shown) {
    const QByteArray& why = told.err.isEmpty() ? told.out : told.err;
    return said_->setText(tr("The policy as it is now does not load, and the run goes on with what it started with: %1")
                              .arg(visibleText(why.toStdString(), 2'000)));
  }
  const QString started = visibleText(details_.policyHash);
  said_->setText(
      shown->hash == started
          ? tr("The policy %1, as this agent has it.").arg(shown->name)
          : tr("The policy %1 as its files are NOW. They, or what this run was given beside them, differ from "
               "what it started with: a run keeps the rules that it started with.")
                .arg(shown->name));
  for (const PolicyValue& value : shown->values)
    values_->addTopLevelItem(
        new QTreeWidgetItem({value.key, value.value, value.origin.isEmpty() ? tr("built in") : value.origin}));
  values_->resizeColumnToContents(0);
  values_->resizeColumnToContents(2);
  applyFilter();
}

void PolicyTab::applyFilter() {
  const QString text = search_->text();
  for (int row = 0; row < values_->topLevelItemCount(); ++row) {
    QTreeWidgetItem* item = values_->topLevelItem(row);
    bool isShown = text.isEmpty();
    for (int column = 0; column < 3 && !isShown; ++column)
      isShown = item->text(column).contains(text, Qt::CaseInsensitive);
    item->setHidden(!isShown);
  }
}

}  // namespace ringfence::ui
