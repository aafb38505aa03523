#include "ui/panel/settings_page.h"

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QFile>
#include <QFormLayout>
#include <QGroupBox>
#include <QHeaderView>
#include <QPointer>
#include <QScrollArea>
#include <QSettings>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <thread>

#include "ui/panel/admin_values.h"
#include "ui/panel/plain_label.h"
#include "ui/shared/appearance.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/notice_choice.h"
#include "ui/shared/prompt/phrase_settings.h"

namespace ringfence::ui {
namespace {

constexpr qint64 kMostBytes = 256 * 1024;  // of the administrator's file

}  // namespace

SettingsPage::SettingsPage(Appearance& appearance, QWidget* parent)
    : Page(parent),
      appearance_(appearance),
      language_(new QComboBox),
      theme_(new QComboBox),
      zoom_(new QComboBox),
      keys_(plainLabel()),
      origin_(plainLabel()),
      admin_(new QTreeWidget) {
  build();
  showAppearance();
  connect(&appearance_, &Appearance::changed, this, &SettingsPage::showAppearance);
  connect(language_, &QComboBox::activated, this,
          [this] { QSettings().setValue("language", language_->currentData().toString()); });
  connect(theme_, &QComboBox::activated, this,
          [this] { appearance_.setTheme(static_cast<Theme>(theme_->currentData().toInt())); });
  connect(zoom_, &QComboBox::activated, this, [this] { appearance_.setZoom(zoom_->currentData().toInt()); });
}

QIcon SettingsPage::icon() const { return glyphIcon(Glyph::kSettings); }

void SettingsPage::build() {
  language_->setAccessibleName(tr("Language"));
  language_->addItem(tr("As the desktop"), QString());
  language_->addItem("English", "en");
  language_->addItem(QString::fromUtf8("简体中文"), "zh_CN");
  language_->setCurrentIndex(std::max(0, language_->findData(QSettings().value("language").toString())));
  theme_->setAccessibleName(tr("Theme"));
  theme_->addItem(tr("As the desktop"), static_cast<int>(Theme::kSystem));
  theme_->addItem(tr("Light"), static_cast<int>(Theme::kLight));
  theme_->addItem(tr("Dark"), static_cast<int>(Theme::kDark));
  zoom_->setAccessibleName(tr("Zoom"));
  for (int percent = Appearance::kLeastZoom; percent <= Appearance::kMostZoom; percent += 10)
    zoom_->addItem(tr("%1 %", "percent").arg(percent), percent);
  keys_->setAccessibleName(tr("Keys of the emergency stop"));
  admin_->setAccessibleName(tr("Set by the administrator"));
  admin_->setHeaderLabels({tr("Setting"), tr("Value"), tr("Where it stands")});
  admin_->setRootIsDecorated(false);
  auto* form = new QFormLayout;
  form->setRowWrapPolicy(QFormLayout::WrapLongRows);
  form->addRow(tr("Language"), language_);
  form->addRow(
      QString(),
      plainLabel(tr("Another language is used when the panel, and the helper in the tray, are started again.")));
  form->addRow(tr("Theme"), theme_);
  form->addRow(tr("Zoom"), zoom_);
  form->addRow(QString(), plainLabel(tr("Also with Ctrl and +, - or 0.")));
  form->addRow(tr("Emergency stop"), keys_);
  auto* inside = new QWidget;
  auto* column = new QVBoxLayout(inside);
  column->addLayout(form);
  column->addWidget(buildPhrase());
  column->addWidget(buildNotices());
  column->addWidget(origin_);
  column->addWidget(admin_, 1);
  column->addStretch(0);
  admin_->hide();
  auto* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setAccessibleName(title());
  scroll->setWidget(inside);
  auto* page = new QVBoxLayout(this);
  page->setContentsMargins(0, 0, 0, 0);
  page->addWidget(scroll);
}

QWidget* SettingsPage::buildPhrase() {
  auto* box = new QGroupBox(tr("Your phrase in prompts"));
  auto* phrase = new PhraseSettings;
  (new QVBoxLayout(box))->addWidget(phrase);
  connect(phrase, &PhraseSettings::chosen, this, &SettingsPage::phraseChosen);
  return box;
}

QWidget* SettingsPage::buildNotices() {
  auto* box = new QGroupBox(tr("Notifications of the desktop"));
  auto* column = new QVBoxLayout(box);
  const auto nameOf = [](NoticeKind kind) {
    switch (kind) {
      case NoticeKind::kQuestion: return tr("When an agent waits for your answer");
      case NoticeKind::kStop: return tr("When everything was stopped");
      case NoticeKind::kFailure: break;
    }
    return tr("When an order of yours failed");
  };
  for (const NoticeKind kind : kNoticeKinds) {
    auto* wanted = new QCheckBox(nameOf(kind));
    wanted->setChecked(wantedOf(kind) == Wanted::kYes);
    connect(wanted, &QCheckBox::toggled, this,
            [kind](bool isOn) { setWanted(kind, isOn ? Wanted::kYes : Wanted::kNo); });
    column->addWidget(wanted);
  }
  column->addWidget(plainLabel(
      tr("The helper in the tray shows notifications: while it does not run there are none. Questions wait in the "
         "inbox, and in the window that asks, all the same.")));
  return box;
}

void SettingsPage::showAppearance() {
  theme_->setCurrentIndex(theme_->findData(static_cast<int>(appearance_.theme())));
  zoom_->setCurrentIndex(zoom_->findData(appearance_.zoom()));
}

void SettingsPage::setSeen(bool seen) {
  if (seen) readAdminFile();
}

// In a thread of its own: no page waits for a disk.
void SettingsPage::readAdminFile() {
  std::thread([page = QPointer<SettingsPage>(this), application = QPointer<QObject>(qApp)] {
    QFile file(kAdminFile);
    const bool isThere = file.open(QIODevice::ReadOnly);
    const QByteArray toml = isThere ? file.read(kMostBytes) : QByteArray();
    if (!application) return;
    QMetaObject::invokeMethod(
        application.data(),
        [page, toml, isThere] {
          if (page) page->showAdminFile(toml, isThere);
        },
        Qt::QueuedConnection);
  }).detach();
}

void SettingsPage::showAdminFile(const QByteArray& toml, bool isThere) {
  const auto values = adminValuesOf(toml);
  const auto keys = std::ranges::find(values, QString("stop_keys"), &AdminValue::key);
  keys_->setText(keys == values.end() ? tr("Hold Ctrl+Alt+End for half a second, or press Pause three times within two "
                                           "seconds; also without any window.")
                                      : tr("As the administrator set it: %1").arg(keys->value));
  origin_->setText(!isThere
                       ? tr("The administrator's file %1 cannot be read, or there is none: what the daemon does by "
                            "itself counts.")
                             .arg(kAdminFile)
                       : tr("Set by the administrator, to be read only:"));
  admin_->clear();
  for (const AdminValue& value : values)
    new QTreeWidgetItem(admin_, {value.key, value.value, tr("%1:%2", "file:line").arg(kAdminFile).arg(value.line)});
  admin_->setVisible(!values.empty());
  for (int column = 0; column < 2; ++column) admin_->resizeColumnToContents(column);
}

}  // namespace ringfence::ui
