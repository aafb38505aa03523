#include "ui/tray/tray_icon.h"

#include <QAction>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusServiceWatcher>
#include <algorithm>
#include <chrono>

#include "ui/shared/visible_text.h"
#include "ui/tray/state_icon.h"

namespace ringfence::ui {
namespace {

const QString kWatcher = "org.kde.StatusNotifierWatcher";
constexpr int kMostOfName = 60;
constexpr std::chrono::milliseconds kLongestShown = std::chrono::hours(24 * 366);

// In a menu an ampersand marks a key.
QString menuText(std::string_view untrusted) { return visibleText(untrusted, kMostOfName).replace('&', "&&"); }

QString resumeText(const client::RunDetails& run) {
  const QString name = menuText(run.name.empty() ? run.id : run.name);
  if (!run.pausing) return name;
  const auto left = std::chrono::ceil<std::chrono::seconds>(std::min(run.pausing->within, kLongestShown));
  return TrayIcon::tr("%1 (pauses in %n s at the latest)", nullptr, static_cast<int>(left.count())).arg(name);
}

}  // namespace

// Qt looks once whether there is a StatusNotifierWatcher and keeps the answer, so that it is not asked before there is
// one.
TrayIcon::TrayIcon(const QDBusConnection& bus, QObject* parent) : QObject(parent) {
  makeMenu();
  auto* watcher = new QDBusServiceWatcher(kWatcher, bus, QDBusServiceWatcher::WatchForRegistration, this);
  connect(watcher, &QDBusServiceWatcher::serviceRegistered, this, &TrayIcon::appear);
  QDBusMessage call = QDBusMessage::createMethodCall("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                     "org.freedesktop.DBus", "NameHasOwner");
  auto* there = new QDBusPendingCallWatcher(bus.asyncCall(call << kWatcher), this);
  connect(there, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
    const QDBusPendingReply<bool> reply = *done;
    if (reply.isValid() && reply.value()) appear();
    done->deleteLater();
  });
}

TrayIcon::~TrayIcon() { delete icon_; }  // Before its menu.

void TrayIcon::makeMenu() {
  menu_ = std::make_unique<QMenu>();
  sentence_ = menu_->addAction(QString());
  sentence_->setEnabled(false);
  menu_->addSeparator();
  questions_ = menu_->addAction(tr("Show questions"), this, &TrayIcon::questionsWanted);
  menu_->addAction(tr("Open panel"), this, &TrayIcon::panelWanted);
  menu_->addSeparator();
  pause_ = menu_->addAction(tr("Pause all agents"), this, &TrayIcon::pauseAllWanted);
  resume_ = menu_->addMenu(tr("Resume…"));
  menu_->addAction(tr("STOP ALL"), this, &TrayIcon::stopAllWanted);
  menu_->addSeparator();
  focus_ = menu_->addAction(QString());
  focus_->setEnabled(false);
  focus_->setVisible(false);
  menu_->addAction(tr("Quit this helper (agents go on)"), this, &TrayIcon::quitWanted);
  connect(menu_.get(), &QMenu::aboutToShow, this, &TrayIcon::menuOpened);
}

void TrayIcon::appear() {
  if (icon_ != nullptr || !QSystemTrayIcon::isSystemTrayAvailable()) return;
  icon_ = new QSystemTrayIcon;
  icon_->setContextMenu(menu_.get());
  connect(icon_, &QSystemTrayIcon::activated, this, &TrayIcon::clicked);
  const Standing standing = standing_.value_or(Standing{});
  icon_->setIcon(stateIcon(standing));
  icon_->setToolTip(sentenceOf(standing));
  icon_->show();
}

void TrayIcon::show(const Standing& standing, std::vector<client::RunDetails> held) {
  const bool isSame = standing_ == standing;
  const auto looksSame = [](const client::RunDetails& a, const client::RunDetails& b) {
    return a.id == b.id && resumeText(a) == resumeText(b);
  };
  const bool isHeldSame = std::ranges::equal(held_, held, looksSame);
  standing_ = standing;
  held_ = std::move(held);
  if (!isSame || !isHeldSame) fillResume();
  if (isSame) return;
  const QString sentence = sentenceOf(standing);
  sentence_->setText(sentence);
  questions_->setEnabled(standing.questions > 0);
  pause_->setEnabled(standing.running > 0);
  pause_->setText(standing.pausing > 0 ? tr("Pause all agents at once") : tr("Pause all agents"));
  if (icon_ == nullptr) return;
  icon_->setIcon(stateIcon(standing));
  icon_->setToolTip(sentence);
}

// While the emergency stop is latched nobody is resumed: whoever wants to re-arm does it in the panel, or by command.
void TrayIcon::fillResume() {
  resume_->clear();
  resume_->setEnabled(!held_.empty() && standing_->state != State::kStopped);
  for (const client::RunDetails& run : held_) {
    const QString id = QString::fromStdString(run.id);
    resume_->addAction(resumeText(run), this, [this, id] { emit resumeWanted(id); });
  }
}

void TrayIcon::setFocusWords(const QString& words) {
  focus_->setText(words);
  focus_->setVisible(!words.isEmpty());
}

void TrayIcon::clicked(QSystemTrayIcon::ActivationReason reason) {
  if (reason != QSystemTrayIcon::Trigger) return;
  if (standing_ && standing_->questions > 0)
    emit questionsWanted();
  else
    emit panelWanted();
}

}  // namespace ringfence::ui
