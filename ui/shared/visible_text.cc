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

}  // namespace

QString visibleText(std::string_view untrusted) { return QString::fromStdString(top::shownText(untrusted)); }

QString visibleText(std::string_view untrusted, int most) {
  const QString whole = visibleText(untrusted);
  if (whole.size() <= most) return whole;
  return Words::tr("%1… (%n more characters)", nullptr, static_cast<int>(whole.size() - most)).arg(whole.left(most));
}

QString visibleCommand(const std::vector<std::string>& argv) {
  QStringList shown;
  for (const std::string& argument : argv) {
    const bool plain = !argument.empty() && std::ranges::all_of(argument, isPlain);
    std::string quoted = "'";
    for (const char c : argument) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    shown += visibleText(plain ? argument : quoted + "'");
  }
  return shown.join(' ');
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
