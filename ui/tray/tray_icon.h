// The icon in the tray and its menu, where the desktop has a tray: shows how Ringfence stands and says what a person
// wants. Where there is none, it appears as soon as one does.
#pragma once

#include <QMenu>
#include <QObject>
#include <QSystemTrayIcon>
#include <memory>
#include <optional>
#include <vector>

#include "ui/tray/standing.h"

class QDBusConnection;

namespace ringfence::ui {

class TrayIcon final : public QObject {
  Q_OBJECT

 public:
  explicit TrayIcon(const QDBusConnection& bus, QObject* parent = nullptr);
  ~TrayIcon() override;

  void show(const Standing& standing, std::vector<client::RunDetails> held);
  // A line of the menu about the window in front; empty: none.
  void setFocusWords(const QString& words);

 signals:
  void menuOpened();
  void questionsWanted();
  void panelWanted();
  void pauseAllWanted();
  void resumeWanted(const QString& run);
  void stopAllWanted();
  void quitWanted();

 private:
  void makeMenu();
  void fillResume();
  void appear();
  void clicked(QSystemTrayIcon::ActivationReason reason);

  std::optional<Standing> standing_;
  std::vector<client::RunDetails> held_;
  std::unique_ptr<QMenu> menu_;
  QMenu* resume_ = nullptr;
  QAction* sentence_ = nullptr;
  QAction* questions_ = nullptr;
  QAction* pause_ = nullptr;
  QAction* focus_ = nullptr;
  QSystemTrayIcon* icon_ = nullptr;  // null: there is no tray
};

}  // namespace ringfence::ui
