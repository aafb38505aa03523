// A machine of files: /proc, /sys and /dev below a directory, with what a descriptor is in a file beside it.
#pragma once

#include <fcntl.h>

#include <filesystem>
#include <string>

#include "sdk/base/io.h"
#include "supervisor/meter/accel/client_reader.h"
#include "supervisor/meter/roots.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

inline supervisor::MeterRoots rootsOf(const std::string& directory) {
  const auto open = [&](const char* name) {
    std::filesystem::create_directories(directory + "/" + name);
    auto fd = openAt(AT_FDCWD, directory + "/" + name, O_PATH | O_DIRECTORY);
    RF_CHECK(fd.has_value());
    return std::move(*fd);
  };
  return {.proc = open("proc"), .sys = open("sys"), .dev = open("dev")};
}

// Instead of the kind of the file, which only a device node has: "226:128" in PID/rdev/N.
inline std::optional<supervisor::DeviceNode> deviceOfSidecar(int process, const std::string& descriptor) {
  const auto content = readFileAt(process, "rdev/" + descriptor, kibibytes(1));
  supervisor::DeviceNode node;
  if (!content || std::sscanf(content->c_str(), "%u:%u", &node.majorNumber, &node.minorNumber) != 2)
    return std::nullopt;
  return node;
}

// A process that runs, as far as it is looked at.
inline void writeProcess(const TempDir& machine, int pid, std::uint64_t start) {
  const std::string directory = "proc/" + std::to_string(pid);
  machine.write(directory + "/stat", std::to_string(pid) +
                                         " (an agent) S 1 1 1 0 -1 4194304 1 0 0 0 7 3 0 0 20 0 1 0 " +
                                         std::to_string(start) + " 1 1 1\n");
  machine.makeDirectory(directory + "/fd");
  machine.makeDirectory(directory + "/fdinfo");
  machine.makeDirectory(directory + "/rdev");
}

inline void writeDescriptor(const TempDir& machine, int pid, int fd, const std::string& device,
                            const std::string& info) {
  const std::string process = "proc/" + std::to_string(pid);
  const std::string name = "/" + std::to_string(fd);
  machine.write(process + "/fdinfo" + name, info);
  machine.write(process + "/rdev" + name, device);
  machine.write(process + "/fd" + name, "");
}

inline void removeDescriptor(const TempDir& machine, int pid, int fd) {
  for (const char* kind : {"/fd/", "/fdinfo/", "/rdev/"}) {
    std::filesystem::remove(machine.path() + "/proc/" + std::to_string(pid) + kind + std::to_string(fd));
  }
}

// "r-0000000000000007"
inline RunId numberedRun(unsigned number) {
  char name[32];
  (void)std::snprintf(name, sizeof name, "r-%016x", number);
  return *RunId::parse(name);
}

}  // namespace ringfence::test
