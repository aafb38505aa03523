// An agent that works through a list and keeps where it is: killed at any moment and started again, it goes on there,
// and enters each line into the ledger once.
//
//   ringfence run --read build/release/bin -- build/release/bin/ringfence-batch-agent ITEMS LEDGER
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "sdk/agent/agent.h"
#include "sdk/agent/checkpoint.h"

namespace {

std::vector<std::string> linesOf(const char* path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line) && !file.eof();) lines.push_back(line);  // Half a line is none.
  return lines;
}

// Somebody else's service, as far as this agent is concerned: it remembers request ids, so that a request that is made
// twice has its effect once.
bool enter(const char* ledger, const std::string& request, const std::string& text) {
  for (const std::string& line : linesOf(ledger))
    if (line.compare(0, request.size() + 1, request + "\t") == 0) return true;
  std::ofstream file(ledger, std::ios::app);
  file << request + "\t" + text + "\n" << std::flush;
  return file.good();
}

int fail(const std::string& why) {
  std::fprintf(stderr, "batch_agent: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail("ITEMS LEDGER");
  ringfence::Agent agent;
  ringfence::CheckpointOptions options;
  options.agent = &agent;
  ringfence::CheckpointTrouble trouble;
  auto checkpoint = ringfence::Checkpoint::open("batch_agent", options, trouble);
  if (!checkpoint) return fail(trouble.say);
  const auto kept = checkpoint->restore();
  std::size_t next = kept ? std::strtoull(kept->dataJson.c_str(), nullptr, 10) : 0;
  std::printf("from %zu\n", next);
  const std::vector<std::string> items = linesOf(argv[1]);
  for (; next < items.size(); ++next) {
    const std::string request = "item-" + std::to_string(next);
    (void)agent.progress(items[next], static_cast<unsigned>(next * 100 / items.size()));
    const auto entered = checkpoint->once(
        request,
        [&] { return enter(argv[2], request, items[next]) ? std::optional<std::string>("true") : std::nullopt; },
        ringfence::Checkpoint::Unsure::kAgain);
    if (!entered || !checkpoint->save(std::to_string(next + 1))) return fail(checkpoint->trouble().say);
    (void)checkpoint->forget(request);  // It is behind what was kept.
  }
  std::printf("all %zu\n", next);
  return 0;
}
