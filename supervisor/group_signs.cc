#include "supervisor/group_signs.h"

#include "sdk/base/text.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kCertainAfter{300};

}  // namespace

std::optional<GroupFinding> judgeGroups(const LifeState& life, const GroupSigns& signs) {
  const bool runs = std::holds_alternative<Running>(life);
  if (!runs && !std::holds_alternative<Frozen>(life)) return std::nullopt;
  if (signs.elsewhere) {
    return GroupFinding{GroupTrouble::kMovedOut, "another program moved it out of its control groups (process " +
                                                     std::to_string(signs.elsewhere->pid) + " is in " +
                                                     escapeForDisplay(signs.elsewhere->group) +
                                                     "), which neither limit nor stop it any more"};
  }
  if (!signs.isHeld || signs.isLettingGo) return std::nullopt;
  if (runs) {
    if (!*signs.isHeld) return std::nullopt;
    return GroupFinding{GroupTrouble::kFrozen, "another program froze its control groups; resume it to let it go on"};
  }
  if (*signs.isHeld || signs.isBranchHeld) return std::nullopt;
  return GroupFinding{GroupTrouble::kThawed, "another program let it run while it was to be held; it is held again"};
}

bool GroupSuspicion::note(const std::optional<GroupFinding>& found, Microseconds now) {
  const bool isSame = found && seen_ == found;
  const bool isCertain =
      found && (found->trouble == GroupTrouble::kThawed || (isSame && now - since_ >= kCertainAfter));
  if (!found || isCertain) {
    seen_.reset();
    return isCertain;
  }
  if (!isSame) {
    seen_ = found;
    since_ = now;
  }
  return false;
}

std::optional<Microseconds> GroupSuspicion::lookAgainAt() const {
  return seen_ ? std::optional<Microseconds>(since_ + kCertainAfter) : std::nullopt;
}

}  // namespace ringfence::supervisor
