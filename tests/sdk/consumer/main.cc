#include <ringfence/agent.h>

#include <iostream>

int main() {
  ringfence::Agent agent;
  ringfence::AgentUsage usage;
  usage.model = "small";
  usage.inputTokens = 1;
  if (agent.reportUsage(usage) || agent.stop("nobody is there") || agent.absent().empty()) return 1;
  std::cout << agent.trouble() << '\n';
  return 0;
}
