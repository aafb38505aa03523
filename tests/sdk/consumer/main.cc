#include <ringfence/agent.h>
#include <ringfence/checkpoint.h>

#include <iostream>

int main() {
  ringfence::Agent agent;
  ringfence::AgentUsage usage;
  usage.model = "small";
  usage.inputTokens = 1;
  if (agent.reportUsage(usage) || agent.stop("nobody is there") || agent.absent().empty()) return 1;
  ringfence::CheckpointOptions options;
  options.folder = "kept";
  ringfence::CheckpointTrouble trouble;
  auto checkpoint = ringfence::Checkpoint::open("consumer", options, trouble);
  if (!checkpoint || !checkpoint->save("[1]") || checkpoint->restore()->dataJson != "[1]") return 1;
  std::cout << agent.trouble() << '\n';
  return 0;
}
