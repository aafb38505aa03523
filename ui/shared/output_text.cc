#include "ui/shared/output_text.h"

namespace ringfence::ui {

QString OutputText::feed(std::string_view bytes) { return bound(filter_.feed(bytes)); }

QString OutputText::finish() { return bound(filter_.finish()); }

// The filter lets colours through, ESC [ … m, and nothing else that begins with ESC.
QString OutputText::bound(const std::string& shown) {
  const QString text = QString::fromStdString(shown);
  QString bounded;
  bounded.reserve(text.size());
  for (qsizetype i = 0; i < text.size(); ++i) {
    const QChar character = text[i];
    if (character == QChar(0x1b)) {
      const qsizetype end = text.indexOf(u'm', i);
      i = end < 0 ? text.size() : end;
      continue;
    }
    if (column_ >= kLongestLine && character != u'\n') {
      bounded += u'\n';
      column_ = 0;
    }
    bounded += character;
    column_ = character == u'\n' ? 0 : column_ + 1;
  }
  return bounded;
}

}  // namespace ringfence::ui
