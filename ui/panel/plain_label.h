// A label that shows text as it is, whatever it looks like, and wraps it.
#pragma once

#include <QLabel>

namespace ringfence::ui {

inline QLabel* plainLabel(const QString& text = {}) {
  auto* label = new QLabel(text);
  label->setTextFormat(Qt::PlainText);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}

}  // namespace ringfence::ui
