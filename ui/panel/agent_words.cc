#include "ui/panel/agent_words.h"

#include <QCoreApplication>
#include <QLocale>
#include <cmath>

#include "ui/shared/fact_time.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kMostText = 300;  // of each text that somebody else made

struct Words {
  Q_DECLARE_TR_FUNCTIONS(AgentWords)
};

QString between() { return Words::tr(", ", "between names"); }

QString secondsWord(const std::optional<double>& seconds) {
  if (!seconds || !std::isfinite(*seconds)) return Words::tr("unknown");
  return Words::tr("%1 s", "seconds").arg(QLocale().toString(*seconds, 'f', *seconds < 1 ? 2 : 1));
}

QString priceLine(const QString& what, const client::Price& price) {
  QString line = Words::tr("%1: %2 of delay").arg(what, secondsWord(price.seconds));
  if (price.tokens && *price.tokens > 0)
    line = Words::tr("%1, %2 tokens to buy again").arg(line, QLocale().toString(std::round(*price.tokens), 'f', 0));
  if (price.workCpuSeconds && *price.workCpuSeconds > 0)
    line = Words::tr("%1, %2 of work lost").arg(line, secondsWord(price.workCpuSeconds));
  if (price.forbidden) line = Words::tr("%1; it must not be done now").arg(line);
  if (!price.why.empty()) line = Words::tr("%1 (%2)").arg(line, visibleText(price.why, kMostText));
  if (!price.cheaperAfter.empty()) line = Words::tr("%1; cheaper after %2").arg(line, localTime(price.cheaperAfter));
  return line;
}

QString activityWords(const std::string& activity) {
  if (activity == "waiting-for-person") return Words::tr("It waits for a person.");
  if (activity == "waiting-for-model") return Words::tr("It waits for a model, or for another server.");
  if (activity == "streaming") return Words::tr("An answer of a model, or of another server, is coming in.");
  if (activity == "tool-running") return Words::tr("It works: a tool runs, or it computes.");
  return {};
}

}  // namespace

QString wallsWords(const client::RunDetails& run) {
  QStringList parts, down;
  for (const client::WallReading& wall : run.walls) {
    if (!wall.up) down += visibleText(wall.wall, kMostText);
  }
  if (run.walls.empty())
    parts += Words::tr("How its walls are is not known.");
  else if (down.isEmpty())
    parts += Words::tr("All %n walls are up.", nullptr, static_cast<int>(run.walls.size()));
  else
    parts += Words::tr("Walls that are NOT up: %1.").arg(down.join(between()));
  QStringList weak;
  for (const client::Weakening& one : run.weakened)
    weak += Words::tr("%1 (%2)").arg(visibleText(one.wall, kMostText), visibleText(one.reason, kMostText));
  if (!weak.isEmpty()) parts += Words::tr("Weakened: %1.").arg(weak.join(between()));
  return parts.join(u' ');
}

QString endWords(const client::RunDetails& run) {
  if (run.state != "ended") return visibleText(run.state, kMostText);
  if (!run.exit) return Words::tr("Ended; how is not known");
  if (run.exit->outOfMemory) return Words::tr("Ended because it was out of memory");
  if (run.exit->signal) return Words::tr("Ended by signal %1").arg(*run.exit->signal);
  if (run.exit->code) return Words::tr("Ended with status %1").arg(*run.exit->code);
  return Words::tr("Ended; how is not known");
}

QString priceWords(const client::PriceAnswer& price) {
  QStringList lines;
  const auto seconds = std::chrono::duration<double>(price.hold).count();
  lines += priceLine(Words::tr("Paused for %1").arg(secondsWord(seconds)), price.freeze);
  lines += priceLine(Words::tr("Paused, its memory taken back"), price.freezeAndReclaim);
  lines += priceLine(Words::tr("Ended"), price.kill);
  lines += price.safePoint.empty() ? Words::tr("No safe point is known: what an end loses is counted from its start.")
                                   : Words::tr("Its last safe point: %1").arg(localTime(price.safePoint));
  if (const QString activity = activityWords(price.activity); !activity.isEmpty()) lines += activity;
  return lines.join(u'\n');
}

}  // namespace ringfence::ui
