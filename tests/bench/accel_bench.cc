// What the metering of GPUs and NPUs costs: 20 runs of one process each, with 4 clients and 30 other descriptors, read
// ten times a second for ten seconds of its clock. Once from files that hold what a driver tells, once from the real
// /proc with nodes that have no driver. Prints the time of the processor for a second of metering.
//   accel_bench
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <numeric>
#include <vector>

#include "supervisor/meter/accel/backends.h"
#include "supervisor/meter/accel/ledger.h"
#include "tests/supervisor/accel/fake_machine.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::test;

namespace {

constexpr int kRuns = 20, kClients = 4, kOthers = 30, kReadings = 100;

double processorMs() {
  timespec now{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// As long as what a discrete GPU tells.
std::string infoOf(int client, std::uint64_t cycles) {
  std::string info = "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t284\ndrm-driver:\txe\ndrm-client-id:\t" +
                     std::to_string(client) + "\ndrm-pdev:\t0000:03:00.0\n";
  for (const char* region : {"system", "gtt", "vram0", "stolen"}) {
    for (const char* kind : {"total", "shared", "active", "resident", "purgeable"}) {
      info += std::string("drm-") + kind + "-" + region + ":\t23992 KiB\n";
    }
  }
  for (const char* engine : {"rcs", "bcs", "vcs", "vecs", "ccs"}) {
    info += std::string("drm-cycles-") + engine + ":\t" + std::to_string(cycles) + "\ndrm-total-cycles-" + engine +
            ":\t7655183225\ndrm-engine-capacity-" + engine + ":\t2\n";
  }
  return info;
}

void measure(const char* name, const MeterRoots& roots, DeviceOf deviceOf, const std::vector<int>& pids) {
  std::map<int, RunId> runs;
  for (std::size_t i = 0; i < pids.size(); ++i) runs.emplace(pids[i], numberedRun(static_cast<unsigned>(i) + 1));
  ClientReader reader(std::move(deviceOf));
  AccelLedger ledger;
  std::size_t clients = 0, unread = 0;
  const double before = processorMs();
  for (int i = 0; i < kReadings; ++i) {
    const Microseconds now{i * 100'000};
    const ClientReadings readings = reader.read(roots, pids, now);
    ledger.add(readings.clients, runs, now);
    clients += readings.clients.size();
    unread += readings.unreadDescriptors;
  }
  const double perSecond = (processorMs() - before) / (kReadings / 10.0);
  std::printf("%-14s %zu clients and %zu mute devices each time: %.2f ms in a second, %.2f %% of one processor\n", name,
              clients / kReadings, unread / kReadings, perSecond, perSecond / 10);
}

void measureFiles() {
  TempDir machine{TempDir::Where::kMemory};
  std::vector<int> pids(kRuns);
  std::iota(pids.begin(), pids.end(), 1000);
  for (const int pid : pids) {
    writeProcess(machine, pid, 1);
    for (int i = 0; i < kOthers; ++i) machine.write("proc/" + std::to_string(pid) + "/fd/" + std::to_string(i), "");
    for (int i = 0; i < kClients; ++i)
      writeDescriptor(machine, pid, 100 + i, "226:128", infoOf(pid * 10 + i, 28257900));
  }
  measure("from files", rootsOf(machine.path()), deviceOfSidecar, pids);
}

int measureReal() {
  TempDir directory;
  const std::string node = directory.path() + "/renderD249";
  if (::mknod(node.c_str(), S_IFCHR | 0600, makedev(226, 249)) != 0) return std::perror("mknod"), 1;
  std::vector<int> pids;
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return std::perror("pipe2"), 1;
  for (int run = 0; run < kRuns; ++run) {
    const pid_t pid = ::fork();
    if (pid < 0) break;
    if (pid == 0) {
      for (int i = 0; i < kOthers; ++i) (void)::open("/dev/null", O_RDONLY);
      for (int i = 0; i < kClients; ++i) (void)::open(node.c_str(), O_PATH);
      if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;) (void)::pause();
    }
    pids.push_back(pid);
  }
  char byte = 0;
  for (std::size_t i = 0; i < pids.size(); ++i) (void)!::read(ready[0], &byte, 1);
  measure("from /proc", rootsOf("/"), deviceOfDescriptor, pids);
  for (const int pid : pids) (void)::kill(pid, SIGKILL);
  for (const int pid : pids) (void)::waitpid(pid, nullptr, 0);
  return 0;
}

}  // namespace

int main() {
  measureFiles();
  return measureReal();
}
