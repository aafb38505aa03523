#include "ui/shared/fact_sentences.h"

#include <QLocale>
#include <algorithm>
#include <climits>

// What facts about runs and about the daemon itself say; and the words that all sentences share.
namespace ringfence::ui {
namespace {

QString daemonStarted(const FactBody& body, const QString&) {
  return Facts::tr("Ringfence %1 started, on kernel %2.").arg(body.text("version"), body.text("kernel"));
}

QString daemonStopping(const FactBody& body, const QString&) {
  return Facts::tr("Ringfence's daemon ends: %1. Agents go on inside their walls.").arg(body.text("reason"));
}

QString runAdmitted(const FactBody& body, const QString&) {
  const QString told =
      Facts::tr("%1 starts in %2 with the policy %3: %4")
          .arg(body.text("name"), body.text("workspace"), body.text("policy_name"), body.command("command"));
  QStringList weak;
  for (const FactBody& wall : body.parts("weakened")) weak += wall.text("wall");
  if (weak.isEmpty()) return told;
  return Facts::tr("%1 (weakened: %2)").arg(told, weak.join(QStringLiteral(", ")));
}

QString runBuilt(const FactBody& body, const QString&) {
  QStringList missing;
  const auto walls = body.parts("posture");
  for (const FactBody& wall : walls) {
    if (!wall.isTrue("up")) missing += wall.text("wall");
  }
  if (walls.empty()) return Facts::tr("Its fence was built; how the walls are is not told.");
  if (!missing.isEmpty())
    return Facts::tr("Its fence was built without these walls: %1.").arg(missing.join(QStringLiteral(", ")));
  return Facts::tr("All %n walls of its fence are up.", nullptr, countWord(walls.size()));
}

QString runStarted(const FactBody& body, const QString&) {
  return Facts::tr("Its command runs, as process %1.").arg(numberWord(body.number("pid")));
}

QString runRefused(const FactBody& body, const QString&) {
  return Facts::tr("It was not started: %1 (%2).").arg(body.text("message"), body.text("token"));
}

QString runFrozen(const FactBody& body, const QString&) {
  const QString reason = body.text("reason");
  if (body.has("preemption")) {
    const FactBody predicted = body.part("preemption").part("predicted");
    if (predicted.isEmpty()) return Facts::tr("The governor paused it: %1.").arg(reason);
    return Facts::tr("The governor paused it: %1. This was thought to cost it %2.")
        .arg(reason, timeWord(predicted.number("delay_usec")));
  }
  if (body.text("itself") == "emergency-stop") return Facts::tr("The emergency stop froze it: %1.").arg(reason);
  if (body.has("itself")) return Facts::tr("It is held: %1.").arg(reason);
  return Facts::tr("%1 paused it: %2.").arg(userWord(body.number("by_uid")), reason);
}

QString runPausing(const FactBody& body, const QString&) {
  const auto grace = body.number("grace_ms");
  return Facts::tr("%1 pauses it, at a moment of its agent's own, within %2 at the latest: %3.")
      .arg(userWord(body.number("by_uid")), timeWord(grace ? std::optional(*grace * 1000) : std::nullopt),
           body.text("reason"));
}

QString runResumed(const FactBody& body, const QString&) {
  if (body.has("reason")) return Facts::tr("The governor let it go on: %1.").arg(body.text("reason"));
  return Facts::tr("%1 let it go on.").arg(userWord(body.number("by_uid")));
}

QString runStopping(const FactBody& body, const QString&) {
  const QString reason = body.text("reason");
  if (body.isTrue("kill")) return Facts::tr("It is being killed: %1.").arg(reason);
  return Facts::tr("It is asked to end: %1.").arg(reason);
}

QString endingOf(const FactBody& body) {
  const FactBody exit = body.part("exit");
  if (body.isTrue("out_of_memory")) return Facts::tr("It ended because it was out of memory.");
  if (const auto signal = exit.number("signal")) return Facts::tr("It was ended by signal %1.").arg(numberWord(signal));
  if (const auto code = exit.number("code")) return Facts::tr("It ended with status %1.").arg(numberWord(code));
  return Facts::tr("It ended; how is not known.");
}

QString runEnded(const FactBody& body, const QString&) {
  const QString ending = endingOf(body);
  QStringList obeyed;
  for (const FactBody& file : body.part("later").parts("files"))
    obeyed += Facts::tr("%1 (obeyed by %2)").arg(file.text("path"), file.text("obeyed_by"));
  const QString note = body.text("note");
  if (!obeyed.isEmpty())
    return Facts::tr("%1 It changed what runs or is obeyed later, outside: %2.")
        .arg(ending, obeyed.join(QStringLiteral(", ")));
  return note.isEmpty() ? ending : Facts::tr("%1 %2.").arg(ending, note);
}

QString differenceFound(const FactBody& body, const QString&) {
  return Facts::tr("After a restart something was not as the log says: %1. What was done: %2.")
      .arg(body.text("what"), body.text("action"));
}

QString runAdopted(const FactBody& body, const QString&) {
  return Facts::tr("It was found again after a restart, as process %1.").arg(numberWord(body.number("pid")));
}

QString launcherLost(const FactBody& body, const QString&) {
  return Facts::tr("The program that keeps runs is gone: %1. Another one takes its place.").arg(body.text("reason"));
}

QString launcherReady(const FactBody& body, const QString&) {
  return Facts::tr("The program that keeps runs is there, as process %1.").arg(numberWord(body.number("pid")));
}

QString policyTrusted(const FactBody& body, const QString&) {
  return Facts::tr("%1 trusts this text of %2.").arg(userWord(body.number("uid")), body.text("file"));
}

QString homeRemoved(const FactBody& body, const QString&) {
  return Facts::tr("%1 removed the private home of %2 for the policy %3, with %4 in it.")
      .arg(userWord(body.number("by_uid")), userWord(body.number("uid")), body.text("policy"),
           sizeWord(body.number("bytes")));
}

QString snapshotTaken(const FactBody& body, const QString&) {
  return Facts::tr("The state was kept as it was after fact %1.").arg(numberWord(body.number("up_to_seq")));
}

QString segmentRetired(const FactBody& body, const QString&) {
  return Facts::tr("Facts up to %1 were removed because of their age; the chain goes on from their head %2.")
      .arg(numberWord(body.number("up_to_seq")), body.text("head_hash"));
}

QString recordsStopped(const FactBody& body, const QString&) {
  return Facts::tr("Nothing can be recorded: %1. Agents are held, and nothing is started or allowed.")
      .arg(body.text("reason"));
}

QString recordsResumed(const FactBody&, const QString&) { return Facts::tr("It can be recorded again what happens."); }

// "900 tokens in and 100 out of small, for US$ 0.0012; …".
QString usedWords(const FactBody& body) {
  QStringList models;
  for (const FactBody& model : body.parts("models")) {
    const QString used = Facts::tr("%1 tokens in and %2 out of %3")
                             .arg(numberWord(model.number("input_tokens")), numberWord(model.number("output_tokens")),
                                  model.has("model") ? model.text("model") : Facts::tr("a model"));
    const auto dollars = [](std::uint64_t micro) {
      return QLocale().toString(static_cast<double>(micro) / 1e6, 'f', 4);
    };
    const auto cost = model.number("cost_microusd"), estimated = model.number("estimated_microusd");
    if (cost)
      models += Facts::tr("%1, for US$ %2").arg(used, dollars(*cost));
    else if (estimated)
      models += Facts::tr("%1, for about US$ %2 by list prices").arg(used, dollars(*estimated));
    else
      models += used;
  }
  return models.join(QStringLiteral("; "));
}

// An agent's own figures; what it paid is what it says.
QString usageReported(const FactBody& body, const QString&) {
  const QString used = usedWords(body);
  if (used.isEmpty()) return Facts::tr("Its agent reports that it used something, and not what.");
  return Facts::tr("Its agent reports that it used %1.").arg(used);
}

QString usageSeen(const FactBody& body, const QString&) {
  return Facts::tr("Answers that it got over the network state that it used %1.").arg(usedWords(body));
}

}  // namespace

QString userWord(std::optional<std::uint64_t> uid) {
  if (!uid) return Facts::tr("Nobody");
  return Facts::tr("User %1").arg(numberWord(uid));
}

QString numberWord(std::optional<std::uint64_t> number) {
  return number ? QString::number(*number) : Facts::tr("unknown");
}

QString timeWord(std::optional<std::uint64_t> usec) {
  if (!usec) return Facts::tr("unknown");
  const double seconds = static_cast<double>(*usec) / 1e6;
  if (seconds < 1) return Facts::tr("%1 ms").arg(QLocale().toString(seconds * 1e3, 'f', seconds < 0.01 ? 1 : 0));
  if (seconds < 120) return Facts::tr("%1 s").arg(QLocale().toString(seconds, 'f', 1));
  return Facts::tr("%1 min").arg(QLocale().toString(seconds / 60, 'f', 1));
}

QString sizeWord(std::optional<std::uint64_t> bytes) {
  if (!bytes) return Facts::tr("unknown");
  if (*bytes > LLONG_MAX) return Facts::tr("more than can be counted");
  return QLocale().formattedDataSize(static_cast<qint64>(*bytes), 1);
}

int countWord(std::optional<std::uint64_t> count) {
  return static_cast<int>(std::min<std::uint64_t>(count.value_or(0), INT_MAX));
}

std::span<const KindOfFact> runFacts() {
  static constexpr KindOfFact kKinds[] = {
      {"daemon-started", QT_TRANSLATE_NOOP("Facts", "the daemon started"), daemonStarted},
      {"daemon-stopping", QT_TRANSLATE_NOOP("Facts", "the daemon ended"), daemonStopping},
      {"run-admitted", QT_TRANSLATE_NOOP("Facts", "an agent was admitted"), runAdmitted},
      {"run-built", QT_TRANSLATE_NOOP("Facts", "a fence was built"), runBuilt},
      {"run-started", QT_TRANSLATE_NOOP("Facts", "an agent started"), runStarted},
      {"run-refused", QT_TRANSLATE_NOOP("Facts", "a start was refused"), runRefused},
      {"run-frozen", QT_TRANSLATE_NOOP("Facts", "an agent was paused"), runFrozen},
      {"run-pausing", QT_TRANSLATE_NOOP("Facts", "a pause was asked for that comes later"), runPausing},
      {"run-resumed", QT_TRANSLATE_NOOP("Facts", "an agent went on"), runResumed},
      {"run-stopping", QT_TRANSLATE_NOOP("Facts", "an agent was told to end"), runStopping},
      {"run-ended", QT_TRANSLATE_NOOP("Facts", "an agent ended"), runEnded},
      {"difference-found", QT_TRANSLATE_NOOP("Facts", "a difference was found"), differenceFound},
      {"run-adopted", QT_TRANSLATE_NOOP("Facts", "an agent was found again"), runAdopted},
      {"launcher-lost", QT_TRANSLATE_NOOP("Facts", "the keeper of runs was lost"), launcherLost},
      {"launcher-ready", QT_TRANSLATE_NOOP("Facts", "the keeper of runs was ready"), launcherReady},
      {"policy-trusted", QT_TRANSLATE_NOOP("Facts", "a policy was trusted"), policyTrusted},
      {"home-removed", QT_TRANSLATE_NOOP("Facts", "a private home was removed"), homeRemoved},
      {"snapshot-taken", QT_TRANSLATE_NOOP("Facts", "the state was kept"), snapshotTaken},
      {"segment-retired", QT_TRANSLATE_NOOP("Facts", "old facts were removed"), segmentRetired},
      {"usage-reported", QT_TRANSLATE_NOOP("Facts", "an agent told what it used"), usageReported},
      {"usage-seen", QT_TRANSLATE_NOOP("Facts", "an answer told what was used"), usageSeen},
      {"records-stopped", QT_TRANSLATE_NOOP("Facts", "nothing could be recorded"), recordsStopped},
      {"records-resumed", QT_TRANSLATE_NOOP("Facts", "recording went on"), recordsResumed},
  };
  return kKinds;
}

}  // namespace ringfence::ui
