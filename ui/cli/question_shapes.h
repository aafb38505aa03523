// JSON of questions, grants and judgements, by the rules of ui/cli/shapes.h. Pure.
#pragma once

#include <string>

#include "sdk/client/client.h"

namespace ringfence::cli {

// "read", "write", "exec", "connect", "call"; "unknown" for what a newer daemon names.
std::string_view operationName(client::Operation operation);
std::string_view scopeName(client::Scope scope);
std::string_view decisionName(client::Decision decision);
std::string_view settlementName(client::Settlement settlement);

std::string pendingJson(const client::PendingItem& item);
std::string goneJson(const client::PendingGone& gone);
std::string pendingEventJson(const client::PendingEvent& event);
std::string grantJson(const client::GrantRow& grant);
std::string whyJson(const client::PendingAction& action, const client::WhyAnswer& why);

}  // namespace ringfence::cli
