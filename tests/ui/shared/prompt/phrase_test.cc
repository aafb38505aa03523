#include "ui/shared/prompt/phrase.h"

#include <sys/stat.h>

#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <catch2/catch_test_macros.hpp>

#include "ui/shared/prompt/phrase_settings.h"

namespace ringfence::ui {
namespace {

mode_t modeOf(const QString& path) {
  struct stat about {};
  REQUIRE(::stat(path.toStdString().c_str(), &about) == 0);
  return about.st_mode & 07777;
}

TEST_CASE("a phrase is kept for the person alone, and read back") {
  const QTemporaryDir home;
  const QString path = home.filePath("config/ringfence/phrase");
  CHECK(readPhrase(path).text.isEmpty());
  CHECK(readPhrase(path).trouble.isEmpty());
  CHECK(writePhrase("  blue heron, Tuesday ", path).isEmpty());
  CHECK(readPhrase(path).text == "blue heron, Tuesday");
  CHECK(modeOf(path) == 0600);
  CHECK(modeOf(home.filePath("config/ringfence")) == 0700);
  CHECK(writePhrase("蓝色的苍鹭", path).isEmpty());
  CHECK(readPhrase(path).text == "蓝色的苍鹭");
  CHECK(writePhrase("", path).isEmpty());
  CHECK_FALSE(QFile::exists(path));
  CHECK(writePhrase("", path).isEmpty());
}

TEST_CASE("a phrase that others may read, that is a link or no phrase does not count, and it is said") {
  const QTemporaryDir home;
  const QString path = home.filePath("phrase");
  REQUIRE(writePhrase("blue heron", path).isEmpty());
  REQUIRE(QFile::setPermissions(path, QFile::ReadOwner | QFile::WriteOwner | QFile::ReadOther));
  CHECK(readPhrase(path).text.isEmpty());
  CHECK_FALSE(readPhrase(path).trouble.isEmpty());
  REQUIRE(QFile::setPermissions(path, QFile::ReadOwner | QFile::WriteOwner));
  CHECK(readPhrase(path).text == "blue heron");
  const QString link = home.filePath("link");
  REQUIRE(QFile::link(path, link));
  CHECK(readPhrase(link).text.isEmpty());
  CHECK_FALSE(readPhrase(link).trouble.isEmpty());
  QFile file(path);
  REQUIRE(file.open(QFile::WriteOnly | QFile::Truncate));
  file.write("a\x1b[31mb\n");
  file.close();
  CHECK(readPhrase(path).text.isEmpty());
  CHECK_FALSE(readPhrase(path).trouble.isEmpty());
}

TEST_CASE("what is too short, too long or cannot be seen is no phrase") {
  for (const char* text : {"", "abc", "    ", "a\nbc\nd",
                           "ab\xe2\x80\x8b\xe2\x80\xae"
                           "cd"})
    CHECK_FALSE(whyNoPhrase(text).isEmpty());
  CHECK_FALSE(whyNoPhrase(QString(65, 'x')).isEmpty());
  CHECK(whyNoPhrase("blue heron").isEmpty());
}

TEST_CASE("the settings keep what was typed, and take it away again") {
  PhraseSettings settings;
  QSignalSpy chosen(&settings, &PhraseSettings::chosen);
  auto* keep = settings.findChild<QPushButton*>("phraseKeep");
  settings.findChild<QLineEdit*>("phraseLine")->setText("abc");
  CHECK_FALSE(keep->isEnabled());
  settings.findChild<QLineEdit*>("phraseLine")->setText("blue heron");
  REQUIRE(keep->isEnabled());
  keep->click();
  REQUIRE(chosen.count() == 1);
  CHECK(chosen.at(0).at(0).toString() == "blue heron");
  CHECK(readPhrase().text == "blue heron");
  settings.findChild<QPushButton*>("phraseRemove")->click();
  CHECK(readPhrase().text.isEmpty());
}

}  // namespace
}  // namespace ringfence::ui
