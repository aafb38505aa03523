// The sentences of ui/shared/fact_words.h, kind by kind. For fact_words.cc and its tests.
#pragma once

#include <QCoreApplication>
#include <QString>
#include <span>
#include <string_view>

#include "ui/shared/fact_body.h"

namespace ringfence::ui {

// The context of translations. Whoever fills in several texts does it by one arg() with all of them: one after the
// other, a text of an agent with "%2" in it would take the place of the next.
struct Facts {
  Q_DECLARE_TR_FUNCTIONS(Facts)
};

// `asked`: what the question of this fact was about, as describeAction said it; empty: not known.
struct KindOfFact {
  std::string_view kind;
  const char* word;  // for lists, to be translated in the context Facts
  QString (*sentence)(const FactBody& body, const QString& asked);
};
// Of runs and the daemon; of actions, questions and grants; of the governor, limits and the emergency stop.
std::span<const KindOfFact> runFacts();
std::span<const KindOfFact> actionFacts();
std::span<const KindOfFact> governorFacts();

// "read /etc/passwd", "connect to example.org:443", "run 'git push'": of an action in a fact.
QString describeAction(const FactBody& action);
QString targetOf(const FactBody& action);
// "user 1000".
QString userWord(std::optional<std::uint64_t> uid);
// Digits; "unknown" when absent.
QString numberWord(std::optional<std::uint64_t> number);
// "3.2 s"; "unknown" when absent.
QString timeWord(std::optional<std::uint64_t> usec);
QString sizeWord(std::optional<std::uint64_t> bytes);
// What an interruption cost, or would: "0.1 s and 12 tokens".
QString priceWord(const FactBody& price);
// For plural forms: what does not fit is the largest that does.
int countWord(std::optional<std::uint64_t> count);

}  // namespace ringfence::ui
