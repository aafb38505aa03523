// How Ringfence stands, as one look at the tray tells it, from what was heard of daemon and emergency stop. Pure.
#pragma once

#include <QDateTime>
#include <QString>
#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::ui {

// What is most urgent comes last, and wins.
enum class State { kUnknown, kIdle, kWorking, kPaused, kNeedsYou, kStopped };

struct Heard {
  std::optional<client::RunListing> listing;  // absent: the daemon was not heard yet, or is away
  std::size_t questions = 0;                  // that wait
  std::optional<bool> latched;                // by ringfence-stop itself, which knows it first; absent: it is not there
};

struct Standing {
  State state = State::kUnknown;
  int questions = 0;
  int running = 0;
  int held = 0;
  int pausing = 0;  // of those that run: a person pauses them
  bool operator==(const Standing&) const = default;
};

Standing standingOf(const Heard& heard);
// One sentence for the tooltip, the menu and screen readers.
QString sentenceOf(const Standing& standing);

// What a fact of the log may have changed of that, so that it is asked for again: nothing, the runs, or the stop too.
enum class News { kNone, kOfRuns, kOfStop };
News newsIn(std::string_view factKind);

// Those that a person or a restart holds, or a person is about to, so that a person may let them go on.
std::vector<client::RunDetails> heldByPeople(const client::RunListing& listing);

// Those that stand still until a person decides: at the end of a budget, after an alarm, by their own agent, because
// they asked too often, because another program froze them or nothing that they do can be recorded. What the governor
// holds at a limit may be a matter of seconds, so that it counts when it has lasted; `lookAgain` is when the next one
// of these does.
struct Waiting {
  std::vector<client::RunDetails> runs;
  std::optional<std::chrono::milliseconds> lookAgain;
};
inline constexpr std::chrono::seconds kHeldToLast{15};
Waiting waitingForAPerson(const client::RunListing& listing, const QDateTime& now);

}  // namespace ringfence::ui
