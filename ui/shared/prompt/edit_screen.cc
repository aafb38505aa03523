#include "ui/shared/prompt/edit_screen.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QTableWidget>
#include <QTimer>
#include <QVBoxLayout>

#include "ui/shared/flow_layout.h"

namespace ringfence::ui {
namespace {

constexpr int kLookEvery = 100;  // milliseconds
constexpr int kRawRole = Qt::UserRole;

QPushButton* plainButton(const QString& text, QLayout* into) {
  auto* button = new QPushButton(text);
  button->setAutoDefault(false);
  into->addWidget(button);
  return button;
}

}  // namespace

EditScreen::EditScreen(PromptClock clock, QWidget* parent)
    : QWidget(parent), clock_(std::move(clock)), looks_(new QTimer(this)), head_(new QLabel), trouble_(new QLabel) {
  for (QLabel* label : {head_, trouble_}) {
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
  }
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(head_);
  column->addWidget(argumentsPart_ = makeArguments(), 1);
  column->addWidget(pathPart_ = makePath(), 1);
  column->addWidget(trouble_);
  auto* row = new QHBoxLayout;
  column->addLayout(row);
  QPushButton* back = plainButton(tr("Back"), row);
  row->addStretch(1);
  done_ = new AllowButton(arming_, clock_);
  done_->setText(tr("Do this instead, once"));
  done_->setObjectName("rewrite");
  row->addWidget(done_);
  connect(back, &QPushButton::clicked, this, &EditScreen::cancelled);
  connect(done_, &AllowButton::meant, this, [this] {
    const auto answer = rewriteOf(item_, edited());
    if (const auto* rewrite = std::get_if<client::RewriteAnswer>(&answer)) emit rewritten(*rewrite);
  });
  looks_->setInterval(kLookEvery);
  connect(looks_, &QTimer::timeout, this, &EditScreen::look);
}

QWidget* EditScreen::makeArguments() {
  auto* part = new QWidget;
  auto* column = new QVBoxLayout(part);
  column->setContentsMargins(0, 0, 0, 0);
  arguments_ = new QTableWidget(0, 1);
  arguments_->setObjectName("arguments");
  arguments_->setAccessibleName(tr("Arguments of the command, one a row"));
  arguments_->horizontalHeader()->setVisible(false);
  arguments_->horizontalHeader()->setStretchLastSection(true);
  arguments_->setTabKeyNavigation(false);
  arguments_->setSelectionMode(QAbstractItemView::SingleSelection);
  column->addWidget(arguments_, 1);
  auto* row = new FlowLayout;
  column->addLayout(row);
  QPushButton* add = plainButton(tr("Add an argument"), row);
  QPushButton* remove = plainButton(tr("Remove"), row);
  QPushButton* up = plainButton(tr("Move up"), row);
  QPushButton* down = plainButton(tr("Move down"), row);
  connect(add, &QPushButton::clicked, this, [this] {
    const int at = arguments_->currentRow() < 0 ? arguments_->rowCount() : arguments_->currentRow() + 1;
    addArgument({}, at);
    arguments_->setCurrentCell(at, 0);
    arguments_->editItem(arguments_->item(at, 0));
  });
  connect(remove, &QPushButton::clicked, this, [this] { arguments_->removeRow(arguments_->currentRow()); });
  connect(up, &QPushButton::clicked, this, [this] { moveArgument(-1); });
  connect(down, &QPushButton::clicked, this, [this] { moveArgument(1); });
  return part;
}

QWidget* EditScreen::makePath() {
  auto* part = new QWidget;
  auto* column = new QVBoxLayout(part);
  column->setContentsMargins(0, 0, 0, 0);
  otherPath_ = new QRadioButton(tr("Use this path instead:"));
  prepared_ = new QRadioButton(tr("Let it read this prepared content instead:"));
  prepared_->setObjectName("prepared");
  line_ = new QLineEdit;
  line_->setObjectName("line");
  content_ = new QPlainTextEdit;
  content_->setObjectName("content");
  content_->setAccessibleName(tr("Prepared content"));
  content_->setTabChangesFocus(true);
  for (QWidget* widget : std::initializer_list<QWidget*>{otherPath_, line_, prepared_, content_})
    column->addWidget(widget);
  column->addStretch(1);
  connect(prepared_, &QRadioButton::toggled, this, [this](bool isPrepared) {
    line_->setEnabled(!isPrepared);
    content_->setEnabled(isPrepared);
  });
  return part;
}

void EditScreen::begin(const client::PendingItem& item) {
  item_ = item;
  const EditedAction edited = beginEditing(item);
  const bool isExec = item.action.operation == client::Operation::kExec;
  const bool isConnect = item.action.operation == client::Operation::kConnect;
  const bool isRead = item.action.operation == client::Operation::kRead;
  argumentsPart_->setVisible(isExec);
  pathPart_->setVisible(!isExec);
  otherPath_->setVisible(isRead);
  prepared_->setVisible(isRead);
  content_->setVisible(isRead);
  content_->clear();
  content_->setEnabled(false);
  otherPath_->setChecked(true);
  line_->setEnabled(true);
  line_->setText(isConnect ? edited.host : edited.path);
  line_->setAccessibleName(isConnect ? tr("Host to connect to instead") : tr("Path to use instead"));
  head_->setText(isExec      ? tr("Run this instead. What the agent wanted is not run.")
                 : isConnect ? tr("Connect there instead. The agent does not reach what it wanted.")
                 : isRead    ? tr("Let it read something else. What the agent wanted is not read.")
                             : tr("Use another path. What the agent wanted is not touched."));
  arguments_->setRowCount(0);
  for (const EditedArgument& argument : edited.arguments) addArgument(argument, arguments_->rowCount());
  arming_.show(clock_(), Confirmation::kClick);
  arming_.read();
  look();
}

void EditScreen::addArgument(const EditedArgument& argument, int row) {
  auto* cell = new QTableWidgetItem(argument.shown);
  if (!argument.isEditable) {
    cell->setFlags(cell->flags() & ~Qt::ItemIsEditable);
    cell->setData(kRawRole, QByteArray::fromStdString(argument.raw));
    cell->setToolTip(tr("This holds characters that cannot be typed: it can be removed or moved, not edited."));
  }
  arguments_->insertRow(row);
  arguments_->setItem(row, 0, cell);
}

void EditScreen::moveArgument(int by) {
  const int from = arguments_->currentRow(), to = from + by;
  if (from < 0 || to < 0 || to >= arguments_->rowCount()) return;
  QTableWidgetItem* moved = arguments_->takeItem(from, 0);
  arguments_->setItem(from, 0, arguments_->takeItem(to, 0));
  arguments_->setItem(to, 0, moved);
  arguments_->setCurrentCell(to, 0);
}

EditedAction EditScreen::edited() const {
  EditedAction edited;
  for (int row = 0; row < arguments_->rowCount(); ++row) {
    const QTableWidgetItem* cell = arguments_->item(row, 0);
    const QVariant raw = cell->data(kRawRole);
    edited.arguments.push_back({cell->text(), !raw.isValid(), raw.toByteArray().toStdString()});
  }
  edited.path = edited.host = line_->text();
  edited.content = content_->toPlainText();
  edited.usesContent = item_.action.operation == client::Operation::kRead && prepared_->isChecked();
  return edited;
}

void EditScreen::look() {
  const auto answer = rewriteOf(item_, edited());
  const auto* why = std::get_if<QString>(&answer);
  trouble_->setText(why != nullptr ? *why : QString());
  done_->setEnabled(why == nullptr && arming_.lacks(clock_()) == Arming::Lack::kNothing);
}

void EditScreen::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  looks_->start();
}

void EditScreen::hideEvent(QHideEvent* event) {
  looks_->stop();
  QWidget::hideEvent(event);
}

}  // namespace ringfence::ui
