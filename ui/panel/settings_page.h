// How the panel looks, and, to be read alone, what the administrator set.
#pragma once

#include "ui/panel/page.h"

class QComboBox;
class QLabel;
class QTreeWidget;

namespace ringfence::ui {

class Appearance;

class SettingsPage final : public Page {
  Q_OBJECT

 public:
  // Borrows the appearance.
  explicit SettingsPage(Appearance& appearance, QWidget* parent = nullptr);

  QString title() const override { return tr("Settings"); }
  QIcon icon() const override;
  void setSeen(bool seen) override;

 private:
  void build();
  void showAppearance();
  void readAdminFile();
  void showAdminFile(const QByteArray& toml, bool isThere);

  Appearance& appearance_;
  QComboBox* language_;
  QComboBox* theme_;
  QComboBox* zoom_;
  QLabel* keys_;
  QLabel* origin_;
  QTreeWidget* admin_;
};

}  // namespace ringfence::ui
