// What a notified and verified exec costs: vfork, exec, wait of the same program, with a warden and without, taking
// turns. Prints medians and tenths; the ratio is only held to be sane, because machines are noisy.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <iostream>

#include "tests/sandbox/warden/world.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

namespace {

constexpr int kTurns = 2000;

policy::Document running() {
  policy::Document document;
  document.files.read.push_back({.pattern = "/usr", .origin = {}});
  // As many rules as a person may have, of which none speaks of this program.
  for (int i = 0; i < 50; ++i)
    document.exec.push_back({.match = {"program" + std::to_string(i)}, .decide = policy::Decision::kAsk});
  return document;
}

// One side: for each byte that comes, executes once and says how many nanoseconds that took.
class Side {
 public:
  explicit Side(Notified notified) : world_({.document = running(), .notified = notified}) {
    REQUIRE(::pipe2(turn_.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(time_.data(), O_CLOEXEC) == 0);
    world_.start([this] { return serve(); });
    ::close(turn_[0]);
    ::close(time_[1]);
  }
  ~Side() { ::close(turn_[1]); }

  std::int64_t once() {
    std::int64_t nanoseconds = 0;
    REQUIRE(::write(turn_[1], "t", 1) == 1);
    REQUIRE(::read(time_[0], &nanoseconds, sizeof nanoseconds) == sizeof nanoseconds);
    if (++done_ % 500 == 0) (void)world_.allowed();  // as the daemon empties the ring
    return nanoseconds;
  }

 private:
  int serve() {
    ::close(turn_[1]);
    char turn = 0;
    while (::read(turn_[0], &turn, 1) == 1) {
      const auto begin = std::chrono::steady_clock::now();
      const pid_t child = ::vfork();
      if (child == 0) {
        ::execl("/usr/bin/true", "true", "an argument", nullptr);
        ::_exit(1);
      }
      int status = 0;
      if (::waitpid(child, &status, 0) != child || status != 0) return 1;
      const std::int64_t took = (std::chrono::steady_clock::now() - begin).count();
      if (::write(time_[1], &took, sizeof took) != sizeof took) return 1;
    }
    return 0;
  }

  std::array<int, 2> turn_{}, time_{};
  World world_;
  int done_ = 0;
};

double at(std::vector<std::int64_t>& times, double share) {
  std::ranges::sort(times);
  return static_cast<double>(times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))]) / 1000;
}

}  // namespace

TEST_CASE("a notified and verified exec costs little more than one without a warden") {
  Side natively(Notified::kNothing);
  Side guarded(Notified::kExec);
  std::vector<std::int64_t> without, with;
  for (int i = 0; i < kTurns; ++i) {
    without.push_back(natively.once());
    with.push_back(guarded.once());
  }
  for (const double share : {0.1, 0.5, 0.9}) {
    const double native = at(without, share), mediated = at(with, share);
    std::cout << "exec, " << share * 100 << " %: " << native << " us natively, " << mediated << " us guarded, "
              << mediated / native << "\n";
  }
  CHECK(at(with, 0.1) < 3 * at(without, 0.1));
}
