#include "ui/panel/bar_state.h"

#include <QCoreApplication>
#include <algorithm>

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(BarState)
};

QString wordsOf(int running, int paused) {
  const QString runs = Words::tr("%n running", nullptr, running);
  const QString held = Words::tr("%n paused", nullptr, paused);
  if (running == 0 && paused == 0) return Words::tr("No agent runs");
  if (paused == 0) return runs;
  return running == 0 ? held : Words::tr("%1, %2", "3 running, 1 paused").arg(runs, held);
}

std::optional<std::uint64_t> questionsOf(const std::vector<top::Row>& rows) {
  std::uint64_t sum = 0;
  for (const top::Row& row : rows) {
    if (!row.questions) return std::nullopt;
    sum += *row.questions;
  }
  return sum;
}

}  // namespace

BarState barStateOf(Knowledge known, const client::StopState& stop, const std::vector<top::Row>& rows) {
  BarState state;
  if (known == Knowledge::kNothing) {
    state.words = Words::tr("Not known");
    return state;
  }
  const auto paused = static_cast<int>(std::ranges::count(rows, "frozen", &top::Row::state));
  const int running = static_cast<int>(rows.size()) - paused;
  state.questions = questionsOf(rows);
  if (stop.latched) {
    state.kind = BarState::Kind::kStopped;
    state.shape = Glyph::kStopped;
    state.words = Words::tr("STOPPED");
    return state;
  }
  state.words = wordsOf(running, paused);
  if (running > 0) {
    state.kind = BarState::Kind::kRunning;
    state.shape = Glyph::kWorking;
  } else {
    state.kind = paused > 0 ? BarState::Kind::kPaused : BarState::Kind::kIdle;
    state.shape = paused > 0 ? Glyph::kPaused : Glyph::kIdle;
  }
  return state;
}

}  // namespace ringfence::ui
