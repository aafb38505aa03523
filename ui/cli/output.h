// Where this program's own words go, and how a failure becomes an exit status. Blocks as the descriptors do.
#pragma once

#include <string>
#include <string_view>

#include "sdk/base/error.h"
#include "sdk/client/client.h"
#include "ui/cli/format.h"

namespace ringfence::cli {

enum ExitStatus : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitUnreachable = 3,
  kExitDenied = 4,
  kExitNotApproved = 5,
  kExitPolicyInvalid = 6,
  kExitNotStarted = 125,
};

enum class Form { kText, kJson };

// To stdout, whole. A closed pipe ends the program by SIGPIPE, like every filter.
void print(std::string_view text);
void printLine(std::string_view text);
// "ringfence: MESSAGE" on stderr; `message` is escaped already.
void complain(std::string_view message);

// Colour for stdout: a terminal, and NO_COLOR not set.
Colour stdoutColour();

std::string socketPath();
// Says what went wrong on stderr (with Form::kJson as one JSON object) and returns the status to end with.
int fail(const Error& error, Form form);
int fail(const client::Failure& failure, Form form);
// A launch that did not happen: the reason, then the line "ringfence: not started: TOKEN".
int failStart(std::string_view message, std::string_view token, int exitStatus, Form form);

// Several lines of text, each escaped for display, line ends and indentation kept.
std::string escapeLines(std::string_view text);

}  // namespace ringfence::cli
