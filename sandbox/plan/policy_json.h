// The resolved policy as JSON, as a run reads it in /run/ringfence/policy.json.
#pragma once

#include <string>

#include "policy/document.h"

namespace ringfence::sandbox {

std::string policyJson(const policy::Document& document, const std::string& hash);

}  // namespace ringfence::sandbox
