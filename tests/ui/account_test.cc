#include "ui/cli/account.h"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>

using namespace ringfence;
using namespace ringfence::cli;

TEST_CASE("an account is read from a line of passwd, and from no other line") {
  const Account person{.name = "ada", .uid = 1000, .gid = 100, .home = "/home/ada"};
  CHECK(parseAccount("ada:x:1000:100:Ada, of London:/home/ada:/bin/sh") == person);
  CHECK(parseAccount("ada::1000:100::/home/ada:") == person);
  for (const char* line : {"", "ada", "ada:x:1000:100:Ada:/home/ada", "ada:x:1000:100:Ada:/home/ada:/bin/sh:more",
                           ":x:1000:100:Ada:/home/ada:/bin/sh", "ada:x:-1:100:Ada:/home/ada:/bin/sh",
                           "ada:x:1000::Ada:/home/ada:/bin/sh", "ada:x:4294967296:100:Ada:/home/ada:/bin/sh"})
    CHECK_FALSE(parseAccount(line));
}

TEST_CASE("groups of an account are numbers behind its name") {
  CHECK(parseGroups("ada                   4 24 1000") == std::vector<std::uint32_t>{4, 24, 1000});
  CHECK(parseGroups("nobody               ") == std::vector<std::uint32_t>{});
  CHECK_FALSE(parseGroups(""));
  CHECK_FALSE(parseGroups("ada 4 adm"));
  CHECK_FALSE(parseGroups("ada -1"));
}

TEST_CASE("an account of this machine is found by name and by id, and one that nobody has is absent") {
  const auto byName = findAccount("root");
  REQUIRE(byName);
  REQUIRE(*byName);
  CHECK((*byName)->uid == 0);
  const auto byId = findAccount(0);
  REQUIRE(byId);
  REQUIRE(*byId);
  CHECK((*byId)->name == "root");
  const auto groups = findGroups(**byName);
  REQUIRE(groups);
  CHECK(std::find(groups->begin(), groups->end(), 0U) != groups->end());
  for (const char* name : {"no-such-user-here", "0", "--help", ""}) {
    const auto nobody = findAccount(name);
    REQUIRE(nobody);
    CHECK_FALSE(*nobody);
  }
}
