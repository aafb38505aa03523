// The colours that mean something, for light and for dark. Never alone: a word or a shape says the same.
#pragma once

#include <QColor>
#include <QPalette>

namespace ringfence::ui {

enum class Theme { kSystem, kLight, kDark };

struct Colours {
  QColor danger, onDanger;  // the stop, and text on it
  QColor warning;           // something needs a look
  QColor good;
  QColor asks;   // waits for the person
  QColor quiet;  // text of less weight; still 4.5:1 against the window
};

QPalette lightPalette();
QPalette darkPalette();
bool isDark(const QPalette& palette);
Colours coloursOf(const QPalette& palette);
// How well one is told from the other: 1 to 21, as the WCAG counts it.
double contrastOf(const QColor& a, const QColor& b);

}  // namespace ringfence::ui
