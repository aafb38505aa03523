#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "supervisor/meter/accel/backends.h"
#include "tests/supervisor/accel/fake_machine.h"

namespace ringfence::supervisor {
namespace {

using namespace test;

// A node of a device that this machine need not have, held open without asking a driver for it.
UniqueFd openNode(const TempDir& directory, const char* name, unsigned majorNumber, unsigned minorNumber) {
  const std::string path = directory.path() + "/" + name;
  REQUIRE(::mknod(path.c_str(), S_IFCHR | 0600, makedev(majorNumber, minorNumber)) == 0);
  auto fd = openAt(AT_FDCWD, path, O_PATH);
  REQUIRE(fd.has_value());
  return std::move(*fd);
}

}  // namespace

TEST_CASE("descriptors of real nodes are told by their numbers, and other files are none") {
  TempDir directory;
  const UniqueFd drm = openNode(directory, "renderD249", 226, 249);
  const UniqueFd accel = openNode(directory, "accel63", 261, 63);
  const UniqueFd memory = openNode(directory, "another", 1, 3);
  const auto file = openAt(AT_FDCWD, directory.write("226:128", "drm-driver: none"), O_RDONLY);
  const auto self = openAt(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY);
  REQUIRE((file.has_value() && self.has_value()));
  const auto device = [&](int fd) { return deviceOfDescriptor(self->get(), std::to_string(fd)); };
  CHECK(device(drm.get()) == DeviceNode{226, 249});
  CHECK(device(accel.get()) == DeviceNode{261, 63});
  CHECK_FALSE(device(memory.get()).has_value());
  CHECK_FALSE(device(file->get()).has_value());
  CHECK_FALSE(device(99'999).has_value());
}

TEST_CASE("the nodes in /dev/accel are NPUs that can be given, each with its device, and links to others are none") {
  TempDir machine;
  machine.makeDirectory("dev/accel");
  const UniqueFd first = openNode(machine, "dev/accel/accel0", 261, 0);
  const UniqueFd second = openNode(machine, "dev/accel/accel11", 261, 11);
  const UniqueFd other = openNode(machine, "dev/accel/accel0x", 261, 12);
  const UniqueFd outside = openNode(machine, "memory", 1, 1);
  std::filesystem::create_symlink("../../memory", machine.path() + "/dev/accel/accel7");
  machine.makeDirectory("sys/devices/0000:00:0b.0");
  machine.makeDirectory("sys/class/accel/accel0");
  std::filesystem::create_directory_symlink("../../../devices/0000:00:0b.0",
                                            machine.path() + "/sys/class/accel/accel0/device");
  REQUIRE(::chmod((machine.path() + "/dev/accel/accel11").c_str(), 0666) == 0);
  REQUIRE(::chown((machine.path() + "/dev/accel/accel0").c_str(), 0, 4711) == 0);
  CHECK(accelNodes(rootsOf(machine.path()), AccelKind::kNpu) ==
        std::vector<AccelNode>{{"accel/accel0", "0000:00:0b.0", 261, 0, "", {}, 4711},
                               {"accel/accel11", "accel11", 261, 11, "", {}, std::nullopt}});
  CHECK(accelNodes(rootsOf(machine.path()), AccelKind::kGpu).empty());
}

TEST_CASE(
    "the render nodes in /dev/dri are GPUs that can be given, and those that change what a screen shows are none") {
  TempDir machine;
  machine.makeDirectory("dev/dri/by-path");
  const UniqueFd screen = openNode(machine, "dev/dri/card0", 226, 0);
  const UniqueFd render = openNode(machine, "dev/dri/renderD128", 226, 128);
  machine.makeDirectory("sys/devices/0000:03:00.0");
  machine.write("sys/devices/0000:03:00.0/vendor", "0x8086\n");
  machine.write("sys/devices/0000:03:00.0/rom", "not looked at");
  std::filesystem::create_directory_symlink("../../bus/pci", machine.path() + "/sys/devices/0000:03:00.0/subsystem");
  machine.makeDirectory("sys/class/drm/renderD128");
  std::filesystem::create_directory_symlink("../../../devices/0000:03:00.0",
                                            machine.path() + "/sys/class/drm/renderD128/device");
  REQUIRE(::chown((machine.path() + "/dev/dri/renderD128").c_str(), 0, 4711) == 0);
  CHECK(accelNodes(rootsOf(machine.path()), AccelKind::kGpu) ==
        std::vector<AccelNode>{{"dri/renderD128", "0000:03:00.0", 226, 128, "pci", {{"vendor", "0x8086\n"}}, 4711}});
  CHECK(accelNodes(rootsOf(machine.path()), AccelKind::kNpu).empty());
}

TEST_CASE("a process that holds nodes of which no driver tells is read from the real /proc and said to be unread") {
  TempDir directory;
  const MeterRoots roots = rootsOf("/");
  ClientReader reader;
  const std::vector<int> pids{::getpid()};
  CHECK(reader.read(roots, pids, {}).unreadDescriptors == 0);
  const UniqueFd drm = openNode(directory, "renderD249", 226, 249);
  const UniqueFd accel = openNode(directory, "accel63", 261, 63);
  const ClientReadings found = reader.read(roots, pids, kWalkPeriod);
  CHECK(found.clients.empty());
  CHECK(found.unreadDescriptors == 2);
  CHECK(found.refusedProcesses == 0);
}

TEST_CASE(
    "a process whose descriptors the kernel does not show is counted as refused, and is not one that uses nothing") {
  const int test = ::getpid();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    const MeterRoots roots = rootsOf("/");
    ClientReader reader;
    const std::vector<int> pids{test};
    const std::uint32_t first = reader.read(roots, pids, {}).refusedProcesses;
    const std::uint32_t again = reader.read(roots, pids, Microseconds{1}).refusedProcesses;
    ::_exit(first == 1 && again == 1 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace ringfence::supervisor
