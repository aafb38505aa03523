// A run with guards in the daemon inside the test: their ends of real pairs and rings, in the test's hands.
#pragma once

#include "sandbox/wire/long_message.h"
#include "tests/supervisor/daemon_world.h"

namespace ringfence::supervisor::daemon_world {

using sandbox::GuardKind;
using sandbox::HeldFd;

// The guard's side of a run that was launched.
struct Guard {
  World& world;
  RunId run;
  UniqueFd end;
  std::optional<sandbox::ActionRing> ring;

  Guard(World& in, const RunId& of, GuardKind kind = GuardKind::kWarden) : world(in), run(of) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    const bool isWarden = kind == GuardKind::kWarden;
    world.launcher.guardFds[{run, isWarden ? HeldFd::kWarden : HeldFd::kEgress}] = UniqueFd(pair[0]);
    end.reset(pair[1]);
    auto made = sandbox::ActionRing::create(kibibytes(64));
    REQUIRE(made);
    world.launcher.guardFds[{run, isWarden ? HeldFd::kWardenActions : HeldFd::kEgressActions}] =
        UniqueFd(::fcntl(made->fd(), F_DUPFD_CLOEXEC, 3));
    ring.emplace(*std::move(made));
  }
  void say(const sandbox::GuardEvent& event) {
    auto bytes = sandbox::encodeBounded(event);
    REQUIRE(bytes);
    REQUIRE(sendPacket(end.get(), *bytes));
    hear();
  }
  // The loop sees that the daemon's end is readable.
  void hear() {
    for (const Mediation::Socket& socket : world.daemon->mediation().sockets()) {
      if (socket.wantsRead) world.daemon->guardReady(socket.id, true, false);
    }
    settle();
  }
  void settle() {
    world.daemon->storeReady();
    for (const Mediation::LinkId id : world.daemon->mediation().finished()) world.daemon->mediation().remove(id);
  }
  std::optional<sandbox::GuardOrder> next() {
    auto packet = receivePacket(end.get(), sandbox::kMaxGuardPacket, MSG_DONTWAIT);
    if (!packet) return std::nullopt;
    auto order = sandbox::decodeGuardOrder(*packet);
    REQUIRE(order);
    return *std::move(order);
  }
  template <typename Order>
  std::optional<Order> next() {
    while (auto order = next()) {
      if (auto* wanted = std::get_if<Order>(&*order)) return std::move(*wanted);
    }
    return std::nullopt;
  }
  void askToConnect(std::uint64_t number, const std::string& target) {
    sandbox::Ask ask;
    ask.ask = number;
    ask.action.action = {policy::Operation::kConnect, target, {}};
    ask.action.what = "http-connect";
    ask.action.object = "tcp 10.77.0.1:4321 to 127.0.0.1:9480";
    ask.action.chain = {{1, "what a guard makes up"}};
    ask.rule = {"network.default ask", {"/etc/coding.toml", 4, ""}, "asked"};
    say(ask);
  }
  void ask(std::uint64_t number, const std::string& target) {
    sandbox::Ask ask;
    ask.ask = number;
    ask.action.action = {policy::Operation::kWrite, target, {}};
    ask.action.what = "openat";
    ask.rule = {"files.ask ~/Documents", {"/etc/coding.toml", 4, ""}, "asked"};
    say(ask);
  }
};

// Launched, with its guard there before it was built.
inline RunId launchGuarded(World& world, Peering& client, std::optional<Guard>& guard,
                           GuardKind kind = GuardKind::kWarden) {
  client.run();
  const auto* launched = world.launcher.last<sandbox::Launch>();
  REQUIRE(launched != nullptr);
  const RunId run = launched->plan.run;
  guard.emplace(world, run, kind);
  world.launcherSays(sandbox::Built{run, {}, {}, 0, 100});
  world.launcherSays(sandbox::Started{run, 101});
  CHECK(client.read().value().run_accepted().pid() == 101);
  world.makeGroups(run);
  return run;
}

template <typename Body>
std::vector<Body> factsOf(const World& world) {
  std::vector<Body> found;
  for (const Fact& fact : world.store.queued) {
    if (const Body* body = std::get_if<Body>(&fact.body)) found.push_back(*body);
  }
  return found;
}

inline v1::ClientPacket answerTo(std::uint64_t id, v1::Verdict verdict, v1::Scope scope = v1::SCOPE_ONCE) {
  v1::ClientPacket packet;
  packet.mutable_answer()->set_id(id);
  packet.mutable_answer()->set_verdict(verdict);
  packet.mutable_answer()->set_scope(scope);
  return packet;
}

inline v1::ClientPacket pending(bool watch) {
  v1::ClientPacket packet;
  packet.mutable_pending()->set_watch(watch);
  return packet;
}

// What it is told when that is durable.
inline std::optional<v1::ServerPacket> answered(World& world, Peering& client, const v1::ClientPacket& packet) {
  client.write(packet);
  world.daemon->storeReady();
  return client.read();
}

}  // namespace ringfence::supervisor::daemon_world
