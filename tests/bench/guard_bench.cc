// How long an agent waits for an answer that its policy knows: guard_bench QUESTIONS, inside a fence.
//
// Prints the median and the 99th percentile in microseconds. It asks 400 times a second: more a run is not answered.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "sdk/agent/agent.h"

int main(int count, char** words) {
  const int questions = count > 1 ? std::atoi(words[1]) : 1000;
  ringfence::Agent agent;
  std::vector<double> took;
  for (int i = 0; i < questions; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const ringfence::AgentVerdict verdict = agent.guard({.target = "search"}, std::chrono::seconds(20));
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - began;
    if (!verdict) {
      std::fprintf(stderr, "%s: %s\n", verdict.outcome.c_str(), verdict.say.c_str());
      return 1;
    }
    took.push_back(time.count());
    std::this_thread::sleep_until(began + std::chrono::microseconds(2500));
  }
  std::sort(took.begin(), took.end());
  std::printf("%.1f %.1f\n", took[took.size() / 2], took[took.size() * 99 / 100]);
  return 0;
}
