// Private homes on their way through the control socket.
#include <catch2/catch_all.hpp>

#include "sdk/client/convert.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/convert.h"

using namespace ringfence;
using namespace ringfence::supervisor::api;

namespace {

Result<Request> asked(std::optional<std::uint64_t> olderThanSec, bool dryRun = false) {
  v1::ClientPacket packet;
  packet.set_id(1);
  packet.mutable_prune()->set_dry_run(dryRun);
  if (olderThanSec) packet.mutable_prune()->set_older_than_sec(*olderThanSec);
  return toRequest(packet);
}

PruneHomes request(std::optional<std::uint64_t> olderThanSec, bool dryRun = false) {
  return std::get<PruneHomes>(asked(olderThanSec, dryRun).value());
}

}  // namespace

TEST_CASE("a prune that names no time means thirty days, and only one that says so means none") {
  CHECK(request(std::nullopt).unusedFor == std::chrono::hours(24 * 30));
  CHECK_FALSE(request(std::nullopt).dryRun);
  CHECK(request(0).unusedFor == std::chrono::seconds(0));
  CHECK(request(90, true).unusedFor == std::chrono::seconds(90));
  CHECK(request(90, true).dryRun);
  CHECK_FALSE(asked(~std::uint64_t{0}));
}

TEST_CASE("a home arrives with every field, and a name that is no text as what it can be shown as") {
  PruneAnswer answer;
  answer.homes = {{1000, "cod\xffing", "2026-11-28T10:00:00.000000Z", 1ULL << 40, true, "stuck", "a mount"}};
  answer.removed = 3;
  answer.removedBytes = 5;
  answer.left = {"\xff"};
  v1::ServerPacket packet;
  REQUIRE(packet.ParseFromString(toPacket(7, answer, true).SerializeAsString()));
  REQUIRE(packet.prune().homes_size() == 1);
  const client::PrivateHome home = client::fromMessage(packet.prune().homes(0));
  CHECK(home.uid == 1000);
  CHECK(home.policy == "cod\\xffing");
  CHECK(home.lastUsed == "2026-11-28T10:00:00.000000Z");
  CHECK(home.bytes == 1ULL << 40);
  CHECK(home.isMore);
  CHECK(home.fate == "stuck");
  CHECK(home.why == "a mount");
  CHECK(packet.prune().removed() == 3);
  CHECK(packet.prune().removed_bytes() == 5);
  CHECK(packet.prune().left(0) == "\\xff");
}
