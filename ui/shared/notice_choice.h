// Which notifications of the desktop a person wants: chosen in the panel, obeyed by the helper in the tray from the
// next thing that it tells. What waits for an answer waits in the inbox and in the window that asks whatever is chosen
// here.
#pragma once

#include <QString>

namespace ringfence::ui {

enum class NoticeKind {
  kQuestion,  // an agent waits for an answer
  kStop,      // everything was stopped
  kFailure,   // what the person ordered could not be done
};
inline constexpr NoticeKind kNoticeKinds[] = {NoticeKind::kQuestion, NoticeKind::kStop, NoticeKind::kFailure};

// Unless it was chosen otherwise: wanted. Both look at the person's settings, a small file.
enum class Wanted { kNo, kYes };
Wanted wantedOf(NoticeKind kind);
void setWanted(NoticeKind kind, Wanted wanted);

}  // namespace ringfence::ui
