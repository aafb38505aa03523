// What a person sets: it is kept where whoever obeys it looks.
#include "ui/panel/settings_page.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>

#include <catch2/catch_test_macros.hpp>

#include "ui/shared/appearance.h"
#include "ui/shared/notice_choice.h"
#include "ui/shared/prompt/phrase.h"

using namespace ringfence::ui;

namespace {

bool says(const QWidget& page, const QString& words) {
  for (const auto* label : page.findChildren<QLabel*>()) {
    if (label->text().contains(words)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the phrase of prompts is chosen in the settings, and prompts that are open get it") {
  Appearance appearance;
  SettingsPage page(appearance);
  QSignalSpy chosen(&page, &SettingsPage::phraseChosen);
  page.findChild<QLineEdit*>("phraseLine")->setText("blue heron at noon");
  page.findChild<QPushButton*>("phraseKeep")->click();
  CHECK(readPhrase().text == "blue heron at noon");
  REQUIRE(chosen.count() == 1);
  CHECK(chosen.at(0).at(0).toString() == "blue heron at noon");
  page.findChild<QPushButton*>("phraseRemove")->click();
  CHECK(readPhrase().text.isEmpty());
}

TEST_CASE("each kind of notification is turned off and on by itself, and all are on at first") {
  Appearance appearance;
  for (const NoticeKind kind : kNoticeKinds) CHECK(wantedOf(kind) == Wanted::kYes);
  {
    SettingsPage page(appearance);
    const auto boxes = page.findChildren<QCheckBox*>();
    REQUIRE(boxes.size() == 3);
    boxes[0]->click();
    CHECK(wantedOf(NoticeKind::kQuestion) == Wanted::kNo);
    CHECK(wantedOf(NoticeKind::kStop) == Wanted::kYes);
    CHECK(wantedOf(NoticeKind::kFailure) == Wanted::kYes);
  }
  SettingsPage again(appearance);
  const auto boxes = again.findChildren<QCheckBox*>();
  CHECK_FALSE(boxes[0]->isChecked());
  boxes[0]->click();
  CHECK(wantedOf(NoticeKind::kQuestion) == Wanted::kYes);
}

TEST_CASE("another language is kept, and it is said when it counts") {
  Appearance appearance;
  SettingsPage page(appearance);
  auto* languages = page.findChild<QComboBox*>();
  REQUIRE(languages->accessibleName() == "Language");
  languages->setCurrentIndex(languages->findData("zh_CN"));
  emit languages->activated(languages->currentIndex());
  CHECK(QSettings().value("language").toString() == "zh_CN");
  CHECK(says(page, "when the panel, and the helper in the tray, are started again"));
  QSettings().remove("language");
}
