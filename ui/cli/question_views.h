// What people see of questions and grants. What an agent wrote is escaped and never cut where somebody decides by it.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/client/client.h"
#include "ui/cli/format.h"

namespace ringfence::cli {

// All that a person needs to decide, and the commands that answer. Breaks lines at `columns`; 0: lines have no end.
std::string questionCard(const client::PendingItem& item, Microseconds now, std::size_t columns, Colour colour);
// "question 17 of r-…: expired; the agent was told no, this once".
std::string goneText(const client::PendingGone& gone);
// "run git push origin main", "delete /home/ada/x", "connect to example.org:443".
std::string actionText(const client::PendingAction& action);
std::string grantTable(const std::vector<client::GrantRow>& grants, std::size_t columns = 0);
std::string whyText(const client::PendingAction& action, const client::WhyAnswer& why, std::size_t columns);

// One line for the terminal that the agent has, without an end: "ringfence: coder asks to run …". Fits into `columns`.
// "ringfence: r-1 is paused: REASON; 'ringfence resume r-1' lets it go on".
std::string governedText(const std::string& run, const client::Governed& governed);
std::string announcement(const client::PendingItem& item, std::size_t columns);

}  // namespace ringfence::cli
