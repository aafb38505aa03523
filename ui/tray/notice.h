// What a notification of the desktop says: of the questions of one run, of the emergency stop, of what was not done.
// Pure. There is no "Allow" in any of them: what is decided is shown whole, in the prompt.
#pragma once

#include <QString>
#include <QStringList>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::ui {

// What a notification server can do, as it says.
struct Abilities {
  bool actions = false;
  bool bodyMarkup = false;  // then what is text must be escaped
};

enum class Urgency { kNormal = 1, kCritical = 2 };  // the numbers of the specification
// Who may see the screen: its owner, or whoever passes by.
enum class Audience { kOwner, kAnybody };
// Whether the desktop was told not to disturb.
enum class Quiet { kNo, kYes };

struct Notice {
  QString summary, body;
  QStringList actions;  // key, label, key, label, …
  Urgency urgency = Urgency::kNormal;
  bool isResident = false;  // stays until it is answered
  QString category;
  bool operator==(const Notice&) const = default;
};

struct Setting {
  Abilities abilities;
  Audience audience = Audience::kOwner;
  Quiet quiet = Quiet::kNo;
};

// `questions`: of one run, the oldest first; not empty. To anybody: which run and what kind of question, no more.
Notice questionNotice(const std::vector<client::PendingItem>& questions, const Setting& setting);
// Of a run that stands still until a person decides.
Notice heldNotice(const client::RunDetails& run, const Setting& setting);
Notice stopNotice(const client::StopState& stop, const Setting& setting);
// `why`: made fit for showing already.
Notice failureNotice(const QString& why, const Setting& setting);

// What a click in a notification asks for. A denial names the question as it was shown: it never meets another one.
struct Review {};
struct DenyOne {
  std::uint64_t question = 0;
  std::string digest;
};
struct PauseRun {
  std::string run;
};
struct OpenPanel {};
using Wish = std::variant<Review, DenyOne, PauseRun, OpenPanel>;

// Absent: no key of ours.
std::optional<Wish> wishOf(const QString& actionKey);

}  // namespace ringfence::ui
