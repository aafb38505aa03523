#include "ui/shared/prompt/scope_picker.h"

#include <QButtonGroup>
#include <QCheckBox>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QRadioButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shared/prompt/facts_view.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr std::array kScopes = {client::Scope::kOnce, client::Scope::kRun, client::Scope::kProject,
                                client::Scope::kAlways};

}  // namespace

ScopePicker::ScopePicker(QWidget* parent)
    : QWidget(parent),
      group_(new QButtonGroup(this)),
      why_(plainLabel()),
      rule_(new QPlainTextEdit),
      sure_(new QCheckBox(tr("Yes: in every run of mine, until I revoke it"))) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  auto* row = new QHBoxLayout;
  column->addLayout(row);
  auto* title = new QLabel(tr("Allow for:"));
  row->addWidget(title);
  for (std::size_t i = 0; i < kScopes.size(); ++i) {
    buttons_[i] = new QRadioButton(scopeWords(kScopes[i]));
    buttons_[i]->setObjectName(QStringLiteral("scope%1").arg(i));
    group_->addButton(buttons_[i], static_cast<int>(i));
    row->addWidget(buttons_[i]);
  }
  row->addStretch(1);
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
  connect(sure_, &QCheckBox::toggled, this, &ScopePicker::changed);
  begin({}, Offer::kOnceAlone);
}

void ScopePicker::begin(const client::PendingItem& item, Offer offer) {
  item_ = item;
  buttons_[0]->setChecked(true);
  for (std::size_t i = 1; i < kScopes.size(); ++i)
    buttons_[i]->setVisible(offer == Offer::kAll && !literalRule(item, kScopes[i]).isEmpty());
  const bool tells = offer == Offer::kAll && !item.onlyOnce.empty();
  setPlainText(why_, tells ? tr("Only once: %1.").arg(visibleText(item.onlyOnce)) : QString());
  why_->setVisible(tells);
  showRule();
}

client::Scope ScopePicker::scope() const { return kScopes[static_cast<std::size_t>(std::max(0, group_->checkedId()))]; }

bool ScopePicker::isSure() const { return scope() != client::Scope::kAlways || sure_->isChecked(); }

void ScopePicker::showRule() {
  const QString rule = literalRule(item_, scope());
  rule_->setPlainText(rule);
  rule_->setVisible(!rule.isEmpty());
  sure_->setChecked(false);
  sure_->setVisible(scope() == client::Scope::kAlways);
  emit changed();
}

}  // namespace ringfence::ui
