#include "sandbox/kernel/tree.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <filesystem>
#include <thread>

#include "sandbox/kernel/mounts.h"
#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

// A directory with a tree "home" in it, and something beside it that must stay.
struct World {
  test::TempDir dir;
  std::string outside = dir.write("outside/kept.txt", "kept");
  std::string home = dir.makeDirectory("home");
  UniqueFd parent{::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};

  Result<void> remove() const { return removeTree(parent.get(), "home", {}); }
  TreeSize size() const { return measureTree(parent.get(), "home", {}).value(); }
  bool isThere() const { return std::filesystem::exists(std::filesystem::symlink_status(home)); }
  bool isOutsideWhole() const { return test::readFile(outside) == "kept"; }
};

// Nobody can name so long a path: each level from the one above.
void nest(const std::string& top, int levels) {
  UniqueFd at(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < levels; ++i) {
    REQUIRE(::mkdirat(at.get(), "d", 0700) == 0);
    at.reset(::openat(at.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(at);
    REQUIRE(UniqueFd(::openat(at.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
  }
}

class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t most) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit few{most, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewDescriptors() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

// On a thread whose mounts are its own, and end with it.
template <typename Body>
void withOwnMounts(const Body& body) {
  Result<void> apart;
  std::thread([&] {
    apart = unshareMounts();
    if (apart) body();
  }).join();
  REQUIRE(apart);
}

}  // namespace

TEST_CASE("a tree goes with all kinds of entries, and what its links lead to stays") {
  const World world;
  world.dir.write("home/a/b/file", "text");
  world.dir.makeDirectory("home/empty");
  std::filesystem::create_directory_symlink(world.dir.path() + "/outside", world.home + "/to-folder");
  std::filesystem::create_symlink(world.outside, world.home + "/a/to-file");
  std::filesystem::create_symlink("/nowhere/at/all", world.home + "/dangling");
  std::filesystem::create_directory_symlink("..", world.home + "/a/up");
  std::filesystem::create_hard_link(world.outside, world.home + "/hard");
  REQUIRE(::mkfifo((world.home + "/fifo").c_str(), 0600) == 0);
  CHECK(world.remove());
  CHECK_FALSE(world.isThere());
  CHECK(world.isOutsideWhole());
}

TEST_CASE("a tree that is not there is removed already, and what is no tree is not touched") {
  const World world;
  CHECK(world.remove());
  CHECK(world.remove());
  std::filesystem::create_directory_symlink(world.dir.path() + "/outside", world.home);
  CHECK_FALSE(world.remove());
  CHECK_FALSE(measureTree(world.parent.get(), "home", {}));
  CHECK(world.isOutsideWhole());
}

TEST_CASE("a tree of any depth goes with a bounded number of descriptors") {
  const World world;
  nest(world.home, 700);
  // Names that what is moved up could be given.
  world.dir.write("home/moved-0", "");
  world.dir.write("home/moved-1/file", "");
  world.dir.makeDirectory("home/moved-2");
  const FewDescriptors few(kMaxTreeDepth + 30);
  const TreeSize size = world.size();
  CHECK(size.isMore);
  CHECK_FALSE(size.hasMounts);
  CHECK(world.remove());
  CHECK_FALSE(world.isThere());
}

TEST_CASE("directories that nobody may read, of somebody else, go too") {
  const World world;
  world.dir.write("home/locked/inside/file", "text");
  REQUIRE(::chown((world.home + "/locked").c_str(), 1000, 1000) == 0);
  REQUIRE(::chmod((world.home + "/locked/inside").c_str(), 0) == 0);
  REQUIRE(::chmod((world.home + "/locked").c_str(), 0) == 0);
  CHECK(world.size().bytes >= 4096);
  CHECK(world.remove());
  CHECK_FALSE(world.isThere());
}

TEST_CASE("a directory of thousands of entries goes") {
  const World world;
  for (int i = 0; i < 5000; ++i) world.dir.write("home/many/" + std::to_string(i), "");
  CHECK(world.remove());
  CHECK_FALSE(world.isThere());
}

TEST_CASE("a size is what is on the disk, each file once, whatever links say") {
  const World world;
  const std::uint64_t empty = world.size().bytes;
  const std::string file = world.dir.write("home/big", std::string(1 << 20, 'x'));
  struct stat about {};
  REQUIRE(::stat(file.c_str(), &about) == 0);
  const auto blocks = static_cast<std::uint64_t>(about.st_blocks) * 512;
  const std::uint64_t one = world.size().bytes;
  CHECK(one >= empty + blocks);
  for (int i = 0; i < 3; ++i) std::filesystem::create_hard_link(file, world.home + "/name-" + std::to_string(i));
  std::filesystem::create_symlink(world.outside, world.home + "/link");
  CHECK(world.size().bytes <= one + 8192);  // The directory itself may have grown.
  // One that only says that it is large.
  REQUIRE(::truncate(world.dir.write("home/sparse", "").c_str(), 1LL << 40) == 0);
  CHECK(world.size().bytes <= one + 16384);
  CHECK_FALSE(world.size().isMore);
}

TEST_CASE("another mount is seen, never entered, and everything beside it goes") {
  withOwnMounts([] {
    const World world;  // Opened among these mounts.
    const std::string outside = world.dir.path() + "/outside", folder = world.dir.makeDirectory("home/a/mounted");
    world.dir.write("home/a/file", "");
    world.dir.write("home/z", "");
    CHECK(::mount(outside.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr) == 0);
    CHECK(world.size().hasMounts);
    const auto removed = world.remove();
    CHECK_FALSE(removed);
    if (!removed) CHECK(removed.error().message.find("a/mounted (is something mounted there?)") != std::string::npos);
    CHECK(world.isOutsideWhole());
    CHECK_FALSE(std::filesystem::exists(world.home + "/z"));
    CHECK_FALSE(std::filesystem::exists(world.home + "/a/file"));
    CHECK(::umount(folder.c_str()) == 0);

    const std::string file = world.dir.write("home/bound", "");
    CHECK(::mount(world.outside.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) == 0);
    CHECK(world.size().hasMounts);
    CHECK_FALSE(world.remove());
    CHECK(::umount(file.c_str()) == 0);

    CHECK(::mount(outside.c_str(), world.home.c_str(), nullptr, MS_BIND, nullptr) == 0);
    const auto on = measureTree(world.parent.get(), "home", {});
    CHECK((!on && on.error().sysErrno == EXDEV));
    CHECK_FALSE(world.remove());
    CHECK(::umount(world.home.c_str()) == 0);
    CHECK(world.isOutsideWhole());
    CHECK(world.remove());
    CHECK_FALSE(world.isThere());
  });
}

TEST_CASE("who stops a removal finds the rest, and the next one takes it") {
  const World world;
  world.dir.write("home/file", "");
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = removeTree(world.parent.get(), "home", stop.get_token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::kUnavailable);
  CHECK_FALSE(measureTree(world.parent.get(), "home", stop.get_token()));
  CHECK(world.isThere());
  CHECK(world.remove());
  CHECK_FALSE(world.isThere());
}
