// An agent that keeps to a budget: it tells what each call to a model used, and stops asking when nothing is left.
#include <cstdint>
#include <cstdio>
#include <string>

#include "sdk/agent/agent.h"

int main() {
  ringfence::Agent agent;
  if (!agent.absent().empty()) std::fprintf(stderr, "spender: %s\n", agent.absent().c_str());
  for (std::uint64_t call = 1; call <= 3; ++call) {
    (void)agent.say("asking the model for the " + std::to_string(call) + ". time");
    ringfence::AgentUsage usage;
    usage.model = "small";
    usage.inputTokens = 300 * call;
    usage.outputTokens = 50;
    usage.id = "call-" + std::to_string(call);
    const auto totals = agent.reportUsage(usage);
    if (!totals) continue;
    const std::uint64_t used = totals->inputTokens + totals->outputTokens;
    std::printf("%llu tokens used\n", static_cast<unsigned long long>(used));
    if (totals->tokensLimit && used >= *totals->tokensLimit) break;
  }
  (void)agent.safePoint();
  return agent.absent().empty() && !agent.flush() ? 1 : 0;
}
