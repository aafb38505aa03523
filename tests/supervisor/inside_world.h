// A run whose programs talk to the daemon over a real socket of theirs; the daemon is inside the test.
#pragma once

#include <poll.h>
#include <sys/un.h>

#include <nlohmann/json.hpp>

#include "tests/supervisor/daemon_world.h"

namespace ringfence::supervisor::inside_world {

using Json = nlohmann::json;
using daemon_world::Peering;
using daemon_world::World;

inline sockaddr_un addressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  return address;
}

inline UniqueFd makeSocket() { return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// A run with its socket, as its launcher hands it up.
struct Inside {
  World& world;
  std::string path;
  RunId run;

  explicit Inside(World& in, Peering& client) : world(in), path(in.dir.path() + "/agent.sock") {
    client.run();
    run = world.launcher.last<sandbox::Launch>()->plan.run;
    UniqueFd listener = makeSocket();
    const sockaddr_un address = addressOf(path);
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 16) == 0);
    world.launcher.guardFds[{run, sandbox::HeldFd::kAgentSocket}] = std::move(listener);
    world.launcherSays(sandbox::Built{run, {}, {}, 0, 100});
    world.launcherSays(sandbox::Started{run, 101});
    CHECK(client.read().value().run_accepted().pid() == 101);
    world.makeGroups(run);
  }
  void settle() const {
    pollfd poll{world.daemon->agentsFd(), POLLIN, 0};
    for (int turn = 0; ::poll(&poll, 1, 0) == 1; ++turn) {
      REQUIRE(turn < 1000);
      world.daemon->agentsReady();
    }
  }
  static std::optional<Json> read(const UniqueFd& socket) {
    auto packet = receivePacket(socket.get(), kibibytes(64), MSG_DONTWAIT);
    if (!packet || packet->bytes.empty()) return std::nullopt;
    return Json::parse(packet->bytes);
  }
  UniqueFd connect() const {
    UniqueFd socket = makeSocket();
    const sockaddr_un address = addressOf(path);
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    say(socket, R"({"id":1,"hello":{"protocol":1}})");
    CHECK(read(socket).value()["hello"]["run"] == run.text());
    return socket;
  }
  void say(const UniqueFd& socket, std::string_view packet) const {
    REQUIRE(sendPacket(socket.get(), packet));
    settle();
  }
  std::uint64_t tokens() const { return tokensOf(world.daemon->state().runs.at(run)).value_or(0); }
};

}  // namespace ringfence::supervisor::inside_world
