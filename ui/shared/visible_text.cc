#include "ui/shared/visible_text.h"

#include <QCoreApplication>
#include <algorithm>

#include "sdk/base/text.h"
#include "ui/top/display_width.h"

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(Words)
};

// Characters that need no quotes in a shell.
bool isPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./:=,+@%").find(c) != std::string_view::npos;
}

std::string quoted(std::string_view argument) {
  if (!argument.empty() && std::ranges::all_of(argument, isPlain)) return std::string(argument);
  std::string whole = "'";
  for (const char c : argument) {
    if (c == '\'')
      whole += "'\\''";
    else
      whole += c;
  }
  return whole + "'";
}

// Of UTF-8: not the first byte of a character.
bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

constexpr std::size_t kMostCharacterBytes = 4;  // of UTF-8
constexpr int kLongestWord = 24;                // letters
constexpr QChar kBreakHere(0x200b);
constexpr qsizetype kMostOfToolTip = 2'000;  // characters

}  // namespace

QString visibleText(std::string_view untrusted) { return QString::fromStdString(top::shownText(untrusted)); }

// Only as much is escaped as can be shown: a name of a megabyte costs what a short one does, however often it is drawn.
QString visibleText(std::string_view untrusted, int most) {
  std::size_t looked = std::min(untrusted.size(), static_cast<std::size_t>(most) * kMostCharacterBytes);
  while (looked > 0 && looked < untrusted.size() && isContinuation(untrusted[looked])) --looked;
  const QString begin = visibleText(untrusted.substr(0, looked));
  const std::string_view rest = untrusted.substr(looked);
  const auto more = std::max<qsizetype>(0, begin.size() - most) +
                    std::ranges::count_if(rest, [](char c) { return !isContinuation(c); });
  if (more == 0) return begin;
  return Words::tr("%1… (%n more characters)", nullptr, static_cast<int>(more)).arg(begin.left(most));
}

QString visibleCommand(const std::vector<std::string>& argv) {
  QStringList shown;
  for (const std::string& argument : argv) shown += visibleText(quoted(argument));
  return shown.join(' ');
}

QString visibleCommand(const std::vector<std::string>& argv, int most) {
  const std::size_t mostBytes = static_cast<std::size_t>(most) * kMostCharacterBytes;
  QString shown;
  for (const std::string& argument : argv) {
    if (shown.size() > most) break;
    if (!shown.isEmpty()) shown += u' ';
    shown += visibleText(quoted(std::string_view(argument).substr(0, mostBytes)));
  }
  return shown.size() <= most ? shown : shown.left(most) + u'…';
}

QString breakable(const QString& text) {
  QString broken;
  int word = 0;
  for (const QChar character : text) {
    const bool joins = character.isLowSurrogate() || character.isMark();
    if (word >= kLongestWord && !joins) {
      broken += kBreakHere;
      word = 0;
    }
    broken += character;
    word = character.isSpace() ? 0 : word + 1;
  }
  return broken;
}

QString toolTipOf(const QString& text) {
  if (text.isEmpty()) return {};
  return QStringLiteral("<span>%1</span>")
      .arg(text.left(kMostOfToolTip).toHtmlEscaped().replace(u'\n', QStringLiteral("<br>")));
}

QString troubleOf(const client::Failure& failure) {
  if (failure.refusal) return visibleText(failure.refusal->message);
  return Words::tr(
             "Ringfence's daemon cannot be reached: %1. Agents stay inside their walls; what they do is not known here "
             "until it is back.")
      .arg(visibleText(failure.error.message));
}

QString silenceText() {
  return Words::tr(
      "Ringfence's daemon does not answer. Agents stay inside their walls; what they do is not known here until it "
      "does. The emergency stop does not need it.");
}

}  // namespace ringfence::ui
