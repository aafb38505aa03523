// How fast the control socket answers: api_bench SOCKET CONNECTIONS REQUESTS
// Each connection asks for the list of runs, one request after another. Prints "requests/s median_us p99_us".
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "sdk/client/client.h"

namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

// Empty when the daemon refused or went away.
std::vector<double> measure(const std::string& socket, std::size_t requests) {
  auto client = ringfence::client::Client::connectTo(socket);
  if (!client) {
    std::fprintf(stderr, "api_bench: %s\n", client.error().message.c_str());
    return {};
  }
  std::vector<double> took;
  took.reserve(requests);
  for (std::size_t i = 0; i < requests; ++i) {
    const auto begun = Clock::now();
    const auto answer = client->list(false);
    if (const auto* failure = std::get_if<ringfence::client::Failure>(&answer)) {
      std::fprintf(stderr, "api_bench: %s\n", failure->error.message.c_str());
      return {};
    }
    took.push_back(Microseconds(Clock::now() - begun).count());
  }
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: api_bench SOCKET CONNECTIONS REQUESTS\n");
    return 2;
  }
  const std::size_t connections = std::strtoul(argv[2], nullptr, 10);
  const std::size_t requests = std::strtoul(argv[3], nullptr, 10);
  if (connections == 0 || requests < connections) return 2;
  std::vector<std::vector<double>> results(connections);
  const auto begun = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] { results[i] = measure(argv[1], requests / connections); });
  }
  for (auto& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  std::vector<double> all;
  for (const auto& one : results) {
    if (one.empty()) return 1;
    all.insert(all.end(), one.begin(), one.end());
  }
  std::sort(all.begin(), all.end());
  std::printf("%.1f %.1f %.1f\n", static_cast<double>(all.size()) / seconds, all[all.size() / 2],
              all[all.size() * 99 / 100]);
  return 0;
}
