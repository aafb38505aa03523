#include "sandbox/wire/codec.h"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "sandbox/wire/long_message.h"
#include "tests/support/scramble.h"

namespace ringfence::sandbox {
namespace {

using test::Scrambler;

constexpr std::size_t kHeaderSize = 9;  // magic, version, direction

template <typename Message>
Message randomMessage(std::uint32_t seed) {
  Scrambler scrambler(seed);
  Message message;
  scrambler.choose(message, seed % std::variant_size_v<typename Message::Kinds>);
  return message;
}

Launch sampleLaunch() {
  Launch launch;
  launch.plan.run = *RunId::parse("r-0123456789abcdef");
  launch.plan.command = {"/bin/true"};
  launch.plan.mounts.push_back(MakeFile{.target = "/etc/passwd", .content = std::string("a\0b", 3)});
  return launch;
}

TEST_CASE("every kind of request comes back byte for byte from a round trip") {
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    const auto request = randomMessage<LauncherRequest>(seed);
    const std::string bytes = encode(request);
    const auto decoded = decodeRequest(bytes);
    INFO(seed);
    REQUIRE(decoded);
    REQUIRE(decoded->index() == request.index());
    REQUIRE(encode(*decoded) == bytes);
    REQUIRE(encodeBounded(request).value() == bytes);
  }
}

TEST_CASE("every kind of event comes back byte for byte from a round trip") {
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    const auto event = randomMessage<LauncherEvent>(seed);
    const std::string bytes = encode(event);
    const auto decoded = decodeEvent(bytes);
    INFO(seed);
    REQUIRE(decoded);
    REQUIRE(decoded->index() == event.index());
    REQUIRE(encode(*decoded) == bytes);
  }
}

TEST_CASE("a plan's fields arrive in the fields they left from") {
  Launch launch = sampleLaunch();
  launch.plan.identity = {.uid = 1, .gid = 2, .groups = {3, 4}, .callerUid = 5, .callerGid = 6, .callerGroups = {7}};
  launch.plan.limits = {.cpu = CpuPercent{150}, .memory = std::nullopt, .pids = 9};
  launch.plan.walls.limits = policy::WallStrength::kOff;
  launch.plan.stdio = Stdio::kCaptured;
  const auto decoded = decodeRequest(encode(LauncherRequest{launch}));
  REQUIRE(decoded);
  const Plan& plan = std::get<Launch>(*decoded).plan;
  CHECK(plan.identity.uid == 1);
  CHECK(plan.identity.groups == std::vector<std::uint32_t>{3, 4});
  CHECK(plan.identity.callerGid == 6);
  CHECK(plan.limits.cpu == CpuPercent{150});
  CHECK_FALSE(plan.limits.memory);
  CHECK(plan.limits.pids == 9);
  CHECK(plan.walls.limits == policy::WallStrength::kOff);
  CHECK(plan.walls.mount == policy::WallStrength::kRequired);
  CHECK(plan.stdio == Stdio::kCaptured);
  CHECK(std::get<MakeFile>(plan.mounts.at(0)).content == std::string("a\0b", 3));
}

TEST_CASE("a message cut at any byte is refused") {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const std::string request = encode(randomMessage<LauncherRequest>(seed));
    for (std::size_t length = 0; length < request.size(); ++length) {
      const auto decoded = decodeRequest(std::string_view(request).substr(0, length));
      REQUIRE_FALSE(decoded);
      REQUIRE(decoded.error().code == ErrorCode::kInvalid);
    }
    const std::string event = encode(randomMessage<LauncherEvent>(seed));
    for (std::size_t length = 0; length < event.size(); ++length) {
      REQUIRE_FALSE(decodeEvent(std::string_view(event).substr(0, length)));
    }
  }
}

TEST_CASE("a flipped bit is refused or yields another message that is itself well formed") {
  std::size_t refused = 0;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const std::string good = encode(randomMessage<LauncherRequest>(seed));
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      const auto decoded = decodeRequest(bad);
      if (!decoded) {
        ++refused;
      } else {
        REQUIRE(encode(*decoded) == bad);
      }
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a seccomp table that is known crosses as if it were not, and once it is another it is read anew") {
  KnownTable writers, readers;
  Launch launch = sampleLaunch();
  for (const std::uint32_t seed : {1U, 1U, 2U, 3U, 1U}) {
    SeccompTable table;
    Scrambler(seed).fill(table);
    if (seed == 3) table.fallbackErrno = static_cast<std::uint16_t>(table.fallbackErrno ^ 1U);
    launch.plan.seccomp = table;
    for (int turn = 0; turn < 2; ++turn) {
      const std::string bytes = encode(LauncherRequest{launch}, &writers);
      REQUIRE(bytes == encode(LauncherRequest{launch}));
      const auto decoded = decodeRequest(bytes, &readers);
      REQUIRE(decoded);
      CHECK(std::get<Launch>(*decoded).plan.seccomp == launch.plan.seccomp);
      CHECK(std::get<Launch>(*decoded).plan.seccomp.isSame(readers.table));
      CHECK(encode(*decoded) == bytes);
      for (std::size_t length = 0; length < bytes.size(); ++length) {
        KnownTable known = readers;
        REQUIRE_FALSE(decodeRequest(std::string_view(bytes).substr(0, length), &known));
      }
    }
  }
}

TEST_CASE("bytes after the message are refused") {
  const auto decoded = decodeRequest(encode(LauncherRequest{sampleLaunch()}) + "x");
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().message.find("left over") != std::string::npos);
}

TEST_CASE("a message of another version, direction or protocol is refused by name") {
  const std::string good = encode(LauncherRequest{WireHello{}});
  std::string version = good;
  version[4] = 99;
  CHECK(decodeRequest(version).error().message.starts_with("version:"));
  std::string magic = good;
  magic[0] = '{';
  CHECK(decodeRequest(magic).error().message.starts_with("magic:"));
  CHECK(decodeEvent(good).error().message.starts_with("direction:"));
  std::string kind = good;
  kind[kHeaderSize] = 77;
  CHECK(decodeRequest(kind).error().message == "request: unknown kind 77");
}

TEST_CASE("an error names the field that is wrong") {
  std::string bytes = encode(LauncherRequest{Prepare{.run = sampleLaunch().plan.run}});
  bytes.back() = 9;
  CHECK(decodeRequest(bytes).error().message == "request.priority: unknown value 9");

  Launch launch = sampleLaunch();
  launch.plan.mounts.push_back(MakeSymlink{.target = std::string("/a\0b", 4), .content = "x"});
  CHECK(encodeBounded(LauncherRequest{launch}).error().message == "request.plan.mounts[1].target: holds a NUL byte");
  CHECK(decodeRequest(encode(LauncherRequest{launch})).error().message ==
        "request.plan.mounts[1].target: holds a NUL byte");
}

TEST_CASE("a message that names no run is refused on both sides") {
  CHECK_FALSE(encodeBounded(LauncherRequest{Release{}}));
  CHECK_FALSE(decodeRequest(encode(LauncherRequest{Release{}})));
}

TEST_CASE("a length that the packet does not hold is refused before anything is allocated") {
  std::string bytes = encode(LauncherEvent{LaunchFailed{.run = sampleLaunch().plan.run, .token = "x", .message = "y"}});
  const std::size_t tokenLength = kHeaderSize + 1 + 4 + 18;
  REQUIRE(bytes[tokenLength] == 1);
  for (std::size_t i = 0; i < 4; ++i) bytes[tokenLength + i] = static_cast<char>(0xff);
  CHECK(decodeEvent(bytes).error().message == "event.token: is longer than its packet");
}

TEST_CASE("a plan too large for one packet is an error of the sender") {
  Launch launch = sampleLaunch();
  launch.plan.environment.push_back("BIG=" + std::string(kMaxWirePacket.count, 'x'));
  const auto encoded = encodeBounded(LauncherRequest{launch});
  REQUIRE_FALSE(encoded);
  CHECK(encoded.error().message.find("fit into one packet") != std::string::npos);
  CHECK_FALSE(decodeRequest(encode(LauncherRequest{launch})));
}

TEST_CASE("a request longer than a packet travels in a sealed memfd behind its descriptors") {
  Launch launch = sampleLaunch();
  launch.plan.command.assign(12, std::string(100 << 10, 'x'));
  Packet packet = packRequest(encode(LauncherRequest{launch})).value();
  CHECK(packet.bytes.size() == 1);
  REQUIRE(packet.fds.size() == 1);
  packet.fds.insert(packet.fds.begin(), sealedMemfd("workspace", "w").value());

  const auto decoded = decodeRequest(packet);
  REQUIRE(decoded);
  CHECK(std::get<Launch>(*decoded).plan.command == launch.plan.command);
  const auto taken = takeFds(std::move(packet));
  CHECK(taken.size() == 1);
}

TEST_CASE("a request that fits into a packet is one, and keeps all its descriptors") {
  Packet packet = packRequest(encode(LauncherRequest{sampleLaunch()})).value();
  CHECK(packet.fds.empty());
  packet.fds.push_back(sealedMemfd("workspace", "w").value());
  CHECK(decodeRequest(packet));
  const auto taken = takeFds(std::move(packet));
  CHECK(taken.size() == 1);
}

TEST_CASE("a long request is refused without its memfd, from one that can change, and beyond its bound") {
  Packet packet;
  packet.bytes = "\x02";
  CHECK(decodeRequest(packet).error().message.find("brings none") != std::string::npos);
  char name[] = "/tmp/ringfence-wire-XXXXXX";
  packet.fds.emplace_back(::mkstemp(name));
  ::unlink(name);
  REQUIRE(packet.fds[0]);
  CHECK(decodeRequest(packet).error().message.find("is no sealed memfd") != std::string::npos);
  packet.fds[0] = sealedMemfd("long", std::string(kMaxLongMessage.count + 1, 'x')).value();
  CHECK(decodeRequest(packet).error().message.find("bytes; 1 to 4.0 MiB are taken") != std::string::npos);

  Launch launch = sampleLaunch();
  launch.plan.command.assign(42, std::string(100 << 10, 'x'));
  CHECK(packRequest(encode(LauncherRequest{launch})).error().message.find("at most 4096") != std::string::npos);
}

}  // namespace
}  // namespace ringfence::sandbox
