// Who presses twice means one thing: what is pressed within a double click of a change was meant for what was there
// before it.
//
//   if (meaning != meaning_) guard_.hold();   // and on the press: if (guard_.isOpen()) …
#pragma once

#include <QApplication>
#include <QElapsedTimer>

namespace ringfence::ui {

class PressGuard {
 public:
  // For as long as a double click may take, from now on.
  void hold() { since_.start(); }
  bool isOpen() const { return !since_.isValid() || since_.elapsed() >= QApplication::doubleClickInterval(); }

 private:
  QElapsedTimer since_;
};

}  // namespace ringfence::ui
