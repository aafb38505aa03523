// The words of policy files for the values of a Document, as people read them in plans and answers.
#pragma once

#include "policy/document.h"

namespace ringfence::policy {

const char* wordOf(WallStrength strength);
const char* wordOf(PriorityClass priority);
const char* wordOf(Decision decision);
const char* wordOf(Operation operation);
const char* wordOf(OnLimit onLimit);

}  // namespace ringfence::policy
