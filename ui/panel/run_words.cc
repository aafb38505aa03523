#include "ui/panel/run_words.h"

#include <QCoreApplication>
#include <QLocale>
#include <algorithm>
#include <chrono>

#include "ui/panel/plots/figures.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kMostText = 300;  // of each text that somebody else made
constexpr std::chrono::milliseconds kLongestShown = std::chrono::hours(24 * 366);

struct Words {
  Q_DECLARE_TR_FUNCTIONS(RunWords)
};

QString heldWords(const client::HeldBy& held, std::uint32_t ownUid) {
  const QString reason = visibleText(held.reason, kMostText);
  if (held.governor || held.by == "governor") return Words::tr("Paused by the governor: %1").arg(reason);
  if (held.by == "emergency stop") return Words::tr("Frozen by the emergency stop");
  if (held.by == "restart") return Words::tr("Paused since before the daemon was restarted");
  if (held.by == "questions") return Words::tr("Paused until its questions can be asked again: %1").arg(reason);
  if (held.by == "prompts") return Words::tr("Paused because it asked as often as it may: %1").arg(reason);
  if (held.by == "no-records") return Words::tr("Paused because nothing can be recorded: %1").arg(reason);
  if (held.by == "another-program") return Words::tr("Paused by another program: %1").arg(reason);
  if (held.byUid == ownUid) return Words::tr("Paused by you");
  return Words::tr("Paused by the user %1").arg(held.byUid);
}

// At a moment of its own: the time is never less than what is left.
QString pausingWords(const client::Pausing& pausing, std::uint32_t ownUid) {
  using namespace std::chrono;
  const auto within = std::clamp<milliseconds>(pausing.within, milliseconds(0), kLongestShown);
  const QString left = durationText(within > minutes(1) ? seconds(ceil<minutes>(within)) : ceil<seconds>(within));
  if (pausing.byUid == ownUid)
    return Words::tr("You pause it: it finishes something first, for %1 at the longest", "duration").arg(left);
  return Words::tr("The user %1 pauses it: it finishes something first, for %2 at the longest", "user, duration")
      .arg(pausing.byUid)
      .arg(left);
}

QString stateWords(const top::Row& row, const client::RunDetails* details, std::uint32_t ownUid) {
  if (row.state == "frozen") {
    return details != nullptr && details->held ? heldWords(*details->held, ownUid) : Words::tr("Paused");
  }
  if (row.pausing)
    return details != nullptr && details->pausing ? pausingWords(*details->pausing, ownUid)
                                                  : Words::tr("Is being paused");
  if (row.state == "stopping") return Words::tr("Is ending");
  if (row.state == "starting") return Words::tr("Is starting");
  if (row.questions.value_or(0) > 0)
    return Words::tr("Waits for your answer to %n question(s)", nullptr, static_cast<int>(*row.questions));
  if (row.state == "running") return Words::tr("Working");
  return QString::fromStdString(row.state);
}

Glyph shapeOf(const top::Row& row) {
  if (row.state == "frozen") return Glyph::kPaused;
  if (row.questions.value_or(0) > 0) return Glyph::kAsks;
  if (row.state == "running") return Glyph::kWorking;
  return row.state == "starting" || row.state == "stopping" ? Glyph::kIdle : Glyph::kUnknown;
}

// What its budgets say as they are now is not told a second time as it was.
bool isBudget(const client::RunDetails& details, const std::string& limit) {
  return std::ranges::find(details.usage.budgets, limit, &client::Budget::limit) != details.usage.budgets.end();
}

QString spendWords(const client::Usage& usage) {
  if (!usage.costUsd) return {};
  const QString cost = QLocale().toString(*usage.costUsd, 'f', *usage.costUsd < 0.01 ? 6 : 2);
  if (usage.costEstimated && usage.costIncomplete)
    return Words::tr("at least US$ %1, an estimate by list prices").arg(cost);
  if (usage.costEstimated) return Words::tr("about US$ %1, an estimate by list prices").arg(cost);
  return usage.costIncomplete ? Words::tr("at least US$ %1").arg(cost) : Words::tr("US$ %1").arg(cost);
}

QString warningWords(const client::RunDetails& details) {
  QStringList warnings;
  if (!details.weakened.empty()) {
    QStringList walls;
    for (const client::Weakening& weakening : details.weakened) walls += visibleText(weakening.wall, kMostText);
    warnings += Words::tr("Weakened: %1").arg(walls.join(Words::tr(", ", "between names")));
  }
  if (!details.alarms.empty())
    warnings += Words::tr("Alarm: %1").arg(visibleText(details.alarms.back().reason, kMostText));
  if (!details.limitsReached.empty() && !isBudget(details, details.limitsReached.back().kind))
    warnings += Words::tr("At a limit: %1").arg(visibleText(details.limitsReached.back().reason, kMostText));
  for (const client::Budget& budget : details.usage.budgets) {
    const QString limit = visibleText(budget.limit, kMostText);
    if (budget.state == "near") warnings += Words::tr("Budget “%1” nearly used up", "limit of the policy").arg(limit);
    if (budget.state == "reached") warnings += Words::tr("Budget “%1” used up", "limit of the policy").arg(limit);
  }
  return warnings.join(Words::tr("; ", "between warnings"));
}

}  // namespace

RunWords runWords(const top::Row& row, const client::RunDetails* details, std::uint32_t ownUid) {
  RunWords words{shapeOf(row), stateWords(row, details, ownUid), {}, {}, {}, {}};
  QStringList place;
  if (details != nullptr) {
    if (!details->policyName.empty()) place += Words::tr("policy %1").arg(visibleText(details->policyName, kMostText));
    if (!details->workspace.empty()) place += visibleText(details->workspace, kMostText);
    words.command = visibleCommand(details->command, kMostText);
    words.warning = warningWords(*details);
    if (!details->says.empty())
      words.says = Words::tr("The agent says: “%1”").arg(visibleText(details->says, kMostText));
  }
  if (row.age) place += Words::tr("for %1", "duration").arg(durationText(*row.age));
  if (row.tokens)
    place +=
        Words::tr("%1 tokens, as reported or seen").arg(figureText(static_cast<double>(*row.tokens), Unit::kCount));
  if (const QString spend = details != nullptr ? spendWords(details->usage) : QString(); !spend.isEmpty())
    place += spend;
  words.place = place.join(Words::tr(" · ", "between facts of a run"));
  return words;
}

bool canResume(const top::Row& row) { return row.state == "frozen"; }

bool isPausing(const top::Row& row) { return row.state == "running" && row.pausing; }

bool canPause(const top::Row& row) { return row.state == "running" || row.state == "starting"; }

NextStop nextStop(const top::Row& row) {
  if (row.state == "ended") return NextStop::kNone;
  return row.state == "stopping" ? NextStop::kKill : NextStop::kAsk;
}

}  // namespace ringfence::ui
