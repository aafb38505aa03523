// Our own symbols, drawn in the colour of the text beside them, so that they are there in light and dark, at every size
// and without a theme of icons. A state has a shape of its own: nothing is told by colour alone.
#pragma once

#include <QIcon>
#include <QPainterPath>

namespace ringfence::ui {

enum class Glyph {
  // States.
  kIdle,
  kWorking,
  kAsks,
  kPaused,
  kStopped,
  kUnknown,
  kWarning,
  // Pages.
  kNow,
  kInbox,
  kAgent,
  kGrants,
  kPolicies,
  kResources,
  kHistory,
  kSettings,
  kDoctor,
};

// In a square of 24 by 24; to be filled.
QPainterPath glyphPath(Glyph glyph);
// Follows the palette; disabled and selected too.
QIcon glyphIcon(Glyph glyph);
// Always in that colour.
QIcon glyphIcon(Glyph glyph, const QColor& colour);

}  // namespace ringfence::ui
