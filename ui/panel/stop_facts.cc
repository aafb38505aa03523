#include "ui/panel/stop_facts.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLocale>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(StopFacts)
};

std::optional<std::uint64_t> numberIn(const QJsonObject& object, const char* name) {
  const QJsonValue value = object.value(QLatin1String(name));
  if (!value.isDouble() || value.toDouble() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value.toDouble());
}

QString textIn(const QJsonObject& object, const char* name) {
  return visibleText(object.value(QLatin1String(name)).toString().toStdString());
}

QString timeOf(const QString& rfc3339) {
  const QDateTime at = QDateTime::fromString(rfc3339, Qt::ISODateWithMs).toLocalTime();
  return at.isValid() ? QLocale().toString(at, QLocale::ShortFormat) : rfc3339;
}

QString countWords(const StopFacts& facts) {
  if (!facts.runs || !facts.processes) return Words::tr("How much was stopped is not known.");
  const QString runs = Words::tr("%n agent(s)", nullptr, static_cast<int>(*facts.runs));
  const QString processes = Words::tr("%n process(es)", nullptr, static_cast<int>(*facts.processes));
  if (facts.killed) return Words::tr("%1 with %2 were killed.").arg(runs, processes);
  if (facts.killedRuns == 0) return Words::tr("%1 with %2 stand still.").arg(runs, processes);
  return Words::tr("Of %1 with %2, %3 were killed, as whoever owns them asked; the others stand still.")
      .arg(runs, processes, QLocale().toString(static_cast<qulonglong>(facts.killedRuns)));
}

}  // namespace

std::optional<StopFacts> stopFactsOf(const QByteArray& json) {
  const QJsonObject object = QJsonDocument::fromJson(json).object();
  if (!object.value("latched").isBool()) return std::nullopt;
  StopFacts facts;
  facts.latched = object.value("latched").toBool();
  facts.killed = object.value("killed").toBool();
  facts.verified = object.value("verified").toBool();
  facts.runs = numberIn(object, "runs");
  facts.processes = numberIn(object, "processes");
  facts.finishing = numberIn(object, "finishing");
  facts.killedRuns = numberIn(object, "killed_runs").value_or(0);
  facts.tookUsec = numberIn(object, "took_usec");
  facts.trigger = textIn(object, "trigger");
  facts.at = textIn(object, "at");
  facts.problem = textIn(object, "freeze_problem");
  if (facts.problem.isEmpty()) facts.problem = textIn(object, "latch_problem");
  return facts;
}

QString stopWords(const StopFacts& facts) {
  QStringList sentences{countWords(facts)};
  if (facts.tookUsec) {
    const QString took = QLocale().toString(static_cast<double>(*facts.tookUsec) / 1000, 'f', 1);
    sentences += Words::tr("It took %1 ms.").arg(took);
  }
  if (facts.verified)
    sentences += Words::tr("The kernel was asked afterwards: nobody in any fence runs.");
  else if (facts.finishing.value_or(0) > 0)
    sentences += Words::tr("Not verified: %n process(es) were still inside a call that had begun before.", nullptr,
                           static_cast<int>(*facts.finishing));
  else
    sentences += Words::tr("Not verified: not all was seen to stand still.");
  if (!facts.problem.isEmpty()) sentences += Words::tr("Not everything was taken: %1.").arg(facts.problem);
  if (!facts.trigger.isEmpty()) sentences += Words::tr("Trigger: %1, %2.").arg(facts.trigger, timeOf(facts.at));
  return sentences.join(' ');
}

}  // namespace ringfence::ui
