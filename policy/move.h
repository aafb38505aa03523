// Moving a folder moves everything in it out of the reach of some rules and into that of others, though no rule speaks
// of the folder itself.
#pragma once

#include <optional>
#include <string_view>

#include "policy/evaluate.h"

namespace ringfence::policy {

enum class MovePlace { kFrom, kTo };
struct MoveVerdict {
  MovePlace place = MovePlace::kFrom;  // of the two the one that the rule is about
  Verdict verdict;
};

// The strictest rule about changes or reads that speaks of other things below `to` than it did below `from`: forbid
// forbids, and so does a rewrite to another path; ask asks. Nothing where each rule speaks of the same ones ("**/*.pem"
// does, wherever a folder goes). To be asked beside evaluate() for both paths, which is about what is moved itself, and
// of whatever is moved: what is no folder now may be one a moment later. Both absolute and normal.
std::optional<MoveVerdict> judgeMove(const Document& document, const Places& places, std::string_view from,
                                     std::string_view to);

}  // namespace ringfence::policy
