#include "ui/shared/fact_words.h"

#include <algorithm>

#include "ui/shared/fact_sentences.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr std::size_t kMostQuestions = 20'000, kMostNames = 20'000;  // that are remembered

const std::vector<KindOfFact>& kinds() {
  static const std::vector<KindOfFact> kAll = [] {
    std::vector<KindOfFact> all;
    for (const auto& part : {runFacts(), actionFacts(), governorFacts()})
      all.insert(all.end(), part.begin(), part.end());
    std::ranges::sort(all, {}, &KindOfFact::kind);
    return all;
  }();
  return kAll;
}

const KindOfFact* find(std::string_view kind) {
  const auto found = std::ranges::lower_bound(kinds(), kind, {}, &KindOfFact::kind);
  return found != kinds().end() && found->kind == kind ? &*found : nullptr;
}

FactDecision settled(const QString& outcome) {
  if (outcome == "allowed") return FactDecision::kAllowed;
  if (outcome == "denied") return FactDecision::kDenied;
  if (outcome == "rewritten") return FactDecision::kRewritten;
  if (outcome == "expired") return FactDecision::kExpired;
  if (outcome == "stopped") return FactDecision::kStopped;
  if (outcome == "withdrawn") return FactDecision::kWithdrawn;
  return FactDecision::kUnknown;
}

FactDecision decisionOf(std::string_view kind, const FactBody& body) {
  if (kind == "action-asked") return FactDecision::kAsked;
  if (kind == "action-answered") return settled(body.text("outcome"));
  if (kind == "action-denied" || kind == "asks-refused" || kind == "run-refused") return FactDecision::kDenied;
  if (kind == "action-rewritten") return FactDecision::kRewritten;
  if (kind == "connection-opened" || kind == "actions-allowed") return FactDecision::kAllowed;
  if (kind == "emergency-stopped") return FactDecision::kStopped;
  return FactDecision::kNone;
}

QString ruleOf(const FactBody& rule) {
  const QString file = rule.text("file");
  const auto line = rule.number("line");
  if (file.isEmpty() || !line || *line == 0) return file;
  return QStringLiteral("%1:%2").arg(file).arg(*line);
}

template <typename Map>
void keepLast(Map& map, std::size_t most) {
  while (map.size() > most) map.erase(map.begin());
}

}  // namespace

QString decisionWord(FactDecision decision) {
  switch (decision) {
    case FactDecision::kNone: return {};
    case FactDecision::kAllowed: return Facts::tr("allowed");
    case FactDecision::kAsked: return Facts::tr("asked");
    case FactDecision::kDenied: return Facts::tr("denied");
    case FactDecision::kRewritten: return Facts::tr("changed");
    case FactDecision::kExpired: return Facts::tr("not answered in time");
    case FactDecision::kStopped: return Facts::tr("stopped");
    case FactDecision::kWithdrawn: return Facts::tr("withdrawn");
    case FactDecision::kUnknown: return Facts::tr("unknown");
  }
  return {};
}

FactWords FactTeller::tell(const client::LogLine& line) {
  const FactBody body(line.bodyJson);
  if (line.kind == "run-admitted") {
    names_[line.run] = body.text("name");
    keepLast(names_, kMostNames);
  }
  const std::vector<FactBody> counted = body.parts("actions");
  const FactBody action = body.has("action") ? body.part("action") : counted.empty() ? FactBody("") : counted.front();
  FactWords words;
  words.decision = decisionOf(line.kind, body);
  words.operation = action.text("op");
  words.target = targetOf(action);
  words.rule = body.has("rule") ? ruleOf(body.part("rule")) : action.text("rule");
  QString asked;
  const std::uint64_t id = body.number("id").value_or(0);
  if (line.kind == "action-asked") {
    questions_[id] = {words.target, words.operation, words.rule, describeAction(action)};
    keepLast(questions_, kMostQuestions);
  } else if (line.kind.starts_with("action-") || line.kind.starts_with("ask-")) {
    if (const auto question = questions_.find(id); id != 0 && question != questions_.end()) {
      asked = question->second.action;
      words.target = question->second.target;
      words.operation = question->second.operation;
      words.rule = question->second.rule;
    }
  }
  const KindOfFact* kind = find(line.kind);
  // Of a newer daemon, or of one that is ill: nothing is made up, everything is shown.
  if (kind == nullptr || (body.isEmpty() && line.bodyJson != "{}"))
    words.sentence =
        Facts::tr("“%1”, which this panel does not know: %2").arg(visibleText(line.kind), visibleText(line.bodyJson));
  else
    words.sentence = kind->sentence(body, asked);
  return words;
}

QString FactTeller::nameOf(const std::string& run) const {
  const auto found = names_.find(run);
  return found == names_.end() ? QString() : found->second;
}

const std::vector<std::string_view>& factKindsWithWords() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> names;
    for (const KindOfFact& kind : kinds()) names.push_back(kind.kind);
    return names;
  }();
  return kNames;
}

QString kindWord(std::string_view kind) {
  const KindOfFact* known = find(kind);
  return known == nullptr ? visibleText(kind) : Facts::tr(known->word);
}

}  // namespace ringfence::ui
