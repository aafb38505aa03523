#include "supervisor/meter/accel/fdinfo.h"

#include <catch2/catch_test_macros.hpp>

namespace ringfence::supervisor {

TEST_CASE("the text of another kind of descriptor is none of a device, whatever else is in it") {
  CHECK_FALSE(parseFdinfo("").has_value());
  CHECK_FALSE(parseFdinfo("pos:\t0\nflags:\t02\ndrm-engine-render:\t5 ns\n").has_value());
  CHECK_FALSE(parseFdinfo("drm-driver:\t\n").has_value());
  CHECK(parseFdinfo("drm-driver: xe").has_value());
}

TEST_CASE("a key that comes twice counts once, with the larger number") {
  const auto info = parseFdinfo("drm-driver:\tx\ndrm-engine-a:\t9 ns\ndrm-engine-a:\t4 ns\n");
  REQUIRE(info.has_value());
  CHECK(info->engines.at("a").busyNs == 9);
  CHECK(info->engines.size() == 1);
}

TEST_CASE("what is more than is kept is cut and said to be") {
  std::string text = "drm-driver:\tx\n";
  for (int i = 0; i < 100; ++i) {
    text += "drm-engine-e" + std::to_string(i) + ":\t1 ns\ndrm-total-r" + std::to_string(i) + ":\t1\nk" +
            std::to_string(i) + ": v\n";
  }
  const auto info = parseFdinfo(text);
  REQUIRE(info.has_value());
  CHECK(info->cut);
  CHECK(info->engines.size() == kMaxFdinfoNames);
  CHECK(info->regions.size() == kMaxFdinfoNames);
  CHECK(info->unknown.size() == kMaxFdinfoNames);
  const auto longer = parseFdinfo("drm-driver:\tx\n" + std::string(kMaxFdinfoBytes, 'k'));
  REQUIRE(longer.has_value());
  CHECK(longer->cut);
  CHECK_FALSE(parseFdinfo("drm-driver:\tx\n")->cut);
}

TEST_CASE("a number that does not fit is kept as text and counted as nothing") {
  const auto info = parseFdinfo(
      "drm-driver:\tx\ndrm-engine-a:\t18446744073709551616 ns\ndrm-resident-r:\t18014398509481985 KiB\n"
      "drm-client-id:\t-1\n");
  REQUIRE(info.has_value());
  CHECK(info->engines.empty());
  CHECK(info->regions.empty());
  CHECK_FALSE(info->client.has_value());
  CHECK(info->unknown.size() == 3);
  CHECK(parseFdinfo("drm-driver:\tx\ndrm-engine-a:\t18446744073709551615 ns\n")->engines.at("a").busyNs == UINT64_MAX);
}

TEST_CASE("memory is counted once by region: resident, else its old name, else total") {
  const auto use = [](const std::string& lines) { return memoryInUse(*parseFdinfo("drm-driver:\tx\n" + lines)); };
  CHECK(use("drm-total-r: 9\ndrm-memory-r: 7\ndrm-resident-r: 5\n") == std::map<std::string, std::uint64_t>{{"r", 5}});
  CHECK(use("drm-total-r: 9\ndrm-memory-r: 7\n") == std::map<std::string, std::uint64_t>{{"r", 7}});
  CHECK(use("drm-total-r: 9\n") == std::map<std::string, std::uint64_t>{{"r", 9}});
  CHECK(use("drm-shared-r: 9\ndrm-active-r: 9\n").empty());
  // The driver's own sum stands in for a total alone, and only under its own name.
  CHECK(use("drm-total-memory: 9\nx-internal-alloc: 5\nx-external-alloc: 1\n").at("memory") == 6);
  CHECK(use("drm-total-memory: 9\ny-internal-alloc: 5\ny-external-alloc: 1\n").at("memory") == 9);
  CHECK(use("drm-total-memory: 9\ndrm-resident-memory: 8\nx-internal-alloc: 5\nx-external-alloc: 1\n").at("memory") ==
        8);
}

}  // namespace ringfence::supervisor
