#include "ui/panel/bar.h"

#include <QAccessible>
#include <QApplication>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>
#include <algorithm>

#include "ui/panel/hold_button.h"
#include "ui/shared/colours.h"

namespace ringfence::ui {
namespace {

using namespace std::chrono_literals;

constexpr auto kTouchHold = 1000ms;
constexpr int kAroundControls = 40;  // pixels: margins and gaps

QLabel* words() {
  auto* label = new QLabel;
  label->setTextFormat(Qt::PlainText);
  label->setWordWrap(true);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  return label;
}

QToolButton* chip() {
  auto* button = new QToolButton;
  button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  button->setFocusPolicy(Qt::StrongFocus);
  return button;
}

}  // namespace

Bar::Bar(QWidget* parent)
    : QWidget(parent),
      state_(chip()),
      questions_(chip()),
      stop_(new HoldButton(QString())),
      troubleStrip_(new QWidget),
      trouble_(words()),
      troubleShape_(new QLabel),
      notice_(words()) {
  auto* controls = new QHBoxLayout;
  controls->addWidget(state_);
  controls->addWidget(questions_);
  controls->addStretch(1);
  controls->addWidget(stop_);
  auto* strip = new QHBoxLayout(troubleStrip_);
  strip->addWidget(troubleShape_, 0, Qt::AlignTop);
  strip->addWidget(trouble_, 1);
  troubleStrip_->setAutoFillBackground(true);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 4);
  column->addLayout(controls);
  column->addWidget(troubleStrip_);
  column->addWidget(notice_);
  trouble_->setAccessibleName(tr("What is wrong"));
  notice_->setAccessibleName(tr("What was done"));
  troubleStrip_->hide();
  notice_->hide();
  QFont loud = stop_->font();
  loud.setBold(true);
  stop_->setFont(loud);
  connect(state_, &QToolButton::clicked, this, &Bar::stateWanted);
  connect(questions_, &QToolButton::clicked, this, &Bar::questionsWanted);
  connect(stop_, &HoldButton::meant, this, &Bar::stopWanted);
  setState(barStateOf(Knowledge::kNothing, {}, {}));
  setLayoutOf(Layout::kDesktop);
}

QWidget* Bar::firstControl() const { return stop_; }

void Bar::setState(const BarState& state) {
  shown_ = state;
  state_->setAccessibleName(tr("State of all agents: %1").arg(state.words));
  state_->setToolTip(state_->accessibleName());
  shorten();
  paintLooks();
}

// In a narrow window the state gives way to the stop before the window has to be wider.
QSize Bar::minimumSizeHint() const {
  const QSize hint = QWidget::minimumSizeHint();
  return layout_ == Layout::kTouch ? QSize(0, hint.height()) : hint;
}

void Bar::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  shorten();
}

// In a narrow window the count stands alone, and the state as far as there is room; the whole is in their names.
void Bar::shorten() {
  const QString whole = shown_.questions
                            ? tr("%n question(s) wait for you", nullptr, static_cast<int>(*shown_.questions))
                            : tr("Whether questions wait is not known");
  const QString brief = shown_.questions ? QString::number(*shown_.questions) : tr("?", "number of questions");
  const QString text = layout_ == Layout::kTouch ? brief : whole;
  questions_->setText(text);
  questions_->setAccessibleName(whole);
  questions_->setToolTip(whole);
  stop_->setText(layout_ == Layout::kTouch ? tr("Hold to STOP") : tr("STOP all agents"));
  state_->setText(shown_.words);
  const int room = width() - questions_->sizeHint().width() - stop_->sizeHint().width() - kAroundControls;
  const int words = state_->fontMetrics().horizontalAdvance(shown_.words);
  const int most = room - (state_->sizeHint().width() - words);
  if (layout_ == Layout::kTouch && words > most)
    state_->setText(state_->fontMetrics().elidedText(shown_.words, Qt::ElideRight, std::max(most, 0)));
  stop_->setAccessibleName(tr("Emergency stop"));
  stop_->setAccessibleDescription(
      layout_ == Layout::kTouch
          ? tr("Hold it for a second: everything that agents run stands still at once, and stays so until you re-arm.")
          : tr("Everything that agents run stands still at once, and stays so until you re-arm."));
  stop_->setToolTip(stop_->accessibleDescription());
}

void Bar::paintLooks() {
  const Colours colours = coloursOf(palette());
  const QColor plain = palette().color(QPalette::WindowText);
  QColor colour = plain;
  if (shown_.kind == BarState::Kind::kStopped)
    colour = isDark(palette()) ? colours.danger.lighter(130) : colours.danger;
  if (shown_.kind == BarState::Kind::kRunning) colour = colours.good;
  state_->setIcon(glyphIcon(shown_.shape, colour));
  QFont font = questions_->font();
  font.setBold(shown_.questions.value_or(0) > 0);
  questions_->setFont(font);
  questions_->setIcon(shown_.questions.value_or(0) > 0 ? glyphIcon(Glyph::kAsks, colours.asks)
                                                       : glyphIcon(Glyph::kInbox));
  stop_->setColours(colours.danger, colours.onDanger);
  stop_->setIcon(glyphIcon(Glyph::kStopped, colours.onDanger));
  QPalette strip = palette();
  strip.setColor(QPalette::Window, palette().color(QPalette::AlternateBase));
  troubleStrip_->setPalette(strip);
  const int side = fontMetrics().height();
  troubleShape_->setPixmap(glyphIcon(Glyph::kWarning, colours.warning).pixmap(QSize(side, side), devicePixelRatioF()));
}

void Bar::setTrouble(const QString& trouble) {
  const bool isNew = trouble != trouble_->text();
  trouble_->setText(trouble);
  troubleStrip_->setVisible(!trouble.isEmpty());
  if (!isNew || trouble.isEmpty()) return;
  QAccessibleEvent alert(trouble_, QAccessible::Alert);
  QAccessible::updateAccessibility(&alert);
}

void Bar::setNotice(const QString& notice) {
  notice_->setText(notice);
  notice_->setVisible(!notice.isEmpty());
  if (notice.isEmpty()) return;
  QAccessibleEvent alert(notice_, QAccessible::Alert);
  QAccessible::updateAccessibility(&alert);
}

void Bar::setLayoutOf(Layout layout) {
  layout_ = layout;
  stop_->setHold(layout == Layout::kTouch ? kTouchHold : 0ms);
  shorten();
}

void Bar::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) paintLooks();
}

}  // namespace ringfence::ui
