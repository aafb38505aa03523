#include "supervisor/resolved_policies.h"

#include <catch2/catch_all.hpp>
#include <filesystem>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

TEST_CASE("resolved policies are removed while the daemon lives, the oldest first, and none that is in use") {
  const test::TempDir dir;
  const std::string folder = dir.path() + "/policies";
  ResolvedPolicies kept(folder);
  const auto keep = [&](std::size_t number) {
    policy::Document document;
    document.name = "p" + std::to_string(number);
    auto one = kept.keep(document);
    REQUIRE(one.written);
    return one.hash;
  };
  const std::string used = keep(0), old = keep(1);
  const auto longAgo = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  for (const std::string& hash : {used, old}) std::filesystem::last_write_time(folder + "/" + hash, longAgo);
  std::size_t number = 2;
  while (!kept.isPruneDue()) (void)keep(number++);
  CHECK(number == kMaxKeptPolicies);
  (void)keep(number);
  kept.prune({used});
  CHECK_FALSE(kept.isPruneDue());
  CHECK(kept.find(used));
  CHECK_FALSE(kept.find(old));
  const auto files = std::filesystem::directory_iterator(folder);
  CHECK(std::distance(begin(files), end(files)) == static_cast<std::ptrdiff_t>(kMaxKeptPolicies));
  // The same again is no new one, and one that was removed is written anew.
  CHECK(keep(1) == old);
  CHECK(kept.find(old));
}
