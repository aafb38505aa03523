#include "ui/tray/standing.h"

#include <QCoreApplication>
#include <algorithm>
#include <iterator>

namespace ringfence::ui {
namespace {

struct StandingWords {
  Q_DECLARE_TR_FUNCTIONS(StandingWords)
};

int countOf(const client::RunListing& listing, bool (*holds)(const client::RunDetails&)) {
  return static_cast<int>(std::ranges::count_if(listing.runs, holds));
}

bool isHeld(const client::RunDetails& run) { return run.state == "frozen"; }
bool isPausing(const client::RunDetails& run) { return run.state == "running" && run.pausing; }
bool goesOn(const client::RunDetails& run) { return run.state != "frozen" && run.state != "ended"; }

// By themselves, and for as long as nobody decides.
bool isHeldByItself(const client::HeldBy& held) {
  static constexpr std::string_view kWays[] = {"questions", "prompts", "no-records", "another-program", "agent"};
  return std::ranges::find(kWays, held.by) != std::end(kWays);
}

}  // namespace

Standing standingOf(const Heard& heard) {
  Standing standing{.questions = static_cast<int>(heard.questions)};
  if (heard.listing) {
    standing.running = countOf(*heard.listing, goesOn);
    standing.held = countOf(*heard.listing, isHeld);
    standing.pausing = countOf(*heard.listing, isPausing);
  }
  const bool isStopped = heard.latched.value_or(heard.listing && heard.listing->stop.latched);
  if (isStopped)
    standing.state = State::kStopped;
  else if (!heard.listing)
    standing.state = State::kUnknown;
  else if (standing.questions > 0)
    standing.state = State::kNeedsYou;
  else if (standing.running > 0)
    standing.state = State::kWorking;
  else if (standing.held > 0)
    standing.state = State::kPaused;
  else
    standing.state = State::kIdle;
  return standing;
}

QString sentenceOf(const Standing& standing) {
  switch (standing.state) {
    case State::kIdle: return StandingWords::tr("No agent runs.");
    case State::kWorking:
      if (standing.pausing > 0)
        return StandingWords::tr("Agents at work: %1, of them about to pause: %2.")
            .arg(standing.running)
            .arg(standing.pausing);
      return StandingWords::tr("Agents at work: %n.", nullptr, standing.running);
    case State::kPaused: return StandingWords::tr("Agents paused: %n.", nullptr, standing.held);
    case State::kNeedsYou: return StandingWords::tr("Questions waiting for you: %n.", nullptr, standing.questions);
    case State::kStopped: return StandingWords::tr("STOPPED: every agent stands still until somebody re-arms.");
    case State::kUnknown: break;
  }
  return StandingWords::tr("Ringfence's daemon cannot be reached. Agents stay inside their walls.");
}

News newsIn(std::string_view factKind) {
  static constexpr std::string_view kOfRuns[] = {"run-admitted",   "run-started",  "run-refused", "run-frozen",
                                                 "run-resumed",    "run-stopping", "run-ended",   "run-adopted",
                                                 "run-restrained", "run-pausing"};
  static constexpr std::string_view kOfStop[] = {"emergency-stopped", "rearmed", "latch-released", "daemon-started"};
  if (std::ranges::find(kOfStop, factKind) != std::end(kOfStop)) return News::kOfStop;
  return std::ranges::find(kOfRuns, factKind) != std::end(kOfRuns) ? News::kOfRuns : News::kNone;
}

std::vector<client::RunDetails> heldByPeople(const client::RunListing& listing) {
  std::vector<client::RunDetails> held;
  for (const client::RunDetails& run : listing.runs) {
    if (isPausing(run) || (isHeld(run) && !(run.held && run.held->governor))) held.push_back(run);
  }
  return held;
}

Waiting waitingForAPerson(const client::RunListing& listing, const QDateTime& now) {
  Waiting waiting;
  for (const client::RunDetails& run : listing.runs) {
    if (!isHeld(run) || !run.held) continue;
    const bool isAlarm = run.held->governor && run.held->cause == "alarm";
    if (isAlarm || isHeldByItself(*run.held)) waiting.runs.push_back(run);
    if (!run.held->governor || run.held->cause != "limit") continue;
    const QDateTime since = QDateTime::fromString(QString::fromStdString(run.held->since), Qt::ISODateWithMs);
    const std::chrono::milliseconds lasts(since.isValid() ? since.msecsTo(now) : 0);
    if (lasts >= kHeldToLast)
      waiting.runs.push_back(run);
    else
      waiting.lookAgain = std::min(waiting.lookAgain.value_or(kHeldToLast), kHeldToLast - lasts);
  }
  return waiting;
}

}  // namespace ringfence::ui
