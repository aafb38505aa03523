// The focus on its way through the control socket.
#include <catch2/catch_all.hpp>

#include "sdk/client/convert.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/convert.h"

using namespace ringfence;
using namespace ringfence::supervisor::api;

namespace {

Result<Request> asked(std::int32_t pid, bool clear) {
  v1::ClientPacket packet;
  packet.set_id(1);
  packet.mutable_focus()->set_pid(pid);
  packet.mutable_focus()->set_clear(clear);
  return toRequest(packet);
}

}  // namespace

TEST_CASE("a focus names a process, or clears, or asks, and never two of them") {
  CHECK(std::get<SetFocus>(asked(77, false).value()).pid == 77);
  CHECK(std::get<SetFocus>(asked(0, true).value()).clear);
  CHECK_FALSE(std::get<SetFocus>(asked(0, false).value()).clear);
  CHECK_FALSE(asked(77, true));
  CHECK_FALSE(asked(-1, false));
}

TEST_CASE("what is protected and what is not arrives with its reason") {
  v1::ServerPacket packet;
  const FocusAnswer answer{77, "/user.slice/\xff", {{"memory", "1.0 GiB", ""}, {"disk", "", "no weight"}}};
  REQUIRE(packet.ParseFromString(toPacket(7, answer, true).SerializeAsString()));
  const client::FocusAnswer got = client::fromMessage(packet.focus());
  CHECK(got.pid == 77);
  CHECK(got.group == "/user.slice/\\xff");
  REQUIRE(got.parts.size() == 2);
  CHECK(got.parts[0].amount == "1.0 GiB");
  CHECK(got.parts[1].amount.empty());
  CHECK(got.parts[1].why == "no weight");
}
