#include "ui/shared/prompt/scope_picker.h"

#include <QButtonGroup>
#include <QCheckBox>
#include <QComboBox>
#include <QFontDatabase>
#include <QLabel>
#include <QPlainTextEdit>
#include <QRadioButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shared/flow_layout.h"
#include "ui/shared/prompt/facts_view.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr std::array kScopes = {client::Scope::kOnce, client::Scope::kRun, client::Scope::kProject,
                                client::Scope::kAlways};

using namespace std::chrono_literals;
constexpr std::chrono::seconds kDurations[] = {0s, 10min, 1h, 8h, 24h, 24h * 7};

}  // namespace

ScopePicker::ScopePicker(QWidget* parent)
    : QWidget(parent),
      group_(new QButtonGroup(this)),
      durations_(new QComboBox),
      why_(plainLabel()),
      rule_(new QPlainTextEdit),
      sure_(new QCheckBox(tr("Yes: in every run of mine, until I revoke it"))) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  auto* row = new FlowLayout;
  column->addLayout(row);
  row->addWidget(new QLabel(tr("Allow for:")));
  for (std::size_t i = 0; i < kScopes.size(); ++i) {
    buttons_[i] = new QRadioButton(scopeWords(kScopes[i]));
    buttons_[i]->setObjectName(QStringLiteral("scope%1").arg(i));
    group_->addButton(buttons_[i], static_cast<int>(i));
    row->addWidget(buttons_[i]);
  }
  const QString names[] = {tr("with no earlier end"), tr("for 10 minutes"), tr("for 1 hour"),
                           tr("for 8 hours"),         tr("for 1 day"),      tr("for 7 days")};
  for (std::size_t i = 0; i < std::size(kDurations); ++i)
    durations_->addItem(names[i], static_cast<qlonglong>(kDurations[i].count()));
  durations_->setAccessibleName(tr("When it ends"));
  durations_->setObjectName("duration");
  row->addWidget(durations_);
  rule_->setReadOnly(true);
  rule_->setTabChangesFocus(true);
  rule_->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  rule_->setAccessibleName(tr("The rule that this writes"));
  rule_->setObjectName("literalRule");
  rule_->setMaximumHeight(fontMetrics().lineSpacing() * 7);
  sure_->setObjectName("sure");
  for (QWidget* widget : std::initializer_list<QWidget*>{why_, rule_, sure_}) column->addWidget(widget);
  connect(group_, &QButtonGroup::idToggled, this, [this](int, bool isOn) {
    if (isOn) showRule();
  });
  connect(durations_, &QComboBox::currentIndexChanged, this, &ScopePicker::showRule);
  connect(sure_, &QCheckBox::toggled, this, &ScopePicker::changed);
  begin({}, Offer::kOnceAlone);
}

void ScopePicker::begin(const client::PendingItem& item, Offer offer) {
  item_ = item;
  buttons_[0]->setChecked(true);
  durations_->setCurrentIndex(0);
  for (std::size_t i = 1; i < kScopes.size(); ++i)
    buttons_[i]->setVisible(offer == Offer::kAll && !literalRule(item, kScopes[i]).isEmpty());
  const bool tells = offer == Offer::kAll && !item.onlyOnce.empty();
  setPlainText(why_, tells ? tr("Only once: %1.").arg(visibleText(item.onlyOnce)) : QString());
  why_->setVisible(tells);
  showRule();
}

client::Scope ScopePicker::scope() const { return kScopes[static_cast<std::size_t>(std::max(0, group_->checkedId()))]; }

std::chrono::seconds ScopePicker::duration() const {
  return std::chrono::seconds(scope() == client::Scope::kOnce ? 0 : durations_->currentData().toLongLong());
}

QString ScopePicker::words() const {
  const QString words = scopeWords(scope());
  return duration().count() == 0 ? words : tr("%1, %2", "scope, duration").arg(words, durations_->currentText());
}

bool ScopePicker::isSure() const { return scope() != client::Scope::kAlways || sure_->isChecked(); }

void ScopePicker::showRule() {
  const QString rule = literalRule(item_, scope());
  rule_->setPlainText(rule);
  rule_->setVisible(!rule.isEmpty());
  durations_->setVisible(scope() != client::Scope::kOnce);
  sure_->setText(duration().count() == 0 ? tr("Yes: in every run of mine, until I revoke it")
                                         : tr("Yes: in every run of mine, %1").arg(durations_->currentText()));
  sure_->setChecked(false);
  sure_->setVisible(scope() == client::Scope::kAlways);
  emit changed();
}

}  // namespace ringfence::ui
