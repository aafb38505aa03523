// `forbid` inside what is granted, as masks.
#pragma once

#include <string>
#include <vector>

#include "policy/document.h"
#include "policy/evaluate.h"
#include "sandbox/plan/grants.h"

namespace ringfence::sandbox {

struct Masks {
  std::vector<MaskPath> steps;
  // Rules that need no mask, because nothing of theirs is granted: they do not exist inside.
  std::vector<policy::PathRule> absent;
};

// Fails with kInvalid for a pattern that cannot be bounded, naming it and where it is written.
Result<Masks> makeMasks(const policy::Document& document, const LaunchRequest& request,
                        const std::vector<Grant>& grants);

// What has to stay readable for tools to work while nobody may change it; all else is hidden.
MaskKind maskKindOf(const policy::PathRule& rule);

}  // namespace ringfence::sandbox
