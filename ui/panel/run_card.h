// One run as a card: what it is and does, its figures over the last minute, and what can be done with it.
#pragma once

#include <QFrame>
#include <optional>

#include "ui/panel/press_guard.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/runs_model.h"

class QBoxLayout;
class QLabel;
class QPushButton;

namespace ringfence::ui {

class ElidedLabel;
class Sparkline;

class RunCard final : public QFrame {
  Q_OBJECT

 public:
  explicit RunCard(QWidget* parent = nullptr);

  // `index`: of `runs`.
  void showRun(const RunsModel& runs, int index, const QString& lastAction);
  const std::string& run() const { return run_; }
  // Narrow: its buttons are below its name and not beside it.
  enum class Width { kNarrow, kWide };
  void setWidthClass(Width width);
  // What an agent says has a line where one of those that are shown says something.
  enum class Speech { kHidden, kShown };
  void setSpeech(Speech speech);
  // It lies elsewhere now: what is pressed in the next moment was meant for what lay here before, and is not done. So
  // it is where a button came to mean something else.
  void moved();
  // What the Tab key stops at, in order.
  std::vector<QWidget*> focusStops();
  // The whole card in words.
  QString spoken() const;

 signals:
  void actWanted(ringfence::client::Client::Verb verb, const std::string& run);
  void openWanted(const QString& run);

 protected:
  void changeEvent(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void build();
  void connectButtons();
  void showHold(const top::Row& row, const client::StopState& stop, const QString& brief);
  void showEnd(const top::Row& row, const QString& brief);
  void drawShape();

  struct Drawn {
    Glyph shape;
    QRgb colour;
    int side;  // pixels that do not depend on the device
    qreal devicePixels;
    bool operator==(const Drawn&) const = default;
  };

  std::string run_;
  client::Client::Verb hold_{}, end_{};  // what the buttons do
  Glyph shape_ = Glyph::kUnknown;
  std::optional<Drawn> drawn_;
  PressGuard guard_;
  QBoxLayout* head_;
  QLabel* shapeLabel_;
  ElidedLabel* name_;
  ElidedLabel* state_;
  ElidedLabel* place_;
  ElidedLabel* says_;
  ElidedLabel* command_;
  ElidedLabel* last_;
  QPushButton* holdButton_;
  QPushButton* goOnButton_;  // while it is being paused
  QPushButton* endButton_;
  QPushButton* openButton_;
  Sparkline* plots_[4];
};

}  // namespace ringfence::ui
