#include "ui/shared/prompt/words_screen.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/shared/prompt/facts_view.h"

namespace ringfence::ui {
namespace {

constexpr qsizetype kMostBytes = 1024;  // that the daemon takes

}  // namespace

WordsScreen::WordsScreen(QWidget* parent)
    : QWidget(parent),
      head_(plainLabel()),
      words_(new QPlainTextEdit),
      trouble_(plainLabel()),
      deny_(new QPushButton(tr("Deny and say this"))) {
  words_->setObjectName("words");
  words_->setAccessibleName(tr("What the agent is told"));
  words_->setPlaceholderText(tr("For example: use the copy in the project folder instead."));
  words_->setTabChangesFocus(true);
  setFocusProxy(words_);
  deny_->setObjectName("denyAndSay");
  deny_->setAutoDefault(false);
  auto* back = new QPushButton(tr("Back"));
  back->setAutoDefault(false);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(head_);
  column->addWidget(words_, 1);
  column->addWidget(trouble_);
  auto* row = new QHBoxLayout;
  column->addLayout(row);
  row->addWidget(back);
  row->addStretch(1);
  row->addWidget(deny_);
  connect(back, &QPushButton::clicked, this, &WordsScreen::cancelled);
  connect(deny_, &QPushButton::clicked, this, [this] { emit denied(words_->toPlainText().trimmed()); });
  connect(words_, &QPlainTextEdit::textChanged, this, &WordsScreen::check);
}

void WordsScreen::begin(const QString& asker) {
  setPlainText(head_,
               tr("%1 is told no, with these words. It reads them as an answer, and nothing is done.").arg(asker));
  words_->clear();
  check();
}

void WordsScreen::check() {
  const qsizetype over = words_->toPlainText().trimmed().toUtf8().size() - kMostBytes;
  deny_->setEnabled(over <= 0);
  trouble_->setText(over > 0 ? tr("%n bytes too long.", nullptr, static_cast<int>(over)) : QString());
}

}  // namespace ringfence::ui
