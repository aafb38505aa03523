#include "ui/tray/tray.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QGuiApplication>
#include <QProcess>
#include <QStandardPaths>
#include <algorithm>
#include <map>

#include "ui/shared/notice_choice.h"
#include "ui/shared/visible_text.h"
#include "ui/tray/plasma_focus.h"
#include "ui/tray/unseen.h"
#include "ui/tray/x11_focus.h"

namespace ringfence::ui {
namespace {

const QString kStopKey = "stop", kFailureKey = "failure", kRunKey = "run:", kHeldKey = "held:";

}  // namespace

Tray::Tray(const QDBusConnection& session, const QDBusConnection& system, const QString& sessionId)
    : situation_(link_, stop_),
      notifications_(session),
      lock_(system, sessionId),
      shortcut_(session),
      icon_(session),
      prompt_(link_),
      focus_(link_) {
  connect(&situation_, &Situation::changed, this, &Tray::refresh);
  lookAgain_.setSingleShot(true);
  connect(&lookAgain_, &QTimer::timeout, &situation_, &Situation::lookAgain);
  connect(&lock_, &SessionLock::changed, this, &Tray::refresh);
  connect(&notifications_, &NotificationServer::abilitiesArrived, this, &Tray::tell);
  connect(&notifications_, &NotificationServer::serverChanged, this, &Tray::tell);
  connect(&notifications_, &NotificationServer::wished, this, &Tray::fulfil);
  connect(&shortcut_, &Shortcut::pressed, &prompt_, &PromptWindow::open);
  connect(&stop_, &StopLink::failed, this,
          [this](const QString& why) { tellFailure(tr("Nothing was stopped: %1").arg(why)); });
  connect(&stop_, &StopLink::uncertain, this, [this](const QString& why) {
    tellFailure(tr("It is not known whether everything was stopped: %1").arg(why));
    situation_.lookAgain();
  });
  connect(&link_, &Link::questionsChanged, this, [this](const auto&, bool fresh) {
    if (fresh) focus_.tellAgain();
  });
  connectIcon();
  watchFocus();
  refresh();
}

Tray::~Tray() = default;

void Tray::connectIcon() {
  connect(&icon_, &TrayIcon::menuOpened, &situation_, &Situation::lookAgain);
  connect(&icon_, &TrayIcon::questionsWanted, &prompt_, &PromptWindow::open);
  connect(&icon_, &TrayIcon::panelWanted, this, &Tray::openPanel);
  connect(&icon_, &TrayIcon::pauseAllWanted, this, [this] {
    using Verb = client::Client::Verb;
    act(situation_.standing().pausing > 0 ? Verb::kFreezeAtOnce : Verb::kFreeze, {});
  });
  connect(&icon_, &TrayIcon::resumeWanted, this,
          [this](const QString& run) { act(client::Client::Verb::kResume, run.toStdString()); });
  connect(&icon_, &TrayIcon::stopAllWanted, this, &Tray::stopAll);
  connect(&icon_, &TrayIcon::quitWanted, this, &Tray::quit);
}

// Beside Wayland the X server would tell of some windows and be silent about the others, which is worse than nothing.
void Tray::watchFocus() {
  if (qEnvironmentVariableIsSet("WAYLAND_DISPLAY")) return watchWayland();
  if (QGuiApplication::platformName() == "xcb") return watchX11();
  tellUnseen({});
}

void Tray::watchWayland() {
  plasma_ = std::make_unique<PlasmaFocus>();
  connect(plasma_.get(), &PlasmaFocus::frontChanged, &focus_, &FocusReport::show);
  connect(plasma_.get(), &PlasmaFocus::ended, this, &Tray::tellUnseen);
  plasma_->begin();
}

void Tray::watchX11() {
  x11_ = X11Focus::create();
  if (!x11_) return tellUnseen({});
  connect(x11_.get(), &X11Focus::frontChanged, &focus_, &FocusReport::show);
  connect(x11_.get(), &X11Focus::lost, this, [this] {
    focus_.show(std::nullopt);
    tellUnseen({});
  });
  x11_->begin();
}

void Tray::tellUnseen(const Unseen& why) { icon_.setFocusWords(wordsOf(why)); }

void Tray::refresh() {
  const auto& listing = situation_.listing();
  icon_.show(situation_.standing(), listing ? heldByPeople(*listing) : std::vector<client::RunDetails>());
  tell();
}

Setting Tray::setting() const {
  return {.abilities = notifications_.abilities().value_or(Abilities{}),
          .audience = lock_.isLocked() ? Audience::kAnybody : Audience::kOwner,
          .quiet = notifications_.quiet()};
}

// The window does not wait for a server of notifications: there may be none.
void Tray::tell() {
  const std::vector<client::PendingItem> questions = situation_.questions();
  prompt_.take(questions, situation_.listing(), setting());
  notify(questions, setting());
}

void Tray::notify(const std::vector<client::PendingItem>& questions, const Setting& setting) {
  std::map<std::string, std::vector<client::PendingItem>> byRun;
  if (wantedOf(NoticeKind::kQuestion) == Wanted::kYes) {
    for (const client::PendingItem& question : questions) byRun[question.run].push_back(question);
  }
  const std::map<std::string, client::RunDetails> held = heldNow();
  client::StopState stop = situation_.stop();
  if (wantedOf(NoticeKind::kStop) == Wanted::kNo) stop.latched = false;
  if (wantedOf(NoticeKind::kFailure) == Wanted::kNo) failure_.clear();
  const bool isWanted = !byRun.empty() || !held.empty() || stop.latched || !failure_.isEmpty();
  if (isWanted) notifications_.learn(NotificationServer::Start::kYes);
  for (const QString& key : notifications_.shown()) {
    const bool stays = key.startsWith(kRunKey)    ? byRun.contains(key.mid(kRunKey.size()).toStdString())
                       : key.startsWith(kHeldKey) ? held.contains(key.mid(kHeldKey.size()).toStdString())
                       : key == kStopKey          ? stop.latched
                                                  : true;
    if (!stays) notifications_.withdraw(key);
  }
  if (!notifications_.abilities()) return;
  for (const auto& [run, ofRun] : byRun)
    notifications_.show(kRunKey + QString::fromStdString(run), questionNotice(ofRun, setting));
  for (const auto& [id, run] : held)
    notifications_.show(kHeldKey + QString::fromStdString(id), heldNotice(run, setting));
  if (stop.latched) notifications_.show(kStopKey, stopNotice(stop, setting));
  if (failure_.isEmpty()) return;
  notifications_.withdraw(kFailureKey);  // What failed again is told again, in the same words or not.
  notifications_.show(kFailureKey, failureNotice(std::exchange(failure_, {}), setting));
}

// While everything is stopped that alone is told.
std::map<std::string, client::RunDetails> Tray::heldNow() {
  std::map<std::string, client::RunDetails> held;
  const auto& listing = situation_.listing();
  if (!listing || situation_.stop().latched || wantedOf(NoticeKind::kQuestion) == Wanted::kNo) return held;
  const Waiting waiting = waitingForAPerson(*listing, QDateTime::currentDateTimeUtc());
  for (const client::RunDetails& run : waiting.runs) held.emplace(run.id, run);
  if (waiting.lookAgain) lookAgain_.start(*waiting.lookAgain);
  return held;
}

void Tray::fulfil(const Wish& wish) {
  if (const auto* denial = std::get_if<DenyOne>(&wish)) return deny(*denial);
  if (const auto* pause = std::get_if<PauseRun>(&wish)) return act(client::Client::Verb::kFreeze, pause->run);
  if (std::holds_alternative<OpenPanel>(wish)) return openPanel();
  prompt_.open();
}

void Tray::act(client::Client::Verb verb, const std::string& run) {
  link_.ask<client::Client::Acted>(
      this, [verb, run](client::Client& daemon) { return daemon.act(verb, run); },
      [this](const client::Answer<client::Client::Acted>& answer) {
        if (const auto* failure = std::get_if<client::Failure>(&answer)) tellFailure(troubleOf(*failure));
        situation_.lookAgain();
      });
}

void Tray::deny(const DenyOne& wish) {
  link_.ask<std::monostate>(
      this,
      [wish](client::Client& daemon) {
        return daemon.answer({.id = wish.question, .digest = wish.digest, .verdict = client::DenyAnswer{}});
      },
      [this](const client::Answer<std::monostate>& answer) {
        if (const auto* failure = std::get_if<client::Failure>(&answer)) tellFailure(troubleOf(*failure));
      });
}

void Tray::stopAll() { stop_.stopAll("tray"); }

void Tray::openPanel() {
  const QString beside = QCoreApplication::applicationDirPath() + "/ringfence-panel";
  const QString program = QFileInfo(beside).isExecutable() ? beside : QStandardPaths::findExecutable("ringfence-panel");
  if (program.isEmpty() || !QProcess::startDetached(program, {}))
    tellFailure(tr("ringfence-panel could not be started: it is not installed beside this helper, nor on the PATH."));
}

void Tray::tellFailure(const QString& why) {
  failure_ = why;
  tell();
}

void Tray::quit() {
  focus_.end([] { QCoreApplication::quit(); });
}

}  // namespace ringfence::ui
