// Light or dark, and how large: as the person chose, else as the desktop says it (the portal's color-scheme, which may
// change at any time), else as the palette is that Qt found. Kept in the settings of the user.
//
//   QApplication::setStyle(new TargetStyle);
//   Appearance appearance;
#pragma once

#include <QFont>
#include <QObject>
#include <optional>

#include "ui/shared/colours.h"

class QDBusVariant;

namespace ringfence::ui {

class Appearance final : public QObject {
  Q_OBJECT

 public:
  static constexpr int kLeastZoom = 80, kMostZoom = 200;  // percent

  explicit Appearance(QObject* parent = nullptr);

  Theme theme() const { return theme_; }
  void setTheme(Theme theme);
  int zoom() const { return zoom_; }
  // Outside of the limits: the nearer one.
  void setZoom(int percent);

 signals:
  void changed();

 private slots:
  void takeSetting(const QString& group, const QString& key, const QDBusVariant& value);

 private:
  void askPortal();
  void takeScheme(uint scheme);
  void apply();

  QFont font_;      // without zoom
  bool foundDark_;  // without portal
  std::optional<bool> wantsDark_;
  Theme theme_ = Theme::kSystem;
  int zoom_ = 100;
};

}  // namespace ringfence::ui
