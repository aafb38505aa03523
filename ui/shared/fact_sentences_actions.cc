#include <cstring>

#include "ui/shared/fact_sentences.h"

// What facts about actions, questions, grants and the guards that stand between say.
namespace ringfence::ui {
namespace {

constexpr std::size_t kShownActions = 3;  // of those that are told together

QString times(const QString& told, const FactBody& body) {
  const int count = countWord(body.number("count"));
  return count < 2 ? told : Facts::tr("%1 (%n times)", nullptr, count).arg(told);
}

QString guardWord(const FactBody& body) {
  const QString guard = body.text("guard");
  if (guard == "warden") return Facts::tr("the guard of files and programs");
  if (guard == "egress") return Facts::tr("the guard of the network");
  return Facts::tr("the guard “%1”").arg(guard);
}

// What a question was about, or which one it was.
QString questionWord(const FactBody& body, const QString& asked) {
  const QString id = numberWord(body.number("id"));
  if (asked.isEmpty()) return Facts::tr("question %1").arg(id);
  return Facts::tr("question %1, to %2").arg(id, asked);
}

QString actionAsked(const FactBody& body, const QString&) {
  return Facts::tr("It wants to %1. A person is asked: question %2.")
      .arg(describeAction(body.part("action")), numberWord(body.number("id")));
}

QString askJoined(const FactBody& body, const QString& asked) {
  return Facts::tr("It asked the same again; one answer is for both: %1.").arg(questionWord(body, asked));
}

QString askLeft(const FactBody& body, const QString& asked) {
  return Facts::tr("A call no longer waits for an answer: %1. Why: %2.")
      .arg(questionWord(body, asked), body.text("why"));
}

QString scopeWord(const QString& scope) {
  if (scope == "once") return Facts::tr("once");
  if (scope == "run") return Facts::tr("for this run");
  if (scope == "project") return Facts::tr("for this project");
  if (scope == "always") return Facts::tr("always");
  return scope;
}

QString actionAnswered(const FactBody& body, const QString& asked) {
  const QString outcome = body.text("outcome");
  const QString question = questionWord(body, asked);
  const QString who = userWord(body.number("by_uid"));
  if (outcome == "allowed") return Facts::tr("%1 allowed it %2: %3.").arg(who, scopeWord(body.text("scope")), question);
  if (outcome == "denied") {
    const QString say = body.text("say");
    if (say.isEmpty()) return Facts::tr("%1 denied it: %2.").arg(who, question);
    return Facts::tr("%1 denied it: %2. The agent is told: %3").arg(who, question, say);
  }
  if (outcome == "rewritten") return Facts::tr("%1 had something else done in its place: %2.").arg(who, question);
  if (outcome == "expired") return Facts::tr("Nobody answered in time, so it was denied once: %1.").arg(question);
  if (outcome == "stopped") return Facts::tr("It ended without an answer, because of a stop: %1.").arg(question);
  if (outcome == "withdrawn") return Facts::tr("The agent does not ask any more: %1.").arg(question);
  return Facts::tr("It was settled as “%1”: %2.").arg(outcome, question);
}

QString actionPerformed(const FactBody& body, const QString& asked) {
  const auto failed = body.number("errno").value_or(0);
  const QString question = questionWord(body, asked);
  if (failed == 0) return Facts::tr("What was allowed has been done: %1.").arg(question);
  return Facts::tr("What was allowed could not be done: %1. The system said: %2.")
      .arg(question, QString::fromLocal8Bit(std::strerror(static_cast<int>(failed))));
}

QString actionDenied(const FactBody& body, const QString&) {
  const QString why = body.part("rule").text("why");
  const QString what = describeAction(body.part("action"));
  if (why.isEmpty()) return times(Facts::tr("It was not allowed to %1.").arg(what), body);
  return times(Facts::tr("It was not allowed to %1: %2.").arg(what, why), body);
}

QString insteadOf(const FactBody& rewrite) {
  for (const char* name : {"path", "host"}) {
    if (rewrite.has(name)) return rewrite.text(name);
  }
  if (rewrite.has("content")) return Facts::tr("other content");
  return rewrite.command("argv");
}

QString actionRewritten(const FactBody& body, const QString&) {
  return times(Facts::tr("It wanted to %1 and got in its place: %2.")
                   .arg(describeAction(body.part("action")), insteadOf(body.part("rewrite"))),
               body);
}

QString connectionOpened(const FactBody& body, const QString&) {
  return times(Facts::tr("A connection was opened to %1.").arg(targetOf(body.part("action"))), body);
}

QString outcomeUnknown(const FactBody& body, const QString&) {
  return Facts::tr("It wanted to %1. %2 ended in the middle of it: whether it was done is not known.")
      .arg(describeAction(body.part("action")), guardWord(body));
}

QString asksRefused(const FactBody& body, const QString&) {
  return Facts::tr("%n questions were denied without asking a person: %1. The first was to %2.", nullptr,
                   countWord(body.number("count")))
      .arg(body.text("why"), describeAction(body.part("action")));
}

QString actionsAllowed(const FactBody& body, const QString&) {
  QStringList shown;
  std::uint64_t all = 0;
  for (const FactBody& action : body.parts("actions")) {
    all += action.number("count").value_or(1);
    if (static_cast<std::size_t>(shown.size()) < kShownActions) shown += describeAction(action);
  }
  return Facts::tr("%n actions were allowed by the policy, among them: %1.", nullptr, countWord(all))
      .arg(shown.join(QStringLiteral("; ")));
}

QString recordsNotWritten(const FactBody& body, const QString&) {
  return Facts::tr("%n records were told faster than they may come into the log, by %1; they are not in it.", nullptr,
                   countWord(body.number("count")))
      .arg(guardWord(body));
}

QString grantIssued(const FactBody& body, const QString&) {
  return Facts::tr("%1 granted %2, from now on: %3 (grant %4).")
      .arg(userWord(body.number("by_uid")), describeAction(body), scopeWord(body.text("scope")),
           numberWord(body.number("id")));
}

QString grantRevoked(const FactBody& body, const QString&) {
  return Facts::tr("%1 took grant %2 back.").arg(userWord(body.number("by_uid")), numberWord(body.number("id")));
}

QString grantExpired(const FactBody& body, const QString&) {
  return Facts::tr("Grant %1 ended: %2.").arg(numberWord(body.number("id")), body.text("why"));
}

QString guardStarted(const FactBody& body, const QString&) {
  if (body.isTrue("restarted"))
    return Facts::tr("Another one took the place of %1, as process %2.")
        .arg(guardWord(body), numberWord(body.number("pid")));
  return Facts::tr("On guard from now on: %1, as process %2.").arg(guardWord(body), numberWord(body.number("pid")));
}

QString guardLost(const FactBody& body, const QString&) {
  return Facts::tr("A guard was lost: %1. Why: %2.").arg(guardWord(body), body.text("reason"));
}

QString rulesEnforced(const FactBody& body, const QString&) {
  const QString told = Facts::tr("New rules are in force: %1 goes by them.").arg(guardWord(body));
  const int cut = countWord(body.number("cut"));
  return cut == 0 ? told : Facts::tr("%1 %n connections ended because of them.", nullptr, cut).arg(told);
}

QString trafficCounted(const FactBody& body, const QString&) {
  QStringList hosts;
  for (const FactBody& host : body.parts("hosts"))
    hosts += Facts::tr("%1:%2, sent %3, received %4")
                 .arg(host.text("host"), numberWord(host.number("port")), sizeWord(host.number("sent_bytes")),
                      sizeWord(host.number("received_bytes")));
  return Facts::tr("Its traffic so far: %1.").arg(hosts.join(QStringLiteral("; ")));
}

QString connectionsHeld(const FactBody& body, const QString&) {
  return Facts::tr("%n connections were kept open for %1 while it was paused.", nullptr,
                   countWord(body.number("connections")))
      .arg(timeWord(body.number("held_ms").value_or(0) * 1000));
}

}  // namespace

QString targetOf(const FactBody& action) {
  const QString command = action.text("op") == "exec" ? action.command("argv") : QString();
  if (!command.isEmpty()) return command;
  const QString target = action.text("target");
  return target.isEmpty() ? action.text("object") : target;
}

QString describeAction(const FactBody& action) {
  const QString operation = action.text("op");
  const QString target = targetOf(action);
  const QString second = action.text("second");
  if (operation == "read") return Facts::tr("read %1").arg(target);
  if (operation == "write" && !second.isEmpty()) return Facts::tr("change %1 and %2").arg(target, second);
  if (operation == "write") return Facts::tr("write %1").arg(target);
  if (operation == "exec") return Facts::tr("run %1").arg(target);
  if (operation == "connect") return Facts::tr("connect to %1").arg(target);
  return Facts::tr("do “%1” with %2").arg(operation, target);
}

std::span<const KindOfFact> actionFacts() {
  static constexpr KindOfFact kKinds[] = {
      {"action-asked", QT_TRANSLATE_NOOP("Facts", "a question was asked"), actionAsked},
      {"ask-joined", QT_TRANSLATE_NOOP("Facts", "a question was repeated"), askJoined},
      {"ask-left", QT_TRANSLATE_NOOP("Facts", "a call stopped waiting"), askLeft},
      {"action-answered", QT_TRANSLATE_NOOP("Facts", "a question was settled"), actionAnswered},
      {"action-performed", QT_TRANSLATE_NOOP("Facts", "an allowed action was done"), actionPerformed},
      {"action-denied", QT_TRANSLATE_NOOP("Facts", "an action was denied"), actionDenied},
      {"action-rewritten", QT_TRANSLATE_NOOP("Facts", "an action was changed"), actionRewritten},
      {"connection-opened", QT_TRANSLATE_NOOP("Facts", "a connection was opened"), connectionOpened},
      {"outcome-unknown", QT_TRANSLATE_NOOP("Facts", "an outcome is unknown"), outcomeUnknown},
      {"asks-refused", QT_TRANSLATE_NOOP("Facts", "questions were refused"), asksRefused},
      {"actions-allowed", QT_TRANSLATE_NOOP("Facts", "actions were allowed"), actionsAllowed},
      {"records-not-written", QT_TRANSLATE_NOOP("Facts", "records were left out"), recordsNotWritten},
      {"grant-issued", QT_TRANSLATE_NOOP("Facts", "a grant was given"), grantIssued},
      {"grant-revoked", QT_TRANSLATE_NOOP("Facts", "a grant was taken back"), grantRevoked},
      {"grant-expired", QT_TRANSLATE_NOOP("Facts", "a grant ended"), grantExpired},
      {"guard-started", QT_TRANSLATE_NOOP("Facts", "a guard started"), guardStarted},
      {"guard-lost", QT_TRANSLATE_NOOP("Facts", "a guard was lost"), guardLost},
      {"rules-enforced", QT_TRANSLATE_NOOP("Facts", "new rules came into force"), rulesEnforced},
      {"traffic-counted", QT_TRANSLATE_NOOP("Facts", "traffic was counted"), trafficCounted},
      {"connections-held", QT_TRANSLATE_NOOP("Facts", "connections were kept open"), connectionsHeld},
  };
  return kKinds;
}

}  // namespace ringfence::ui
