// How the panel looks, the phrase that prompts show, which notifications there are, and, to be read alone, what the
// administrator set.
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

 signals:
  // Prompts show another one from now on; empty: none.
  void phraseChosen(const QString& phrase);

 private:
  void build();
  QWidget* buildPhrase();
  QWidget* buildNotices();
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
