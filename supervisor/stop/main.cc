// ringfence-stop: the emergency stop. Needs neither the daemon, its log, a policy nor a screen.
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/stop/keys/key_watch.h"
#include "supervisor/stop/service.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr const char* kUsage =
    "usage: ringfence-stop --run-dir DIR --state-dir DIR --cgroup-root NAME [--kept] [--keys TRIGGER]... | --keys off\n"
    "       ringfence-stop --record    prints the TRIGGER of the keys that are pressed next\n"
    "Without --keys: those that the daemon wrote to STATE_DIR/stop-keys, else \"hold ctrl+alt+end 500ms\" and\n"
    "\"press pause x3 within 2s\".\n"
    "--kept: a service manager starts it again when it ends; while another one serves DIR, it waits to take its "
    "place.\n";

constexpr timespec kStandby{.tv_sec = 0, .tv_nsec = 200'000'000};

volatile std::sig_atomic_t isOver = 0;

// Only while waiting for events, so that none is lost.
void heedSignals() {
  struct sigaction over {};
  over.sa_handler = [](int) { isOver = 1; };
  sigset_t heeded;
  ::sigemptyset(&heeded);
  for (const int signal : {SIGTERM, SIGINT}) {
    ::sigaddset(&heeded, signal);
    (void)::sigaction(signal, &over, nullptr);
  }
  (void)::sigprocmask(SIG_BLOCK, &heeded, nullptr);
  for (const int signal : {SIGPIPE, SIGHUP}) (void)::signal(signal, SIG_IGN);
}

// A descriptor that is opened later must never land on 0, 1 or 2.
bool fillStandardDescriptors() {
  for (;;) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0) return false;
    if (fd > 2) return ::close(fd) == 0;
    if (::fcntl(fd, F_SETFD, 0) != 0) return false;
  }
}

struct Options {
  ServiceOptions service;
  std::vector<std::string> triggers;
  enum class Keys { kAsConfigured, kGiven, kOff } keys = Keys::kAsConfigured;
  enum class Mode { kServe, kRecord } mode = Mode::kServe;
};

std::optional<Options> readOptions(int argc, char** argv) {
  static const option kOptions[] = {{"run-dir", required_argument, nullptr, 'r'},
                                    {"state-dir", required_argument, nullptr, 's'},
                                    {"cgroup-root", required_argument, nullptr, 'c'},
                                    {"keys", required_argument, nullptr, 'k'},
                                    {"kept", no_argument, nullptr, 'K'},
                                    {"record", no_argument, nullptr, 'R'},
                                    {nullptr, 0, nullptr, 0}};
  Options options;
  for (int key; (key = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (key) {
      case 'r': options.service.runDirectory = optarg; break;
      case 's': options.service.stateDirectory = optarg; break;
      case 'c': options.service.cgroupRoot = optarg; break;
      case 'k':
        options.keys = std::string_view(optarg) == "off" ? Options::Keys::kOff : Options::Keys::kGiven;
        if (options.keys == Options::Keys::kGiven) options.triggers.emplace_back(optarg);
        break;
      case 'K': options.service.keeper = ServiceOptions::Keeper::kSystem; break;
      case 'R': options.mode = Options::Mode::kRecord; break;
      default: return std::nullopt;
    }
  }
  const ServiceOptions& service = options.service;
  const bool isComplete =
      !service.runDirectory.empty() && !service.stateDirectory.empty() && !service.cgroupRoot.empty();
  if (optind != argc || !(isComplete || options.mode == Options::Mode::kRecord)) return std::nullopt;
  return options;
}

// Beside this one.
std::string keysProgram() {
  std::array<char, 4096> path;
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string_view self(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return std::string(self.substr(0, self.rfind('/') + 1)) + "ringfence-stop-keys";
}

// Fails with kBusy when another one serves the directory, unless there is a service manager that would start this one
// again and again: then it waits for the other one's end. Null: told to end meanwhile.
Result<std::unique_ptr<Service>> openInTurn(const ServiceOptions& options, const Clock& clock) {
  sigset_t none;
  ::sigemptyset(&none);
  for (bool isTold = false; isOver == 0; isTold = true) {
    auto service = Service::open(options, clock);
    const bool isTaken = !service && service.error().code == ErrorCode::kBusy;
    if (!isTaken || options.keeper == ServiceOptions::Keeper::kDaemon) return service;
    if (!isTold) {
      std::fprintf(stderr, "ringfence-stop: %s; waits to take its place\n", service.error().message.c_str());
      tellServiceManager("READY=1\nSTATUS=another ringfence-stop serves; waits to take its place");
    }
    (void)::ppoll(nullptr, 0, &kStandby, &none);
  }
  return std::unique_ptr<Service>();
}

Result<void> serve(Options options) {
  const SystemClock clock;
  const auto service = RF_TRY(openInTurn(options.service, clock));
  if (!service) return {};
  Readiness readiness = makeReady();
  for (const std::string& problem : {readiness.realtimeProblem, readiness.memoryProblem}) {
    if (!problem.empty()) std::fprintf(stderr, "ringfence-stop: works without it: %s\n", problem.c_str());
  }
  service->tell(std::move(readiness));
  if (options.keys != Options::Keys::kOff)
    service->watchKeys(
        {.program = keysProgram(), .triggers = std::move(options.triggers)},
        options.keys == Options::Keys::kGiven ? Service::KeysFrom::kCommandLine : Service::KeysFrom::kStateDirectory);
  std::fputs("ringfence-stop: ready\n", stderr);
  // One that the daemon started has the daemon's own environment.
  if (options.service.keeper == ServiceOptions::Keeper::kSystem) tellServiceManager("READY=1\nSTATUS=serves");
  return service->run(isOver);
}

int fail(const Error& error) {
  std::fprintf(stderr, "ringfence-stop: %s\n", error.message.c_str());
  return 1;
}

}  // namespace
}  // namespace ringfence::supervisor::stop

int main(int argc, char** argv) {
  using namespace ringfence::supervisor::stop;
  auto options = readOptions(argc, argv);
  if (!options) return std::fputs(kUsage, stderr), 2;
  if (::geteuid() != 0) return std::fputs("ringfence-stop: needs to be root\n", stderr), 1;
  if (options->mode == Options::Mode::kRecord) return fail(recordKeys(keysProgram()));
  if (!fillStandardDescriptors()) return 1;
  heedSignals();
  ::umask(077);
  const auto served = serve(*std::move(options));
  return served ? 0 : fail(served.error());
}
