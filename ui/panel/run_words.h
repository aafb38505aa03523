// What a person is told of a run on its card. Pure; untrusted text is fit to be shown.
#pragma once

#include <QString>
#include <optional>

#include "ui/shared/glyphs.h"
#include "ui/top/model.h"

namespace ringfence::ui {

struct RunWords {
  Glyph shape = Glyph::kUnknown;
  QString state;  // "Waits for your answer to 2 questions", "Paused by the governor: memory is short"
  QString place;  // policy, workspace, since when
  QString command;
  QString says;     // “writing the tests”, as its agent says it; empty: it says nothing
  QString warning;  // weakened walls, alarms, limits; empty: nothing
};

enum class NextStop { kNone, kAsk, kKill };

RunWords runWords(const top::Row& row, const client::RunDetails* details, std::uint32_t ownUid);
// Frozen, and a person may let it go on.
bool canResume(const top::Row& row);
// Somebody pauses it, and it goes on for now: a person may pause it at once, or let it go on.
bool isPausing(const top::Row& row);
bool canPause(const top::Row& row);
// What the stop button of a card does next.
NextStop nextStop(const top::Row& row);

}  // namespace ringfence::ui
