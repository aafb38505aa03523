#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "sandbox/kernel/features.h"
#include "sandbox/launcher/launcher.h"
#include "sandbox/launcher/own_group.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kUsage = "usage: ringfence-launcher --run-dir DIR --cgroup-root NAME [--reservable]\n";

// A descriptor that is opened later must never land on 0, 1 or 2.
bool fillStandardDescriptors() {
  for (;;) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0) return false;
    if (fd > 2) return ::close(fd) == 0;
    if (::fcntl(fd, F_SETFD, 0) != 0) return false;
  }
}

Result<void> serve(const LauncherOptions& options) {
  UniqueFd root = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  KernelFeatures features = probeFeatures(root.get());
  OwnGroup group = RF_TRY(OwnGroup::enter(features.unifiedMount, options.cgroupRoot));
  Launcher launcher = RF_TRY(Launcher::create(options, std::move(features)));
  return launcher.run();
}

// A few descriptors for each run; what a run itself may open is in its Plan.
void raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // Fewer runs fit then, and say so.
}

}  // namespace
}  // namespace ringfence::sandbox

int main(int argc, char** argv) {
  using namespace ringfence::sandbox;
  static const option kOptions[] = {{"run-dir", required_argument, nullptr, 'r'},
                                    {"cgroup-root", required_argument, nullptr, 'c'},
                                    {"reservable", no_argument, nullptr, 'R'},
                                    {nullptr, 0, nullptr, 0}};
  LauncherOptions options;
  for (int key; (key = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (key == 'r')
      options.runDirectory = optarg;
    else if (key == 'c')
      options.cgroupRoot = optarg;
    else if (key == 'R')
      options.processors = Processors::kReservable;
    else
      return std::fputs(kUsage, stderr), 2;
  }
  if (options.runDirectory.empty() || options.cgroupRoot.empty() || optind != argc)
    return std::fputs(kUsage, stderr), 2;
  if (::geteuid() != 0) return std::fputs("ringfence-launcher: needs to be root\n", stderr), 1;
  if (!fillStandardDescriptors()) return 1;
  raiseDescriptorLimit();
  // What one launch frees the next one needs again; the children of a fork inherit it, and end.
  (void)::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  ::umask(077);
  if (auto served = serve(options); !served) {
    std::fprintf(stderr, "ringfence-launcher: %s\n", served.error().message.c_str());
    return 1;
  }
  return 0;
}
