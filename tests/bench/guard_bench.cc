// How long an agent waits for an answer that its policy knows: guard_bench QUESTIONS PAUSE, inside a fence.
//
// Prints the median and the 99th percentile in microseconds. PAUSE: microseconds from one question to the next; 0: one
// right after the other, 250 of them and then a second of rest, for not more than 500 a second are answered.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "sdk/agent/agent.h"

int main(int count, char** words) {
  constexpr int kInARow = 250;
  if (count != 3) {
    std::fputs("usage: guard_bench QUESTIONS PAUSE\n", stderr);
    return 2;
  }
  const int questions = std::atoi(words[1]);
  const std::chrono::microseconds pause(std::atoi(words[2]));
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
    std::this_thread::sleep_until(began + pause);
    if (pause.count() == 0 && i % kInARow == kInARow - 1) std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  std::sort(took.begin(), took.end());
  std::printf("%.1f %.1f\n", took[took.size() / 2], took[took.size() * 99 / 100]);
  return 0;
}
