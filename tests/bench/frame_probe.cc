// A program of the person's that has a deadline, like a window that draws: every PERIOD it wakes up, does the same
// amount of work, and says how late it woke and when it was done.
//
//   frame_probe calibrate MICROSECONDS           how many steps of work that takes on this machine when nobody disturbs
//   frame_probe frames PERIOD_US STEPS COUNT     for each frame one line: microseconds from the planned start to the
//                                                wake-up, and to the end of the work
//   frame_probe saturate SECONDS                 works without a pause
//
// A frame that ends late is not made up for: the next one begins at its own time, or at once when that is past.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kNanoseconds + time.tv_nsec;
}

void sleepUntil(std::int64_t when) {
  const timespec time{when / kNanoseconds, when % kNanoseconds};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {}
}

// Some steps of arithmetic that no compiler can leave out.
void work(std::uint64_t steps) {
  volatile std::uint64_t state = 88172645463325252ULL;
  for (std::uint64_t step = 0; step < steps; ++step) {
    std::uint64_t x = state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    state = x;
  }
}

std::uint64_t calibrate(std::int64_t microseconds) {
  constexpr std::uint64_t kSteps = 200'000;
  std::vector<std::int64_t> took(50);
  for (auto& one : took) {
    const std::int64_t begun = now();
    work(kSteps);
    one = now() - begun;
  }
  std::ranges::sort(took);
  return kSteps * static_cast<std::uint64_t>(microseconds * 1000) / static_cast<std::uint64_t>(took[took.size() / 4]);
}

struct Frame {
  std::int64_t woke = 0, done = 0;
};

void frames(std::int64_t periodUs, std::uint64_t steps, std::size_t count) {
  std::vector<Frame> seen(count);
  const std::int64_t period = periodUs * 1000;
  std::int64_t planned = now() + period;
  for (Frame& frame : seen) {
    sleepUntil(planned);
    frame.woke = now() - planned;
    work(steps);
    const std::int64_t done = now();
    frame.done = done - planned;
    planned = std::max(planned + period, done - (done - planned) % period);
  }
  for (const Frame& frame : seen) std::printf("%.1f %.1f\n", double(frame.woke) / 1000, double(frame.done) / 1000);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  if (argc == 3 && words[1] == "calibrate") {
    std::printf("%llu\n", static_cast<unsigned long long>(calibrate(std::atoll(argv[2]))));
  } else if (argc == 5 && words[1] == "frames") {
    frames(std::atoll(argv[2]), std::strtoull(argv[3], nullptr, 10), std::strtoul(argv[4], nullptr, 10));
  } else if (argc == 3 && words[1] == "saturate") {
    const std::int64_t end = now() + static_cast<std::int64_t>(std::atof(argv[2]) * double(kNanoseconds));
    while (now() < end) work(100'000);
  } else {
    std::fputs("usage: frame_probe calibrate US | frames PERIOD_US STEPS COUNT | saturate SECONDS\n", stderr);
    return 2;
  }
  return 0;
}
