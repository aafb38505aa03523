#include "ui/shared/prompt/phrase.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>
#include <cerrno>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(Phrase)
};

constexpr qsizetype kLeast = 4, kMost = 64;  // characters
constexpr Bytes kMostBytes{1024};

}  // namespace

QString phrasePath() {
  return QStandardPaths::writableLocation(QStandardPaths::GenericConfigLocation) + QStringLiteral("/ringfence/phrase");
}

QString whyNoPhrase(const QString& text) {
  const QString plain = text.trimmed();
  if (plain.size() < kLeast) return Words::tr("Choose at least %n characters.", nullptr, static_cast<int>(kLeast));
  if (plain.size() > kMost) return Words::tr("Choose at most %n characters.", nullptr, static_cast<int>(kMost));
  if (needsEscaping(plain.toStdString())) return Words::tr("Choose letters, digits and signs that can be seen.");
  return {};
}

Phrase readPhrase(const QString& path) {
  const std::string name = path.toStdString();
  const UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    if (errno == ENOENT) return {};
    return {{}, Words::tr("Your phrase cannot be read: %1 (%2)").arg(path, qt_error_string(errno))};
  }
  struct stat about {};
  if (::fstat(file.get(), &about) < 0 || !S_ISREG(about.st_mode) || about.st_uid != ::geteuid() ||
      (about.st_mode & 077) != 0) {
    return {{},
            Words::tr("Your phrase does not count: others may read or change %1. Choose a new one in the settings.")
                .arg(path)};
  }
  const auto text = readAll(file.get(), kMostBytes, name);
  const QString phrase = text ? QString::fromStdString(*text).trimmed() : QString();
  if (!text || !whyNoPhrase(phrase).isEmpty())
    return {{}, Words::tr("What is in %1 is no phrase. Choose a new one in the settings.").arg(path)};
  return {phrase, {}};
}

QString writePhrase(const QString& text, const QString& path) {
  const std::string name = path.toStdString();
  const auto failed = [&] {
    return Words::tr("Your phrase cannot be kept: %1 (%2)").arg(path, qt_error_string(errno));
  };
  if (text.trimmed().isEmpty()) return ::unlink(name.c_str()) < 0 && errno != ENOENT ? failed() : QString();
  if (const QString why = whyNoPhrase(text); !why.isEmpty()) return why;
  const QString folder = QFileInfo(path).path();
  if (!QDir().mkpath(QFileInfo(folder).path())) return failed();
  if (::mkdir(folder.toStdString().c_str(), 0700) < 0 && errno != EEXIST) return failed();
  const std::string fresh = name + ".new";
  (void)::unlink(fresh.c_str());  // Of a try that was cut off.
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed();
  const auto written = writeAll(file.get(), text.trimmed().toStdString() + "\n", fresh);
  if (!written || ::rename(fresh.c_str(), name.c_str()) < 0) return failed();
  return {};
}

}  // namespace ringfence::ui
