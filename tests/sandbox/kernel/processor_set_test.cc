#include "sandbox/kernel/processor_set.h"

#include <catch2/catch_test_macros.hpp>

using namespace ringfence::sandbox;

TEST_CASE("a list of processors is read as the kernel writes it, and written so") {
  CHECK(parseProcessors("0-3,8,10-11\n") == std::vector<unsigned>{0, 1, 2, 3, 8, 10, 11});
  CHECK(parseProcessors("5") == std::vector<unsigned>{5});
  CHECK(parseProcessors("\n") == std::vector<unsigned>{});
  for (const char* text : {"0-3,8,10-11", "0", "", "1,3"}) CHECK(formatProcessors(*parseProcessors(text)) == text);
  for (const char* text : {"a", "3-1", "1-", "-1", "0-99999", "1,,2", "1 2", "0x1"}) CHECK_FALSE(parseProcessors(text));
}

TEST_CASE("whole cores are kept first, and one processor is always left") {
  const std::vector<unsigned> all{0, 1, 2, 3};
  // As many machines number them: the second threads behind all first ones.
  const std::map<unsigned, unsigned> threads{{0, 0}, {1, 1}, {2, 0}, {3, 1}};
  CHECK(processorsLeft(all, 0, threads) == all);
  CHECK(processorsLeft(all, 1, threads) == std::vector<unsigned>{1, 2, 3});
  CHECK(processorsLeft(all, 2, threads) == std::vector<unsigned>{1, 3});
  CHECK(processorsLeft(all, 3, threads) == std::vector<unsigned>{3});
  CHECK(processorsLeft(all, 4, threads) == std::vector<unsigned>{3});
  CHECK(processorsLeft(all, 4000, {}) == std::vector<unsigned>{3});
  CHECK(processorsLeft(all, 2, {}) == std::vector<unsigned>{2, 3});
  CHECK(processorsLeft({7}, 1, {}) == std::vector<unsigned>{7});
  CHECK(processorsLeft({}, 1, {}).empty());
}
