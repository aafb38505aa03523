// How fast the log takes facts durably, and how fast all of it is verified: log_bench FILE FACTS
// Facts come in groups of 64, as long as the queue has room for them; each group's time is from its append until it is
// on the disk. Prints "facts/s durable, p99 of a group in ms, seconds to verify", and fails when a fact is missing or
// the chain does not hold.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "supervisor/store/sqlite_store.h"
#include "supervisor/store/verify_log.h"

namespace {

using namespace ringfence;
using namespace ringfence::supervisor;
using Steady = std::chrono::steady_clock;

constexpr std::uint64_t kGroup = 64;
// As many groups wait as runs that each do something at the same time would make.
constexpr std::size_t kWaiting = 16;

struct Waiting {
  std::uint64_t last = 0;
  Steady::time_point since;
};

Fact factOf(std::uint64_t seq) {
  return {.seq = seq,
          .run = *RunId::parse("r-0000000000000001"),
          .at = {Microseconds(seq), Microseconds(seq), Microseconds(seq)},
          .bootId = "boot",
          .body = RunResumed{1000, "a person let it go on, and said why in about as many words as people use"}};
}

double millisecondsSince(Steady::time_point begun) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begun).count();
}

// Milliseconds that each group took; empty: it failed.
std::vector<double> fill(Store& store, std::uint64_t facts) {
  std::vector<double> took;
  std::deque<Waiting> waiting;
  for (std::uint64_t next = 1; next <= facts || !waiting.empty();) {
    while (next <= facts && waiting.size() < kWaiting) {
      std::vector<Fact> group;
      for (std::uint64_t i = 0; i < kGroup && next <= facts; ++i) group.push_back(factOf(next++));
      waiting.push_back({next - 1, Steady::now()});
      if (auto queued = store.append(group); !queued)
        return std::fprintf(stderr, "%s\n", queued.error().message.c_str()), took;
    }
    pollfd news{store.eventFd(), POLLIN, 0};
    (void)::poll(&news, 1, 1000);
    const Progress progress = store.progress();
    if (progress.failure) return std::fprintf(stderr, "%s\n", progress.failure->message.c_str()), std::vector<double>{};
    for (; !waiting.empty() && waiting.front().last <= progress.durableSeq; waiting.pop_front())
      took.push_back(millisecondsSince(waiting.front().since));
  }
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t facts = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (facts == 0) return std::fputs("usage: log_bench FILE FACTS\n", stderr), 2;
  auto opened = SqliteStore::open(argv[1]);
  if (!opened) return std::fprintf(stderr, "log_bench: %s\n", opened.error().message.c_str()), 1;
  const auto begun = Steady::now();
  std::vector<double> took = fill(*opened->store, facts);
  const double seconds = millisecondsSince(begun) / 1e3;
  opened->store.reset();
  if (took.empty()) return 1;
  std::sort(took.begin(), took.end());
  const auto reading = Steady::now();
  const auto report = verifyLog(argv[1], "");
  const double verified = millisecondsSince(reading) / 1e3;
  if (!report || !report->ok || report->facts != facts)
    return std::fprintf(stderr, "log_bench: %s\n", report ? report->detail.c_str() : report.error().message.c_str()), 1;
  std::printf("%.0f %.2f %.2f\n", static_cast<double>(facts) / seconds, took[took.size() * 99 / 100], verified);
  return 0;
}
