#include "ui/shared/prompt/phrase_settings.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/shared/prompt/facts_view.h"
#include "ui/shared/prompt/phrase.h"

namespace ringfence::ui {

PhraseSettings::PhraseSettings(QWidget* parent)
    : QWidget(parent),
      line_(new QLineEdit),
      state_(plainLabel()),
      keep_(new QPushButton(tr("Show this phrase"))),
      remove_(new QPushButton(tr("Show none"))) {
  QLabel* explanation = plainLabel();
  setPlainText(explanation, tr("Every genuine prompt shows this phrase. A window that asks you to allow something and "
                               "does not show it is not Ringfence's. Tell it nobody."));
  line_->setAccessibleName(tr("Your phrase"));
  line_->setObjectName("phraseLine");
  line_->setPlaceholderText(tr("For example three words that belong together only for you"));
  keep_->setObjectName("phraseKeep");
  remove_->setObjectName("phraseRemove");
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(explanation);
  column->addWidget(line_);
  auto* row = new QHBoxLayout;
  column->addLayout(row);
  row->addWidget(keep_);
  row->addWidget(remove_);
  row->addStretch(1);
  column->addWidget(state_);
  const Phrase phrase = readPhrase();
  line_->setText(phrase.text);
  setPlainText(state_, phrase.trouble);
  connect(line_, &QLineEdit::textChanged, this, &PhraseSettings::check);
  connect(keep_, &QPushButton::clicked, this, [this] { keep(line_->text().trimmed()); });
  connect(remove_, &QPushButton::clicked, this, [this] { keep({}); });
  keep_->setEnabled(false);
  remove_->setEnabled(!phrase.text.isEmpty());
}

void PhraseSettings::check() {
  const QString why = whyNoPhrase(line_->text());
  keep_->setEnabled(why.isEmpty());
  setPlainText(state_, line_->text().isEmpty() ? QString() : why);
}

void PhraseSettings::keep(const QString& text) {
  const QString trouble = writePhrase(text);
  if (trouble.isEmpty()) {
    line_->setText(text);
    keep_->setEnabled(false);
    remove_->setEnabled(!text.isEmpty());
    emit chosen(text);
  }
  const QString done = text.isEmpty() ? tr("No phrase is shown.") : tr("Prompts show it from now on.");
  setPlainText(state_, trouble.isEmpty() ? done : trouble);
}

}  // namespace ringfence::ui
