// Prices on their way through the control socket: what is not known arrives as not known, and never as 0.
#include <catch2/catch_all.hpp>

#include "sdk/client/convert.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/convert.h"

using namespace ringfence;
using namespace ringfence::supervisor::api;

namespace {

Result<Request> asked(const std::string& run, std::uint64_t holdUsec) {
  v1::ClientPacket packet;
  packet.set_id(1);
  packet.mutable_price()->set_run(run);
  packet.mutable_price()->set_hold_usec(holdUsec);
  return toRequest(packet);
}

client::PriceAnswer heard(const PriceAnswer& answer) {
  v1::ServerPacket packet;
  REQUIRE(packet.ParseFromString(toPacket(7, answer, true).SerializeAsString()));
  return client::fromMessage(packet.price());
}

}  // namespace

TEST_CASE("a price arrives with every field") {
  PriceAnswer answer{"r-0123456789abcdef",          "coder",    Microseconds(10'000'000), {}, {}, {},
                     "2026-11-28T10:00:00.000000Z", "streaming"};
  answer.freeze = {0.5, 12.0, 0.0, false, "its stream breaks", "2026-11-28T10:00:04.000000Z"};
  answer.freezeAndReclaim = {1.5, 13.0, 0.0, true, "somebody waits", ""};
  answer.kill = {40.0, 900.0, 31.5, false, "its work", ""};
  const client::PriceAnswer got = heard(answer);
  CHECK(got.run == "r-0123456789abcdef");
  CHECK(got.name == "coder");
  CHECK(got.hold == std::chrono::seconds(10));
  CHECK(got.safePoint == "2026-11-28T10:00:00.000000Z");
  CHECK(got.activity == "streaming");
  CHECK(got.freeze.seconds == 0.5);
  CHECK(got.freeze.tokens == 12.0);
  CHECK(got.freeze.workCpuSeconds == 0.0);
  CHECK_FALSE(got.freeze.forbidden);
  CHECK(got.freeze.why == "its stream breaks");
  CHECK(got.freeze.cheaperAfter == "2026-11-28T10:00:04.000000Z");
  CHECK(got.freezeAndReclaim.forbidden);
  CHECK(got.kill.workCpuSeconds == 31.5);
}

TEST_CASE("what is not known of a price arrives as not known") {
  const client::PriceAnswer got = heard({"r-0123456789abcdef", "\xff", {}, {}, {}, {}, "", ""});
  CHECK(got.name == "\\xff");
  for (const client::Price& price : {got.freeze, got.freezeAndReclaim, got.kill}) {
    CHECK_FALSE(price.seconds);
    CHECK_FALSE(price.tokens);
    CHECK_FALSE(price.workCpuSeconds);
    CHECK(price.cheaperAfter.empty());
  }
  CHECK(got.safePoint.empty());
}

TEST_CASE("a price is asked for one run and a hold of at most a year") {
  const auto request = asked("coder", 10'000'000);
  REQUIRE(request);
  CHECK(std::get<AskPrice>(*request).run == "coder");
  CHECK(std::get<AskPrice>(*request).hold == std::chrono::seconds(10));
  CHECK_FALSE(asked("", 10'000'000));
  CHECK_FALSE(asked("coder", ~std::uint64_t{0}));
}
