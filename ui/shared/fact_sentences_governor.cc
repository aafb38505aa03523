#include "ui/shared/fact_sentences.h"

// What facts about the governor, limits, alarms, leases and the emergency stop say.
namespace ringfence::ui {
namespace {

QString runRestrained(const FactBody& body, const QString&) {
  const QString step = body.text("step");
  const QString reason = body.text("reason");
  const auto bytes = body.number("bytes");
  if (step == "reclaim") return Facts::tr("The governor took %1 of its memory back: %2.").arg(sizeWord(bytes), reason);
  if (step == "limit-writes" && bytes)
    return Facts::tr("The governor slowed its writes to %1 a second: %2.").arg(sizeWord(bytes), reason);
  if (step == "limit-writes") return Facts::tr("The governor lets it write at full speed again: %1.").arg(reason);
  if (step == "defer-model-call") return Facts::tr("The governor put its model call off: %1.").arg(reason);
  return Facts::tr("The governor restrained it (%1): %2.").arg(step, reason);
}

QString processorsReserved(const FactBody& body, const QString&) {
  const auto kept = body.number("processors").value_or(0);
  const QString reason = body.text("reason");
  if (kept == 0) return Facts::tr("Agents may use every processor again: %1.").arg(reason);
  return Facts::tr("Agents of the background leave %n processors to your programs: %1.", nullptr, countWord(kept))
      .arg(reason);
}

QString interruptionMeasured(const FactBody& body, const QString&) {
  const QString predicted = priceWord(body.part("predicted"));
  const QString real = priceWord(body.part("real"));
  QStringList told;
  told << (body.isTrue("killed")
               ? Facts::tr("Being ended cost it %1; this had been thought to cost %2.").arg(real, predicted)
               : Facts::tr("Being paused for %1 cost it %2; this had been thought to cost %3.")
                     .arg(timeWord(body.number("held_usec")), real, predicted));
  if (body.has("standstill_usec"))
    told << Facts::tr("It stood still %1 after the order.").arg(timeWord(body.number("standstill_usec")));
  if (body.has("resume_usec"))
    told << Facts::tr("It went on %1 after it was let go.").arg(timeWord(body.number("resume_usec")));
  if (body.number("pages_read_back").value_or(0) > 0)
    told << Facts::tr("It read %1 pages of memory back.").arg(numberWord(body.number("pages_read_back")));
  if (body.has("connections"))
    told << Facts::tr("Of its %1 connections %2 broke.")
                .arg(numberWord(body.number("connections")), numberWord(body.number("broken_connections")));
  if (body.has("work_usec"))
    told << Facts::tr("Its last safe point was %1 before.").arg(timeWord(body.number("work_usec")));
  return told.join(QLatin1Char(' '));
}

QString alarmRaised(const FactBody& body, const QString&) {
  return Facts::tr("Alarm (%1): %2.").arg(body.text("kind"), body.text("reason"));
}

QString leaseGiven(const FactBody& body, const QString&) {
  return Facts::tr("It may use the device %1, up to %2 % of it.")
      .arg(body.text("device"), numberWord(body.number("percent")));
}

QString leaseEnded(const FactBody& body, const QString&) {
  return Facts::tr("It no longer has the device %1.").arg(body.text("device"));
}

QString limitReached(const FactBody& body, const QString&) {
  if (body.text("edge") == "soft")
    return Facts::tr("It comes near the end of “%1”: %2.").arg(body.text("limit"), body.text("reason"));
  return Facts::tr("It reached the limit “%1”: %2.").arg(body.text("limit"), body.text("reason"));
}

QString budgetExtended(const FactBody& body, const QString&) {
  const QString limit = body.text("limit");
  const bool isMoney = limit.startsWith(QStringLiteral("cost"));
  const auto amount = [&](const char* name) {
    const auto number = body.number(name);
    if (!isMoney || !number) return numberWord(number);
    return Facts::tr("US$ %1").arg(QLocale().toString(static_cast<double>(*number) / 1e6, 'f', 2));
  };
  return Facts::tr("%1 gave it %2 more at the end of “%3”: that ends at %4 now.")
      .arg(userWord(body.number("by_uid")), amount("more"), limit, amount("up_to"));
}

QString emergencyStopped(const FactBody& body, const QString&) {
  const QString trigger = body.text("trigger");
  if (!body.has("runs")) return Facts::tr("EMERGENCY STOP (%1): %2.").arg(trigger, body.text("note"));
  const QString took = timeWord(body.number("took_usec"));
  const QString runs = Facts::tr("%n agents", nullptr, countWord(body.number("runs")));
  if (body.isTrue("killed")) return Facts::tr("EMERGENCY STOP (%1): it ended %2 in %3.").arg(trigger, runs, took);
  if (body.has("killed_runs"))
    return Facts::tr("EMERGENCY STOP (%1): of %2 it ended %3 in %4, as whoever owns them asked, and froze the others.")
        .arg(trigger, runs, numberWord(body.number("killed_runs")), took);
  if (body.isTrue("verified"))
    return Facts::tr("EMERGENCY STOP (%1): it froze %2 in %3; that nothing runs was checked.").arg(trigger, runs, took);
  return Facts::tr("EMERGENCY STOP (%1): it froze %2 in %3; something was still finishing.").arg(trigger, runs, took);
}

QString rearmed(const FactBody& body, const QString&) {
  return Facts::tr("%1 said that there is no emergency any more.").arg(userWord(body.number("uid")));
}

QString latchReleased(const FactBody&, const QString&) {
  return Facts::tr("Agents can be started and resumed again; none is by this.");
}

}  // namespace

QString priceWord(const FactBody& price) {
  if (price.isEmpty()) return Facts::tr("unknown");
  const auto tokens = price.number("tokens").value_or(0);
  const QString delay = timeWord(price.number("delay_usec"));
  if (tokens == 0) return delay;
  return Facts::tr("%1 and %n tokens", nullptr, countWord(tokens)).arg(delay);
}

std::span<const KindOfFact> governorFacts() {
  static constexpr KindOfFact kKinds[] = {
      {"run-restrained", QT_TRANSLATE_NOOP("Facts", "an agent was restrained"), runRestrained},
      {"processors-reserved", QT_TRANSLATE_NOOP("Facts", "processors were kept free, or not any more"),
       processorsReserved},
      {"interruption-measured", QT_TRANSLATE_NOOP("Facts", "an interruption was measured"), interruptionMeasured},
      {"alarm-raised", QT_TRANSLATE_NOOP("Facts", "an alarm was raised"), alarmRaised},
      {"lease-given", QT_TRANSLATE_NOOP("Facts", "a device was lent"), leaseGiven},
      {"lease-ended", QT_TRANSLATE_NOOP("Facts", "a device came back"), leaseEnded},
      {"limit-reached", QT_TRANSLATE_NOOP("Facts", "a limit was reached"), limitReached},
      {"budget-extended", QT_TRANSLATE_NOOP("Facts", "a budget was made longer"), budgetExtended},
      {"emergency-stopped", QT_TRANSLATE_NOOP("Facts", "an emergency stop"), emergencyStopped},
      {"rearmed", QT_TRANSLATE_NOOP("Facts", "the end of an emergency"), rearmed},
      {"latch-released", QT_TRANSLATE_NOOP("Facts", "starts are possible again"), latchReleased},
  };
  return kKinds;
}

}  // namespace ringfence::ui
