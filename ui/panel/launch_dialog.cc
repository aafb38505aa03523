#include "ui/panel/launch_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>

#include "ui/panel/cli_process.h"
#include "ui/panel/plain_label.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kMostSaid = 4000;  // of what the command line says

// Line by line, so that its carets stay below what they point at.
QString linesOf(const QByteArray& text) {
  QStringList lines;
  for (const QByteArray& line : text.left(kMostSaid).trimmed().split('\n')) lines += visibleText(line.toStdString());
  return lines.join('\n');
}

}  // namespace

LaunchDialog::LaunchDialog(QWidget* parent)
    : QDialog(parent),
      command_(new QComboBox),
      policy_(new QComboBox),
      summary_(plainLabel()),
      workspace_(new QLineEdit),
      name_(new QLineEdit),
      unattended_(new QCheckBox(tr("Nobody is there to answer: what would be asked is denied"))),
      said_(plainLabel()),
      start_(new QPushButton(tr("Start"))),
      cancel_(new QPushButton(tr("Cancel"))),
      policies_(new CliProcess(this)),
      launch_(new CliProcess(this)) {
  setWindowTitle(tr("Start an agent"));
  build();
  connect(policies_, &CliProcess::done, this, [this](int status, const QByteArray& out, const QByteArray& err) {
    for (const PolicyChoice& policy : policiesOf(out)) {
      if (!policy.broken) policy_->addItem(policy.name, policy.summary);
    }
    if (status != 0) said_->setText(linesOf(err));
    const int last = policy_->findText(QSettings().value("launch/policy", "coding").toString());
    if (last >= 0) policy_->setCurrentIndex(last);
    look();
  });
  connect(launch_, &CliProcess::done, this, &LaunchDialog::takeAnswer);
  policies_->start({"policy", "list", "--json"});
  look();
}

void LaunchDialog::build() {
  command_->setEditable(true);
  command_->setAccessibleName(tr("Agent or command"));
  for (const AgentChoice& agent : agentsOnPath()) command_->addItem(agent.program, agent.name);
  command_->lineEdit()->setPlaceholderText(tr("a command, with its arguments"));
  policy_->setEditable(true);
  policy_->setAccessibleName(tr("Policy"));
  summary_->setAccessibleName(tr("What the policy is for"));
  workspace_->setText(QSettings().value("launch/workspace", QDir::homePath()).toString());
  workspace_->setAccessibleName(tr("Folder"));
  auto* browse = new QPushButton(tr("Choose…"));
  browse->setAccessibleName(tr("Choose the folder"));
  browse->setAutoDefault(false);
  connect(browse, &QPushButton::clicked, this, &LaunchDialog::chooseFolder);
  name_->setAccessibleName(tr("Name"));
  name_->setPlaceholderText(tr("made up when empty"));
  auto* folder = new QHBoxLayout;
  folder->addWidget(workspace_, 1);
  folder->addWidget(browse);
  auto* form = new QFormLayout;
  form->setRowWrapPolicy(QFormLayout::WrapLongRows);
  form->addRow(tr("Agent"), command_);
  form->addRow(tr("Policy"), policy_);
  form->addRow(QString(), summary_);
  QLabel* folderLabel = plainLabel(tr("Folder"));
  folderLabel->setBuddy(workspace_);
  form->addRow(folderLabel, folder);
  form->addRow(tr("Name"), name_);
  form->addRow(QString(), unattended_);
  auto* buttons = new QDialogButtonBox;
  buttons->addButton(start_, QDialogButtonBox::AcceptRole);
  buttons->addButton(cancel_, QDialogButtonBox::RejectRole);
  said_->setAccessibleName(tr("What the command line says"));
  auto* column = new QVBoxLayout(this);
  column->addLayout(form);
  column->addWidget(said_);
  column->addStretch(1);
  column->addWidget(buttons);
  connect(start_, &QPushButton::clicked, this, &LaunchDialog::launch);
  connect(cancel_, &QPushButton::clicked, this, [this] {
    if (!launch_->isRunning()) return reject();
    launch_->cancel();
    said_->setText(tr("Cancelled. If it had been started already, it is among the agents."));
    look();
  });
  for (QComboBox* box : {command_, policy_}) connect(box, &QComboBox::editTextChanged, this, &LaunchDialog::look);
  connect(workspace_, &QLineEdit::textChanged, this, &LaunchDialog::look);
}

LaunchChoice LaunchDialog::choice() const {
  return {command_->currentText(), policy_->currentText(), workspace_->text(), name_->text(), unattended_->isChecked()};
}

// What can be done now, and what is missing.
void LaunchDialog::look() {
  const QString missing = missingIn(choice());
  start_->setEnabled(missing.isEmpty() && !launch_->isRunning());
  start_->setToolTip(missing);
  start_->setAccessibleDescription(missing);
  const int index = policy_->findText(policy_->currentText());
  summary_->setText(index < 0 ? QString() : visibleText(policy_->itemData(index).toString().toStdString()));
  if (!isVisible()) return;
  // A form does not grow with a text that came later, and would cut it off.
  summary_->setMinimumHeight(summary_->heightForWidth(summary_->width()));
}

void LaunchDialog::chooseFolder() {
  const QString chosen =
      QFileDialog::getExistingDirectory(this, tr("The folder that the agent works in"), workspace_->text());
  if (!chosen.isEmpty()) workspace_->setText(chosen);
}

void LaunchDialog::launch() {
  QSettings settings;
  settings.setValue("launch/policy", policy_->currentText());
  settings.setValue("launch/workspace", workspace_->text());
  said_->setText(tr("Starting…"));
  launch_->start(argumentsOf(choice()));
  look();
}

void LaunchDialog::takeAnswer(int status, const QByteArray& out, const QByteArray& err) {
  look();
  if (status != 0) {
    said_->setText(tr("Not started:\n%1").arg(linesOf(err)));
    return;
  }
  emit started(QString::fromUtf8(out.trimmed()));
  accept();
}

}  // namespace ringfence::ui
