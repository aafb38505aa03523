#include "ui/cli/protection_measure.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "sdk/base/clock.h"
#include "sdk/base/io.h"
#include "ui/cli/own_folder.h"

namespace ringfence::cli {
namespace {

using Nanoseconds = std::int64_t;

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kPeriod = 4'000'000;
constexpr Nanoseconds kWork = 1'000'000;
constexpr int kRounds = 4;
constexpr int kFrames = 50;                  // a window: 200 ms
constexpr Nanoseconds kSettle = 30'000'000;  // between a change and the first frame
constexpr const char* kPolicy =
    "schema = 1\nname = \"protection\"\nextends = [\"offline\"]\n[priority]\nclass = \"background\"\n";

Nanoseconds clockNow(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

void sleepUntil(Nanoseconds when) {
  const timespec time{when / kSecond, when % kSecond};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {}
}

void work(std::uint64_t steps) {
  volatile std::uint64_t state = 1;
  for (std::uint64_t step = 0; step < steps; ++step) state = state * 6364136223846793005ULL + 1;
}

// The number of steps that take kWork undisturbed.
std::uint64_t calibrate() {
  constexpr std::uint64_t kSteps = 50'000;
  Nanoseconds best = kSecond;
  for (int i = 0; i < 20; ++i) {
    const Nanoseconds begun = clockNow(CLOCK_MONOTONIC);
    work(kSteps);
    best = std::min(best, clockNow(CLOCK_MONOTONIC) - begun);
  }
  return kSteps * static_cast<std::uint64_t>(kWork) / static_cast<std::uint64_t>(std::max<Nanoseconds>(best, 1));
}

// Adds microseconds from each planned start to the end of its work.
void addFrames(std::vector<double>& ends, std::uint64_t steps) {
  sleepUntil(clockNow(CLOCK_MONOTONIC) + kSettle);
  Nanoseconds planned = clockNow(CLOCK_MONOTONIC) + kPeriod;
  for (int frame = 0; frame < kFrames; ++frame) {
    sleepUntil(planned);
    work(steps);
    const Nanoseconds done = clockNow(CLOCK_MONOTONIC);
    ends.push_back(static_cast<double>(done - planned) / 1000);
    planned = std::max(planned + kPeriod, done);
  }
}

int processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

// Work that nothing holds: processes of this program's own, which stand still but when let go.
class Uncontrolled {
 public:
  explicit Uncontrolled(int count) {
    for (int i = 0; i < count; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)::raise(SIGSTOP);
        for (;;) work(100'000);
      }
      if (child < 0) continue;
      children_.push_back(child);
      int status = 0;
      (void)::waitpid(child, &status, WUNTRACED);
    }
  }
  ~Uncontrolled() {
    signal(SIGKILL);
    for (const pid_t child : children_) (void)::waitpid(child, nullptr, 0);
  }
  Uncontrolled(const Uncontrolled&) = delete;
  Uncontrolled& operator=(const Uncontrolled&) = delete;
  void signal(int number) const {
    for (const pid_t child : children_) (void)::kill(child, number);
  }

 private:
  std::vector<pid_t> children_;
};

// "/a/b" of the line of the hierarchy that has the processors.
std::optional<std::string> processorGroup(const std::string& pid) {
  auto text = readFileAt(AT_FDCWD, "/proc/" + pid + "/cgroup", kibibytes(64));
  if (!text) return std::nullopt;
  std::optional<std::string> unified;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    at = end + 1;
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers.find(",cpu,") != controllers.npos) return line.substr(second + 1);
    if (controllers == ",,") unified = line.substr(second + 1);
  }
  return unified;
}

// Of "cpu.idle" in that group, in whichever hierarchy has it.
std::optional<bool> isIdle(const std::string& group) {
  for (const char* mount : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup"}) {
    auto text = readFileAt(AT_FDCWD, mount + group + "/cpu.idle", kibibytes(1));
    if (text) return text->starts_with("1");
  }
  return std::nullopt;
}

bool startsWith(const char* path, std::string_view wanted) {
  auto text = readFileAt(AT_FDCWD, path, kibibytes(1));
  return text && text->starts_with(wanted);
}

Placement placementOf(int agent) {
  Placement placement;
  placement.personGroup = processorGroup("self");
  placement.agentGroup = processorGroup(std::to_string(agent));
  if (placement.personGroup && placement.agentGroup) {
    const std::string branch = branchOf(*placement.agentGroup, *placement.personGroup);
    if (!branch.empty()) placement.branchIsIdle = isIdle(branch);
  }
  placement.schedExt = startsWith("/sys/kernel/sched_ext/state", "enabled");
  placement.autogroup = startsWith("/proc/sys/kernel/sched_autogroup_enabled", "1");
  return placement;
}

std::string kernelRelease() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "";
}

std::string keptFile() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/ringfence/protection.json";
  const char* home = std::getenv("HOME");
  return home != nullptr && home[0] == '/' ? std::string(home) + "/.local/state/ringfence/protection.json" : "";
}

std::vector<Protection> allKept() {
  auto text = readFileAt(AT_FDCWD, keptFile(), mebibytes(1));
  return text ? parseProtections(*text) : std::vector<Protection>();
}

client::RunRequest busyAgent(const OwnFolder& folder, int workers) {
  client::RunRequest request;
  request.name = "protection";
  request.policyFile = client::PolicyText{"protection", kPolicy};
  request.workspace = request.workingDirectory = folder.path;
  request.workspaceFd = folder.fd.get();
  request.argv = {"sh", "-c",
                  "i=1; while [ $i -lt " + std::to_string(workers) +
                      " ]; do (while :; do :; done) & i=$((i+1)); done; while :; do :; done"};
  request.executable = std::filesystem::canonical("/bin/sh").string();
  request.environment = {{"PATH", "/usr/bin:/bin"}};
  request.stdio = client::StdioMode::kCaptured;
  request.detached = true;
  return request;
}

template <typename T>
std::optional<client::Failure> failureOf(const client::Answer<T>& answer) {
  const auto* failure = std::get_if<client::Failure>(&answer);
  return failure != nullptr ? std::optional(*failure) : std::nullopt;
}

// The processor time that the run has used, in seconds.
double usedBy(client::Client& client, const std::string& run) {
  const auto answer = client.usage(run);
  const auto* report = std::get_if<client::UsageReport>(&answer);
  if (report == nullptr || report->rows.empty()) return 0;
  return static_cast<double>(report->rows.front().usage.cpuUsec.value_or(0)) / 1e6;
}

std::optional<client::Failure> takeSamples(client::Client& client, const std::string& run, ProtectionSamples& samples) {
  using Verb = client::Client::Verb;
  const int count = processors();
  const Uncontrolled uncontrolled(2 * count);
  const std::uint64_t steps = calibrate();
  for (int round = 0; round < kRounds; ++round) {
    addFrames(samples.alone, steps);
    if (auto failed = failureOf(client.act(Verb::kResume, run))) return failed;
    const double before = usedBy(client, run);
    const Nanoseconds begun = clockNow(CLOCK_MONOTONIC), own = clockNow(CLOCK_PROCESS_CPUTIME_ID);
    addFrames(samples.besideAgent, steps);
    const double took = static_cast<double>(clockNow(CLOCK_MONOTONIC) - begun) / kSecond;
    samples.leftCpuSeconds += took * count - static_cast<double>(clockNow(CLOCK_PROCESS_CPUTIME_ID) - own) / kSecond;
    samples.agentCpuSeconds += usedBy(client, run) - before;
    if (auto failed = failureOf(client.act(Verb::kFreeze, run))) return failed;
    uncontrolled.signal(SIGCONT);
    addFrames(samples.besideUncontrolled, steps);
    uncontrolled.signal(SIGSTOP);
  }
  return std::nullopt;
}

// Nothing of it is left when the answer is shown. What does not end in that time is shown by `ringfence ps`.
void endAgent(client::Client& client, const std::string& run) {
  (void)client.act(client::Client::Verb::kKill, run);
  for (int tries = 0; tries < 200; ++tries) {
    const auto answer = client.show(run);
    const auto* details = std::get_if<client::RunDetails>(&answer);
    if (details == nullptr || details->state == "ended") return;
    sleepUntil(clockNow(CLOCK_MONOTONIC) + kSecond / 100);
  }
}

}  // namespace

std::variant<Protection, client::Failure> measureProtection(client::Client& client, const std::string& layout) {
  using Verb = client::Client::Verb;
  const OwnFolder folder("measure");
  if (!folder.fd) return client::Failure{Error{ErrorCode::kUnavailable, "no temporary folder can be made", errno}, {}};
  const auto started = client.run(busyAgent(folder, 2 * processors()));
  if (auto failed = failureOf(started)) return *failed;
  const client::RunAccepted& agent = std::get<client::RunAccepted>(started);
  const Placement placement = placementOf(agent.pid);
  ProtectionSamples samples;
  samples.workMicroseconds = static_cast<double>(kWork) / 1000;
  auto failed = failureOf(client.act(Verb::kFreeze, agent.run));
  if (!failed) failed = takeSamples(client, agent.run, samples);
  endAgent(client, agent.run);
  if (failed) return *failed;
  Protection protection = judge(samples, placement);
  protection.kernel = kernelRelease();
  protection.layout = layout;
  protection.at = formatRfc3339(SystemClock().now().wall);
  return protection;
}

Result<void> keepProtection(const Protection& protection) {
  const std::string path = keptFile();
  if (path.empty()) return Error{ErrorCode::kNotFound, "HOME is not set, so the measurement is not kept", 0};
  std::error_code wrong;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), wrong);
  const std::string text = keptProtections(allKept(), protection), fresh = path + ".new";
  auto file = openAt(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC);
  const bool written = file && ::write(file->get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) {
    return Error{ErrorCode::kUnavailable, "keeping the measurement in " + path, errno};
  }
  return {};
}

std::optional<Protection> keptProtection(const std::string& layout) {
  for (Protection& one : allKept()) {
    if (one.kernel == kernelRelease() && one.layout == layout) return std::move(one);
  }
  return std::nullopt;
}

}  // namespace ringfence::cli
