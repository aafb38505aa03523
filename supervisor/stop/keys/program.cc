#include "supervisor/stop/keys/program.h"

#include <getopt.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "supervisor/stop/keys/record.h"
#include "supervisor/stop/keys/walls.h"
#include "supervisor/stop/keys/watcher.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr const char* kUsage =
    "usage: ringfence-stop-keys --record [--directory=DIR]\n"
    "       ringfence-stop-keys [--directory=DIR] [--fallback=N] -- TRIGGER...   (started by ringfence-stop)\n";

int fail(const Error& error, int status, int output = STDERR_FILENO) {
  (void)::dprintf(output, "ringfence-stop-keys: %s\n", error.message.c_str());
  return status;
}

int watch(WatcherOptions options) {
  constexpr std::array kOutputs = {kKeyChannel};
  const std::string directory = options.directory;
  auto watcher = Watcher::create(std::move(options));
  if (!watcher) return fail(watcher.error(), 1);
  auto kept = silence();
  if (!kept) return fail(kept.error(), 1);
  if (const auto walls = raiseWalls(directory, kOutputs); !walls)
    return fail(walls.error(), kNoWallsStatus, kept->get());
  kept->reset();
  return watcher->run();
}

}  // namespace

int runKeysProgram(int argc, char** argv, const OpenDevice& open) {
  static const option kOptions[] = {{"directory", required_argument, nullptr, 'd'},
                                    {"fallback", required_argument, nullptr, 'f'},
                                    {"record", no_argument, nullptr, 'r'},
                                    {nullptr, 0, nullptr, 0}};
  WatcherOptions options{.directory = "/dev/input", .channel = kKeyChannel, .open = open};
  bool record = false;
  for (int key; (key = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (key == 'd')
      options.directory = optarg;
    else if (key == 'f')
      options.fallback = std::strtoul(optarg, nullptr, 10);
    else if (key == 'r')
      record = true;
    else
      return std::fputs(kUsage, stderr), kUsageStatus;
  }
  for (int i = optind; i < argc; ++i) options.triggers.emplace_back(argv[i]);
  if (record == !options.triggers.empty() || !options.directory.starts_with('/'))
    return std::fputs(kUsage, stderr), kUsageStatus;
  if (!record) return watch(std::move(options));
  const auto recorded = recordTrigger(options.directory, open);
  return recorded ? 0 : fail(recorded.error(), 1);
}

}  // namespace ringfence::supervisor::stop
