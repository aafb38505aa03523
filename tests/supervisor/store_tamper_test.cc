// Every change of the file shows, and the first fact that it touches is named.
#include <random>

#include <unistd.h>

#include "store_world.h"

namespace ringfence::supervisor::test {
namespace {

TEST_CASE("a log that nobody touched verifies, with its head") {
  LogWorld world;
  world.fill(50);
  const VerifyReport report = world.verify();
  CHECK(report.ok);
  CHECK(report.facts == 50);
  CHECK(report.head.size() == 64);
  CHECK(world.verify(report.head).ok);
}

TEST_CASE("a head that was noted is found again later, and missed when the end was cut off") {
  LogWorld world;
  world.fill(50);
  const std::string head = world.verify().head;
  {
    auto opened = world.open();
    REQUIRE(opened.store->append(plainFacts(51, 10)));
    REQUIRE(waitDurable(*opened.store, 60));
  }
  CHECK(world.verify(head).ok);
  world.sql("DELETE FROM facts WHERE seq >= 50");
  CHECK_FALSE(world.verify().ok);
  // Whoever can cut it can take away the note of its end as well.
  REQUIRE(::unlink((world.path().substr(0, world.path().size() - 2) + "head").c_str()) == 0);
  CHECK(world.verify().ok);
  const VerifyReport cut = world.verify(head);
  CHECK_FALSE(cut.ok);
  CHECK(cut.detail.find(head) != std::string::npos);
}

TEST_CASE("a change of any column of any fact is found at that fact") {
  LogWorld world;
  world.fill(60);
  std::mt19937 random(std::random_device{}());
  const std::vector<std::string> changes{"run = 'r-00000000000000ff'", "wall_us = wall_us + 1", "mono_us = mono_us - 1",
                                         "boot_us = boot_us + 1",      "boot_id = 'other'",     "kind = 'run-resumed'",
                                         "body = body || ' '",         "hash = zeroblob(32)"};
  for (const std::string& change : changes) {
    const std::string seq = std::to_string(1 + random() % 60);
    CAPTURE(change, seq);
    world.sql("CREATE TABLE kept AS SELECT * FROM facts WHERE seq = " + seq);
    world.sql("UPDATE facts SET " + change + " WHERE seq = " + seq);
    const VerifyReport report = world.verify();
    CHECK_FALSE(report.ok);
    CHECK(std::to_string(report.firstBadSeq) == seq);
    world.sql("INSERT OR REPLACE INTO facts SELECT * FROM kept; DROP TABLE kept");
    CHECK(world.verify().ok);
  }
}

TEST_CASE("a fact that was deleted, inserted or exchanged with another is found at its place") {
  LogWorld world;
  world.fill(40);
  const auto firstBad = [&] {
    const VerifyReport report = world.verify();
    CHECK_FALSE(report.ok);
    return report.firstBadSeq;
  };
  SECTION("deleted in the middle") {
    world.sql("DELETE FROM facts WHERE seq = 20");
    CHECK(firstBad() == 20);
  }
  SECTION("deleted at the beginning") {
    world.sql("DELETE FROM facts WHERE seq <= 3");
    CHECK(firstBad() == 1);
  }
  SECTION("deleted and the rest moved up") {
    world.sql(
        "DELETE FROM facts WHERE seq = 20; UPDATE facts SET seq = -seq WHERE seq > 20; UPDATE facts SET seq = -seq - 1 "
        "WHERE seq < 0");
    CHECK(firstBad() == 20);
  }
  SECTION("inserted before the first") {
    world.sql(
        "INSERT INTO facts SELECT 0, run, wall_us, mono_us, boot_us, boot_id, kind, body, hash FROM facts WHERE seq = "
        "5");
    CHECK_FALSE(world.verify().ok);
  }
  SECTION("inserted after the last") {
    world.sql(
        "INSERT INTO facts SELECT 41, run, wall_us, mono_us, boot_us, boot_id, kind, body, hash FROM facts WHERE seq = "
        "40");
    CHECK(firstBad() == 41);
  }
  SECTION("two exchanged, with their hashes") {
    world.sql(
        "UPDATE facts SET seq = -1 WHERE seq = 10; UPDATE facts SET seq = 10 WHERE seq = 11; UPDATE facts SET seq = 11 "
        "WHERE seq = -1");
    CHECK(firstBad() == 10);
  }
}

}  // namespace
}  // namespace ringfence::supervisor::test
