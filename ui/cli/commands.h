// One function a verb: does it and returns the exit status. Listed in main.cc.
#pragma once

#include "ui/cli/command_line.h"
#include "ui/cli/output.h"

namespace ringfence::cli {

int runCommand(const Parsed& parsed);
int attachCommand(const Parsed& parsed);
int logsCommand(const Parsed& parsed);
int psCommand(const Parsed& parsed);
int showCommand(const Parsed& parsed);
int usageCommand(const Parsed& parsed);
int topCommand(const Parsed& parsed);
int freezeCommand(const Parsed& parsed);
int resumeCommand(const Parsed& parsed);
int stopCommand(const Parsed& parsed);
int killCommand(const Parsed& parsed);
int logCommand(const Parsed& parsed);
int exportCommand(const Parsed& parsed);
int verifyCommand(const Parsed& parsed);
int doctorCommand(const Parsed& parsed);
int pendingCommand(const Parsed& parsed);
int allowCommand(const Parsed& parsed);
int denyCommand(const Parsed& parsed);
int rewriteCommand(const Parsed& parsed);
int grantsCommand(const Parsed& parsed);
int whyCommand(const Parsed& parsed);
int priceCommand(const Parsed& parsed);
int pruneCommand(const Parsed& parsed);
int focusCommand(const Parsed& parsed);
int estopCommand(const Parsed& parsed);
int rearmCommand(const Parsed& parsed);
int mcpCommand(const Parsed& parsed);
int acpCommand(const Parsed& parsed);
int adapterCommand(const Parsed& parsed);
int shimCommand(const Parsed& parsed);

// Shows the output ring of an attached run without a terminal until it ends.
int followAttached(client::Client client, const std::string& run, UniqueFd ring);

inline Form formOf(const Parsed& parsed) { return parsed.has("json") ? Form::kJson : Form::kText; }

}  // namespace ringfence::cli
