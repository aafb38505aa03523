// What can be said of a picture of a window without knowing how a font is drawn: where its parts are, that they hold
// something, that texts are whole and told from their ground.
#pragma once

#include <QImage>
#include <QRect>
#include <QString>
#include <QStringList>
#include <QWidget>
#include <map>

namespace ringfence::test {

struct Picture {
  QImage image;      // of the whole window, in its own pixels
  double scale = 1;  // pixels a logical one
};
Picture pictureOf(QWidget& window);
// The same on a screen of that many pixels a logical one, whatever this one has.
Picture pictureAt(QWidget& window, double scale);

// Of the window, in logical pixels; of what lies in a part that scrolls: as much as can be seen.
QRect placeOf(const QWidget& widget);
// Of all that can be seen, by where it is in the tree of widgets. Equal ones: the same layout.
std::map<QString, QRect> layoutOf(const QWidget& window);

// What is wrong, in words; empty: nothing.
//   something that can be seen lies outside of the window, or two controls or texts lie on one another
QStringList misplaced(const QWidget& window);
//   a text has less room than it needs
QStringList cutOff(const QWidget& window);
//   a text is less than 4.5 times as light or dark as its ground in the picture (3 times where it is disabled)
QStringList faint(const QWidget& window, const Picture& picture);
//   a control or text has another colour, taken over all of it, in one of two pictures of the same window
QStringList different(const QWidget& window, const Picture& one, const Picture& other);
// What keeps a window from being as narrow as that: also what is on pages that are not in front.
QStringList widerThan(const QWidget& window, int width);
// Part of the pixels there that are not of the ground, which is the colour of most of them.
double inkIn(const QRect& place, const Picture& picture);

}  // namespace ringfence::test
