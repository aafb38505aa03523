#include "ui/shared/colours.h"

#include <algorithm>
#include <cmath>

namespace ringfence::ui {
namespace {

struct Tones {
  QRgb window, base, alternate, button, text, quiet, link, highlight, highlightedText, mid;
};

QPalette paletteOf(const Tones& tones) {
  QPalette palette{QColor(tones.button), QColor(tones.window)};
  palette.setColor(QPalette::Base, QColor(tones.base));
  palette.setColor(QPalette::AlternateBase, QColor(tones.alternate));
  palette.setColor(QPalette::ToolTipBase, QColor(tones.base));
  for (const QPalette::ColorRole role :
       {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText, QPalette::BrightText})
    palette.setColor(role, QColor(tones.text));
  palette.setColor(QPalette::PlaceholderText, QColor(tones.quiet));
  palette.setColor(QPalette::Link, QColor(tones.link));
  palette.setColor(QPalette::LinkVisited, QColor(tones.link));
  palette.setColor(QPalette::Highlight, QColor(tones.highlight));
  palette.setColor(QPalette::HighlightedText, QColor(tones.highlightedText));
  palette.setColor(QPalette::Mid, QColor(tones.mid));
  for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    palette.setColor(QPalette::Disabled, role, QColor(tones.quiet));
  palette.setColor(QPalette::Disabled, QPalette::Highlight, QColor(tones.mid));
  return palette;
}

double channel(int value) {
  const double part = value / 255.0;
  return part <= 0.03928 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& colour) {
  return 0.2126 * channel(colour.red()) + 0.7152 * channel(colour.green()) + 0.0722 * channel(colour.blue());
}

}  // namespace

QPalette lightPalette() {
  return paletteOf({.window = 0xfff4f5f7,
                    .base = 0xffffffff,
                    .alternate = 0xfff0f1f4,
                    .button = 0xffe7e9ed,
                    .text = 0xff1b1e24,
                    .quiet = 0xff5b6270,
                    .link = 0xff0b57b0,
                    .highlight = 0xff1f6fd0,
                    .highlightedText = 0xffffffff,
                    .mid = 0xffc3c8d0});
}

QPalette darkPalette() {
  return paletteOf({.window = 0xff1e2127,
                    .base = 0xff16181d,
                    .alternate = 0xff22252c,
                    .button = 0xff2e323b,
                    .text = 0xffe8eaee,
                    .quiet = 0xffa3aab8,
                    .link = 0xff7db7ff,
                    .highlight = 0xff2f74c9,
                    .highlightedText = 0xffffffff,
                    .mid = 0xff474d59});
}

bool isDark(const QPalette& palette) {
  return palette.color(QPalette::Window).lightness() < palette.color(QPalette::WindowText).lightness();
}

Colours coloursOf(const QPalette& palette) {
  if (isDark(palette))
    return {.danger = QColor(0xffd8343f),
            .onDanger = QColor(Qt::white),
            .warning = QColor(0xfff0b441),
            .good = QColor(0xff62c480),
            .asks = QColor(0xfff0b441),
            .quiet = QColor(0xffa3aab8)};
  return {.danger = QColor(0xffc4161c),
          .onDanger = QColor(Qt::white),
          .warning = QColor(0xff8a5200),
          .good = QColor(0xff1d7a3c),
          .asks = QColor(0xff8a5200),
          .quiet = QColor(0xff5b6270)};
}

double contrastOf(const QColor& a, const QColor& b) {
  const double first = luminance(a), second = luminance(b);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

}  // namespace ringfence::ui
