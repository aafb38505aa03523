// Private homes on the disk: when they were used last, and their end.
#include "supervisor/private_homes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch_all.hpp>
#include <filesystem>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

constexpr std::uint32_t kUid = 1000;

struct World {
  test::TempDir dir;
  std::unique_ptr<PrivateHomes> homes = PrivateHomes::create(dir.path()).value();

  std::string open(const std::string& policy, std::uint32_t uid = kUid) const {
    sandbox::CallerAccount account;
    account.uid = account.gid = uid;
    REQUIRE(openPrivateHome(dir.path(), account, policy));
    return path(homeDirectoryName(policy), uid);
  }
  std::string path(const std::string& name, std::uint32_t uid = kUid) const {
    return dir.path() + "/homes/" + std::to_string(uid) + "/" + name;
  }
  void finish() const {
    pollfd poll{homes->eventFd(), POLLIN, 0};
    REQUIRE(::poll(&poll, 1, 20'000) == 1);
    homes->finish();
  }
  std::vector<FoundHome> look(std::optional<std::uint32_t> uid = std::nullopt) const {
    std::vector<FoundHome> found;
    homes->look(uid, [&](const auto& looked) { found = looked.value(); });
    finish();
    return found;
  }
  std::vector<PrivateHomes::Left> sweep() const {
    std::vector<PrivateHomes::Left> left;
    homes->sweep([&](const auto& swept) { left = swept; });
    finish();
    return left;
  }
  std::size_t entries(std::uint32_t uid = kUid) const {
    const auto all = std::filesystem::directory_iterator(path("", uid));
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
};

void age(const std::string& path, std::int64_t seconds) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

}  // namespace

TEST_CASE("a home is noted as used when a run is started in it, under the name of its policy") {
  const World world;
  CHECK(world.look().empty());
  const std::string home = world.open("coding");
  struct stat about {};
  REQUIRE(::stat(home.c_str(), &about) == 0);
  CHECK((about.st_mode & 07777) == 0700);
  CHECK(about.st_uid == kUid);
  age(home + ".used", 1000);
  auto found = world.look();
  REQUIRE(found.size() == 1);
  CHECK(found[0].noted == std::chrono::seconds(1000));
  (void)world.open("coding");
  (void)world.open("Übung");
  found = world.look();
  REQUIRE(found.size() == 2);
  for (const FoundHome& one : found) {
    CHECK(one.noted > std::chrono::hours(24 * 365 * 30));
    CHECK(one.uid == kUid);
    CHECK(homeDirectoryName(one.policy) == one.directory);
    CHECK(one.trouble.empty());
  }
}

TEST_CASE("nothing that an agent can set says when its home was used") {
  const World world;
  const std::string home = world.open("coding");
  age(home + ".used", 1000);
  world.dir.write("homes/1000/coding/.used", "offline");
  age(home, 4'000'000'000);
  const auto found = world.look();
  REQUIRE(found.size() == 1);
  CHECK(found[0].noted == std::chrono::seconds(1000));
  CHECK(found[0].policy == "coding");
  CHECK(found[0].changed < std::chrono::seconds(4'000'000'000));  // The kernel's time, not the agent's.
}

TEST_CASE("a home without a note is found, and a note that is not of its policy does not name it") {
  const World world;
  const std::string home = world.open("coding");
  std::filesystem::remove(home + ".used");
  auto found = world.look();
  REQUIRE(found.size() == 1);
  CHECK_FALSE(found[0].noted);
  CHECK(found[0].changed > std::chrono::hours(24 * 365 * 30));
  world.dir.write("homes/1000/coding.used", "offline");
  found = world.look();
  CHECK(found[0].noted);
  CHECK(found[0].policy.empty());
}

TEST_CASE("homes are looked at of one user or of all, with their sizes") {
  const World world;
  (void)world.open("coding");
  (void)world.open("coding", 1001);
  world.dir.write("homes/1001/coding/cache/file", std::string(1 << 20, 'x'));
  CHECK(world.look().size() == 2);
  const auto found = world.look(1001);
  REQUIRE(found.size() == 1);
  CHECK(found[0].uid == 1001);
  CHECK(found[0].bytes >= 1 << 20);
  CHECK_FALSE(found[0].isMore);
  CHECK(world.look(1002).empty());
}

TEST_CASE("what is set aside is found by nobody, a run has a new home at once, and what is in it goes later") {
  const World world;
  const std::string home = world.open("coding");
  world.dir.write("homes/1000/coding/login/token", "secret");
  REQUIRE(world.homes->setAside(kUid, "coding"));
  CHECK(world.look().empty());
  CHECK_FALSE(std::filesystem::exists(home));
  CHECK(world.open("coding") == home);
  CHECK(std::filesystem::is_empty(home));
  CHECK(world.entries() == 3);
  CHECK(world.sweep().empty());
  CHECK(world.entries() == 2);  // the home and its note
  CHECK(world.look().size() == 1);
  CHECK_FALSE(world.homes->setAside(kUid, "offline"));
}

TEST_CASE("what a daemon that was killed had set aside the next one removes") {
  World world;
  (void)world.open("coding");
  world.dir.write("homes/1000/coding/a/b/file", "text");
  REQUIRE(world.homes->setAside(kUid, "coding"));
  world.homes = PrivateHomes::create(world.dir.path()).value();
  CHECK(world.sweep().empty());
  CHECK(world.entries() == 0);
}

TEST_CASE("looks and sweeps that are asked for together come one after the other") {
  const World world;
  (void)world.open("coding");
  REQUIRE(world.homes->setAside(kUid, "coding"));
  std::vector<std::string> order;
  world.homes->look(std::nullopt, [&](const auto&) { order.emplace_back("look"); });
  world.homes->sweep([&](const auto&) { order.emplace_back("sweep"); });
  world.finish();
  world.finish();
  CHECK(order == std::vector<std::string>{"look", "sweep"});
}
