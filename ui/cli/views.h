// What people see of runs and of the log. Every untrusted text is escaped here. Pure.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/client/client.h"
#include "ui/cli/format.h"

namespace ringfence::cli {

// Fits into lines of `columns` by shortening names and commands; 0: lines have no end.
std::string runTable(const std::vector<client::RunDetails>& runs, Microseconds now, std::size_t columns = 0);
std::string runPage(const client::RunDetails& run, Microseconds now, Colour colour);
std::string usageTable(const std::vector<client::UsageRow>& rows);
// What was spent today; empty: nothing is known of any.
std::string spendingTable(const std::vector<client::DaySpending>& spendings);
std::string seriesTable(const std::vector<client::UsageBucket>& series);
std::string deviceLines(const client::Device& device);
std::string logText(const client::LogLine& line);  // one line, with its end
// "by the governor: REASON", "asked by uid 1000".
std::string heldText(const client::HeldBy& held);
// "asked by uid 1000, comes in 12s at the latest".
std::string pausingText(const client::Pausing& pausing);
// "waiting up to 12s for coder (its agent says: "indexing 40 %")"; of one that is pausing.
std::string waitingText(const client::RunDetails& run);
// "exit 3", "killed by SIGKILL (out of memory)", "status unknown".
std::string exitText(const client::ExitStatus& exit);
// argv as a shell would read it, escaped for display.
std::string commandText(const std::vector<std::string>& command);

}  // namespace ringfence::cli
