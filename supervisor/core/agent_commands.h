// What agents want of their own run, as commands. Part of supervisor/core/command.h. The run is known by the socket
// that it came through, and by nothing that an agent says.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/run_id.h"
#include "supervisor/core/agent_facts.h"

namespace ringfence::supervisor {

struct UsageReport {
  std::string id;
  ModelUsage usage;
};
// Those of one run that came together, bounded as the api has them. What was counted before is left out.
struct ReportUsage {
  RunId run;
  std::vector<UsageReport> reports;
};
// What answers of models stated that came through the egress of a run.
struct CountAnswers {
  RunId run;
  ModelUsage usage;
};
// An agent's brake: freezes its own run, until a person lets it go on.
struct AgentStops {
  RunId run;
  std::string why;
};

}  // namespace ringfence::supervisor
