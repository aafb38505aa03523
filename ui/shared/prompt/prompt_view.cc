#include "ui/shared/prompt/prompt_view.h"

#include <QApplication>
#include <QFontDatabase>
#include <QKeyEvent>
#include <QLabel>
#include <QMouseEvent>
#include <QPlainTextEdit>
#include <QPointingDevice>
#include <QPushButton>
#include <QScrollBar>
#include <QStackedWidget>
#include <QTextBlock>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shared/flow_layout.h"
#include "ui/shared/prompt/edit_screen.h"
#include "ui/shared/prompt/facts_view.h"
#include "ui/shared/prompt/scope_picker.h"
#include "ui/shared/prompt/words_screen.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kLookEvery = 50;        // milliseconds
constexpr int kDeliberatePixels = 8;  // that a pointer moves when somebody moves it
constexpr int kLeastLines = 4;        // of the exact text

// The texts of all, and what the daemon binds an answer to.
bool isSame(const std::vector<client::PendingItem>& a, const std::vector<client::PendingItem>& b) {
  return std::ranges::equal(a, b, [](const client::PendingItem& one, const client::PendingItem& other) {
    return one.id == other.id && one.digest == other.digest && one.notInWindow == other.notInWindow &&
           one.onlyOnce == other.onlyOnce && one.batch == other.batch;
  });
}

Confirmation confirmationOfAll(const std::vector<client::PendingItem>& items) {
  const auto holds = [](const client::PendingItem& item) { return confirmationOf(item) == Confirmation::kHold; };
  return std::ranges::any_of(items, holds) ? Confirmation::kHold : Confirmation::kClick;
}

QPushButton* answerButton(const QString& text, const char* name) {
  auto* button = new QPushButton(text);
  button->setAutoDefault(false);
  button->setObjectName(QLatin1String(name));
  return button;
}

}  // namespace

PromptView::PromptView(Link& link, const RunsModel* runs, PromptClock clock, QWidget* parent)
    : QWidget(parent),
      link_(link),
      runs_(runs),
      clock_(std::move(clock)),
      looks_(new QTimer(this)),
      screens_(new QStackedWidget),
      phrase_(plainLabel()),
      sentence_(plainLabel()),
      times_(plainLabel()),
      notHere_(plainLabel()),
      hint_(plainLabel()),
      exact_(new QPlainTextEdit),
      facts_(new FactsView),
      scopes_(new ScopePicker),
      words_(new WordsScreen),
      edit_(new EditScreen(clock_)) {
  auto* column = new QVBoxLayout(this);
  QFont big = sentence_->font();
  big.setPointSizeF(big.pointSizeF() * 1.25);
  big.setBold(true);
  sentence_->setFont(big);
  sentence_->setObjectName("sentence");
  phrase_->setObjectName("phrase");
  hint_->setObjectName("hint");
  notHere_->setObjectName("notHere");
  notHere_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  column->addWidget(phrase_);
  column->addWidget(sentence_);
  column->addWidget(screens_, 1);
  screens_->addWidget(makeQuestion());
  screens_->addWidget(words_);
  screens_->addWidget(edit_);
  setAccessibleName(tr("Question of an agent"));
  setFocusProxy(deny_);
  looks_->setInterval(kLookEvery);
  connectAll();
  qApp->installEventFilter(this);
  setPhrase({});
  present({});
}

QWidget* PromptView::makeQuestion() {
  auto* screen = new QWidget;
  auto* column = new QVBoxLayout(screen);
  column->setContentsMargins(0, 0, 0, 0);
  exact_->setReadOnly(true);
  exact_->setObjectName("exact");
  exact_->setTabChangesFocus(true);
  exact_->setLineWrapMode(QPlainTextEdit::WidgetWidth);
  exact_->setWordWrapMode(QTextOption::WrapAnywhere);
  exact_->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  exact_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  exact_->setAccessibleName(tr("Exactly what would be done"));
  exact_->setMinimumHeight(exact_->fontMetrics().lineSpacing() * kLeastLines);
  column->addWidget(exact_, 3);
  column->addWidget(facts_, 2);
  column->addWidget(scopes_);
  column->addWidget(notHere_);
  column->addWidget(times_);
  column->addWidget(hint_);
  column->addWidget(makeButtons());
  return screen;
}

QWidget* PromptView::makeButtons() {
  buttons_ = new QWidget;
  deny_ = answerButton(tr("Deny"), "deny");
  denyWords_ = answerButton(tr("Deny and tell the agent why…"), "denyWords");
  pause_ = answerButton(tr("Pause the agent"), "pause");
  change_ = answerButton(tr("Change it…"), "change");
  allow_ = new AllowButton(arming_, clock_);
  allow_->setObjectName("allow");
  QFont bold = deny_->font();
  bold.setBold(true);
  deny_->setFont(bold);
  auto* row = new FlowLayout(buttons_);
  for (QPushButton* button : std::initializer_list<QPushButton*>{deny_, denyWords_, pause_, change_, allow_})
    row->addWidget(button);
  return buttons_;
}

void PromptView::connectAll() {
  connect(looks_, &QTimer::timeout, this, &PromptView::look);
  connect(deny_, &QPushButton::clicked, this, [this] { deny({}); });
  connect(denyWords_, &QPushButton::clicked, this, [this] { showScreen(kWords); });
  connect(change_, &QPushButton::clicked, this, [this] { showScreen(kEdit); });
  connect(pause_, &QPushButton::clicked, this, &PromptView::pauseRun);
  connect(allow_, &AllowButton::meant, this, &PromptView::allow);
  connect(words_, &WordsScreen::denied, this, &PromptView::deny);
  connect(words_, &WordsScreen::cancelled, this, [this] { showScreen(kQuestion); });
  connect(edit_, &EditScreen::cancelled, this, [this] { showScreen(kQuestion); });
  connect(edit_, &EditScreen::rewritten, this, [this](const client::RewriteAnswer& answer) { send(answer); });
  connect(scopes_, &ScopePicker::changed, this, [this] {
    if (!items_.empty()) showTexts();
    look();
  });
}

// ---- what is shown

void PromptView::present(std::vector<client::PendingItem> items, PromptPlace place) {
  const bool same = isSame(items_, items);
  items_ = std::move(items);
  place_ = place;
  if (!same || items_.empty()) return beginAnew();
  showTexts();
  showTimes();
}

void PromptView::beginAnew() {
  ++shown_;
  unanswered_ = 0;
  failed_ = false;
  pointerAt_.reset();
  const bool hadFocus = isAncestorOf(QApplication::focusWidget());
  screens_->setCurrentIndex(kQuestion);
  screens_->setEnabled(!items_.empty());
  hint_->clear();
  exact_->clear();
  if (items_.empty()) {
    arming_.hide();
    setPlainText(sentence_, tr("No question waits."));
    scopes_->begin({}, ScopePicker::Offer::kOnceAlone);
    screens_->hide();
    return;
  }
  screens_->show();
  scopes_->begin(items_.front(), items_.size() == 1 ? ScopePicker::Offer::kAll : ScopePicker::Offer::kOnceAlone);
  QStringList texts;
  for (const client::PendingItem& item : items_) texts += exactText(item);
  exact_->setPlainText(texts.join('\n'));
  exact_->moveCursor(QTextCursor::Start);
  showTexts();
  showTimes();
  arming_.show(clock_(), confirmationOfAll(items_));
  if (!isVisible()) arming_.hide();
  if (hadFocus) deny_->setFocus();
  look();
}

void PromptView::showTexts() {
  const client::PendingItem& first = items_.front();
  const client::RunDetails* run = runs_ != nullptr ? runs_->details(first.run) : nullptr;
  if (items_.size() == 1) {
    setPlainText(sentence_, questionSentence(first, run));
  } else {
    setPlainText(
        sentence_,
        tr("%1: %n questions, answered together", nullptr, static_cast<int>(items_.size())).arg(askerName(first)));
  }
  facts_->show(first, run, scopes_->scope());
  QString why;
  for (const client::PendingItem& item : items_) {
    why = whyNotHere(item);
    if (why.isEmpty()) continue;
    why += '\n' + terminalCommand(item);
    break;
  }
  setPlainText(notHere_, why);
  notHere_->setVisible(!why.isEmpty());
  scopes_->setVisible(why.isEmpty());
  allow_->setVisible(why.isEmpty());
  change_->setVisible(why.isEmpty() && items_.size() == 1 && canRewrite(first));
  const bool holds = confirmationOfAll(items_) == Confirmation::kHold;
  const bool isOnce = scopes_->scope() == client::Scope::kOnce;
  allow_->setText(holds    ? tr("Hold to allow: %1").arg(scopes_->words())
                  : isOnce ? tr("Allow once")
                           : tr("Allow: %1").arg(scopes_->words()));
}

void PromptView::showTimes() {
  const QDateTime now = QDateTime::currentDateTimeUtc();
  QString words = ageWords(items_.front(), now) + ' ' + deadlineWords(items_.front(), now);
  if (place_.count > 1) words += ' ' + tr("Question %1 of %2.").arg(place_.position).arg(place_.count);
  if (times_->accessibleName() != words) setPlainText(times_, words);
}

void PromptView::setPhrase(const QString& phrase) {
  setPlainText(phrase_, tr("Your phrase: %1").arg(phrase));
  phrase_->setVisible(!phrase.isEmpty());
}

void PromptView::showScreen(Screen screen) {
  if (screen == kWords) words_->begin(askerName(items_.front()));
  if (screen == kEdit) edit_->begin(items_.front());
  screens_->setCurrentIndex(screen);
  if (screen == kWords) words_->setFocus();
  if (screen == kQuestion) deny_->setFocus();
}

// ---- arming

bool PromptView::isTextRead() const {
  const QWidget* viewport = exact_->viewport();
  if (!isVisible() || viewport->height() <= 0) return false;
  QTextCursor end(exact_->document());
  end.movePosition(QTextCursor::End);
  const QRect last = exact_->cursorRect(end);
  return viewport->visibleRegion().contains(QPoint(std::max(0, last.left()), last.center().y()));
}

void PromptView::look() {
  if (items_.empty()) return;
  showTimes();
  if (isTextRead()) arming_.read();
  const Arming::Lack lack = arming_.lacks(clock_());
  const bool waits = unanswered_ > 0;
  allow_->setEnabled(lack == Arming::Lack::kNothing && scopes_->isSure() && !waits);
  for (QPushButton* button : {deny_, denyWords_, change_}) button->setEnabled(!waits);
  allow_->look();
  if (waits || failed_ || !notHere_->isHidden()) return;
  QString hint;
  switch (lack) {
    case Arming::Lack::kReading: hint = tr("Read to the end of the text; then it can be allowed."); break;
    case Arming::Lack::kTime:
    case Arming::Lack::kNotShown: hint = tr("It can be allowed in a moment."); break;
    case Arming::Lack::kMove: hint = tr("Move the pointer or press Tab here; then it can be allowed."); break;
    case Arming::Lack::kNothing:
      hint = !scopes_->isSure() ? tr("Always needs your second yes above.")
             : arming_.confirmation() == Confirmation::kHold
                 ? tr("This cannot be taken back: hold the button for a second to allow it.")
                 : tr("Nothing is done until you answer.");
      break;
  }
  if (hint_->accessibleName() != hint) setPlainText(hint_, hint);
}

void PromptView::moved() {
  arming_.moved();
  edit_->moved();
}

// What a person does with a pointer inside. One that was there when the question came and rests is nobody's move.
void PromptView::noteMovement(QEvent* event, QWidget* on) {
  const auto* mouse = static_cast<QMouseEvent*>(event);
  const bool isTouch =
      mouse->pointingDevice() != nullptr && mouse->pointingDevice()->type() == QInputDevice::DeviceType::TouchScreen;
  if (event->type() == QEvent::MouseButtonPress) {
    if (isTouch && qobject_cast<QPushButton*>(on) == nullptr) moved();
    return;
  }
  if (!pointerAt_) {
    pointerAt_ = mouse->globalPosition();
    return;
  }
  if ((mouse->globalPosition() - *pointerAt_).manhattanLength() >= kDeliberatePixels) moved();
}

bool PromptView::eventFilter(QObject* watched, QEvent* event) {
  const QEvent::Type type = event->type();
  const bool isKey = type == QEvent::KeyPress || type == QEvent::KeyRelease || type == QEvent::ShortcutOverride;
  const bool isPointer = type == QEvent::MouseMove || type == QEvent::MouseButtonPress;
  const bool isShown = type == QEvent::Polish;
  if (!isKey && !isPointer && !isShown) return false;
  auto* widget = qobject_cast<QWidget*>(watched);
  if (widget == nullptr || (widget != this && !isAncestorOf(widget))) return false;
  if (isShown) {
    widget->setMouseTracking(true);
    return false;
  }
  if (items_.empty() || !isVisible()) return false;
  if (isPointer) {
    noteMovement(event, widget);
    return false;
  }
  if (!arming_.takesKeys(clock_())) {
    event->accept();
    return true;
  }
  const int key = static_cast<QKeyEvent*>(event)->key();
  if (type == QEvent::KeyPress && (key == Qt::Key_Tab || key == Qt::Key_Backtab)) moved();
  return false;
}

// Deny is the default. On a button Enter means that button, except on Allow, which no Enter presses.
void PromptView::keyPressEvent(QKeyEvent* event) {
  const bool isEnter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
  if (!isEnter || items_.empty() || event->isAutoRepeat()) return QWidget::keyPressEvent(event);
  auto* button = qobject_cast<QPushButton*>(QApplication::focusWidget());
  if (button != nullptr && isAncestorOf(button) && qobject_cast<AllowButton*>(button) == nullptr) button->click();
}

void PromptView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  for (QWidget* child : findChildren<QWidget*>()) child->setMouseTracking(true);
  setMouseTracking(true);
  looks_->start();
  pointerAt_.reset();
  if (!items_.empty()) arming_.show(clock_(), confirmationOfAll(items_));
  look();
}

void PromptView::hideEvent(QHideEvent* event) {
  looks_->stop();
  arming_.hide();
  QWidget::hideEvent(event);
}

// ---- answers

void PromptView::allow() {
  if (!scopes_->isSure() || !notHere_->isHidden()) return;
  send(client::AllowAnswer{.scope = scopes_->scope(), .duration = scopes_->duration()});
}

void PromptView::deny(const QString& words) { send(client::DenyAnswer{words.toStdString()}); }

void PromptView::send(const std::variant<client::AllowAnswer, client::DenyAnswer, client::RewriteAnswer>& verdict) {
  if (items_.empty() || unanswered_ > 0) return;
  unanswered_ = items_.size();
  failed_ = false;
  setPlainText(hint_, tr("Your answer is on its way."));
  const QString run = QString::fromStdString(items_.front().run);
  for (const client::PendingItem& item : items_) {
    const client::QuestionAnswer answer{item.id, item.digest, verdict, client::Surface::kWindow};
    link_.ask<std::monostate>(
        this, [answer](client::Client& daemon) { return daemon.answer(answer); },
        [this, run, of = shown_](const client::Answer<std::monostate>& taken) {
          if (of == shown_) took(run, taken);
        });
  }
  showScreen(kQuestion);
  look();
}

void PromptView::took(const QString& run, const client::Answer<std::monostate>& answer) {
  --unanswered_;
  if (const auto* failure = std::get_if<client::Failure>(&answer)) {
    failed_ = true;
    setPlainText(hint_, troubleOf(*failure));
  }
  if (unanswered_ > 0) return;
  if (failed_) {
    // What it is now has to be looked at anew.
    arming_.show(clock_(), confirmationOfAll(items_));
    return look();
  }
  setPlainText(hint_, tr("The daemon took your answer."));
  unanswered_ = 1;  // Nothing can be answered twice.
  look();
  emit answered(run);
}

void PromptView::pauseRun() {
  if (items_.empty()) return;
  const std::string run = items_.front().run;
  const QString name = askerName(items_.front());
  link_.ask<client::Client::Acted>(
      this, [run](client::Client& daemon) { return daemon.act(client::Client::Verb::kFreeze, run); },
      [this, name](const client::Answer<client::Client::Acted>& answer) {
        const auto* failure = std::get_if<client::Failure>(&answer);
        failed_ = true;  // The words stay.
        if (failure != nullptr) return setPlainText(hint_, troubleOf(*failure));
        const bool later = !std::get<client::Client::Acted>(answer).pausing.empty();
        setPlainText(hint_,
                     (later ? tr("%1 is paused as soon as it has finished something. Its question still waits for you.")
                            : tr("%1 is paused. Its question still waits for you."))
                         .arg(name));
      });
}

}  // namespace ringfence::ui
