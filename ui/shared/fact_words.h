// A fact of the log as a sentence for a person, and its parts for columns. Pure: facts in, words out, in their order,
// because an answer names only the question that it settles.
//
//   FactTeller teller;
//   for (const client::LogLine& line : lines) show(teller.tell(line));
#pragma once

#include <QString>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sdk/client/client.h"

namespace ringfence::ui {

// kNone: the fact decides nothing. kUnknown: a word of a newer daemon.
enum class FactDecision { kNone, kAllowed, kAsked, kDenied, kRewritten, kExpired, kStopped, kWithdrawn, kUnknown };
inline constexpr FactDecision kFactDecisions[] = {
    FactDecision::kAllowed, FactDecision::kAsked,   FactDecision::kDenied,    FactDecision::kRewritten,
    FactDecision::kExpired, FactDecision::kStopped, FactDecision::kWithdrawn, FactDecision::kUnknown};
// "denied", translated; empty for kNone.
QString decisionWord(FactDecision decision);

// Everything is visible text.
struct FactWords {
  QString sentence;
  FactDecision decision = FactDecision::kNone;
  QString operation;  // "read", "write", "exec", "connect", "call"; empty: not about one action
  QString target;
  QString rule;  // "FILE:LINE"; empty: no rule of a file
};

class FactTeller {
 public:
  FactWords tell(const client::LogLine& line);
  // What the run is called, as far as facts said it; else empty.
  QString nameOf(const std::string& run) const;

 private:
  struct Question {
    QString target, operation, rule, action;
  };

  std::map<std::uint64_t, Question> questions_;  // bounded: the newest
  std::map<std::string, QString> names_;         // bounded: any, as the ids of runs are random
};

// The kinds that have words, for tests and for the list that filters by kind.
const std::vector<std::string_view>& factKindsWithWords();
// A kind in words for a list: "a question was asked"; of an unknown one the kind itself.
QString kindWord(std::string_view kind);

}  // namespace ringfence::ui
