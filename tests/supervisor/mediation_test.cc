// The daemon between the guards of a run and the people who answer: a real pair, a real ring, the daemon inside the
// test.
#include "sandbox/wire/long_message.h"
#include "tests/supervisor/daemon_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;
using sandbox::GuardKind;
using sandbox::HeldFd;

namespace {

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
RunId launchGuarded(World& world, Peering& client, std::optional<Guard>& guard, GuardKind kind = GuardKind::kWarden) {
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

v1::ClientPacket answerTo(std::uint64_t id, v1::Verdict verdict, v1::Scope scope = v1::SCOPE_ONCE) {
  v1::ClientPacket packet;
  packet.mutable_answer()->set_id(id);
  packet.mutable_answer()->set_verdict(verdict);
  packet.mutable_answer()->set_scope(scope);
  return packet;
}

v1::ClientPacket pending(bool watch) {
  v1::ClientPacket packet;
  packet.mutable_pending()->set_watch(watch);
  return packet;
}

// What it is told when that is durable.
std::optional<v1::ServerPacket> answered(World& world, Peering& client, const v1::ClientPacket& packet) {
  client.write(packet);
  world.daemon->storeReady();
  return client.read();
}

}  // namespace

TEST_CASE(
    "at its start a guard gets the rules of its run; an ask is shown, answered, and heard of when it is durable") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  const auto rules = guard->next<sandbox::GuardRules>();
  REQUIRE(rules);
  CHECK(rules->run == run);
  CHECK(rules->document.name == "coding");
  CHECK(rules->places.workspace == world.dir.path() + "/project");
  CHECK_FALSE(rules->places.home.empty());
  guard->say(sandbox::GuardHello{.pid = 55});
  CHECK_FALSE(guard->next());  // It has them already.
  CHECK(factsOf<GuardStarted>(world).size() == 1);

  Peering watcher(world, 1000), stranger(world, 1001);
  watcher.write(pending(true));
  stranger.write(pending(true));
  guard->ask(7, "/home/ada/Documents/a");
  const auto item = watcher.read();
  REQUIRE(item);
  CHECK(item->pending().run() == run.text());
  CHECK(item->pending().action().target() == "/home/ada/Documents/a");
  CHECK(item->pending().rule().line() == 4);
  CHECK(item->pending().reversible() == v1::REVERSIBILITY_IRREVERSIBLE);
  CHECK_FALSE(stranger.read());
  CHECK(client.read().value().run_event().asked().id() == item->pending().id());

  Peering answerer(world, 1000);
  answerer.write(answerTo(item->pending().id(), v1::VERDICT_ALLOW));
  CHECK_FALSE(guard->next());  // not durable
  CHECK_FALSE(answerer.read());
  world.daemon->storeReady();
  const auto answer = guard->next<sandbox::Answer>();
  REQUIRE(answer);
  CHECK(answer->ask == 7);
  CHECK(answer->outcome == sandbox::Outcome::kAllowed);
  CHECK(answerer.read().value().has_done());
  CHECK(watcher.read().value().pending_gone().settlement() == v1::SETTLEMENT_ALLOWED);
  const auto again = answered(world, answerer, answerTo(item->pending().id(), v1::VERDICT_DENY));
  CHECK(again.value().error().code() == "gone");
  CHECK(again->error().exit_code() == 5);
  CHECK(answered(world, stranger, answerTo(item->pending().id(), v1::VERDICT_DENY))->error().code() == "not-found");
}

TEST_CASE("asks survive the daemon: the next one says the rules again, asks for what is open, and doubles nothing") {
  World world;
  std::optional<Guard> guard;
  RunId run;
  {
    Peering client(world, 1000);
    run = launchGuarded(world, client, guard);
    guard->say(sandbox::GuardHello{.pid = 55});
    guard->ask(1, "/d/open");
    guard->ask(2, "/d/answered");
    // Answered, durable, and the daemon dies before the guard hears of it.
    client.write(answerTo(2, v1::VERDICT_ALLOW));
  }
  while (guard->next()) {}
  State folded;
  for (const Fact& fact : world.store.queued) folded = evolve(std::move(folded), fact);
  const std::size_t asked = factsOf<ActionAsked>(world).size();
  world.start(folded, {{.run = run, .state = sandbox::KeptState::kRunning, .initPid = 100, .pid = 101}});
  CHECK(guard->next<sandbox::Repeat>());
  const auto rules = guard->next<sandbox::GuardRules>();
  REQUIRE(rules);
  CHECK(rules->document.name == "coding");  // from the disk
  CHECK(rules->generation > 0);
  guard->say(sandbox::GuardHello{.pid = 55});
  guard->ask(1, "/d/open");
  guard->ask(2, "/d/answered");
  CHECK(factsOf<ActionAsked>(world).size() == asked);
  const auto answer = guard->next<sandbox::Answer>();
  REQUIRE(answer);
  CHECK(answer->ask == 2);
  CHECK(answer->outcome == sandbox::Outcome::kAllowed);
  CHECK_FALSE(guard->next<sandbox::Answer>());
  // A person who begins to watch now sees what is open.
  Peering watcher(world, 1000);
  watcher.write(pending(true));
  CHECK(watcher.read().value().pending().action().target() == "/d/open");
  CHECK(answered(world, watcher, answerTo(1, v1::VERDICT_DENY)).has_value());
  CHECK(guard->next<sandbox::Answer>()->outcome == sandbox::Outcome::kDenied);
}

TEST_CASE("what is allowed for longer is in the next rules of the guard, and out of them when it is revoked") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  const std::uint64_t first = guard->next<sandbox::GuardRules>()->generation;
  guard->ask(1, "/home/ada/Documents");
  CHECK(answered(world, client, answerTo(1, v1::VERDICT_ALLOW, v1::SCOPE_PROJECT)).has_value());
  const auto with = guard->next<sandbox::GuardRules>();
  REQUIRE(with);
  CHECK(with->generation > first);
  REQUIRE(with->document.grants.size() == 1);
  CHECK(with->document.grants[0].target == "/home/ada/Documents");
  CHECK(with->document.grants[0].origin.file == "grant 1");
  guard->say(sandbox::RulesInForce{with->generation, 0});
  CHECK(factsOf<RulesEnforced>(world).size() == 1);
  CHECK(factsOf<RulesEnforced>(world)[0].policyHash == policy::documentHash(with->document));

  Peering other(world, 1000);
  v1::ClientPacket list;
  list.mutable_grants();
  const auto grants = other.ask(list);
  REQUIRE(grants.value().grants().rows_size() == 1);
  CHECK(grants->grants().rows(0).policy_text().find("[[grant]]") != std::string::npos);
  // The next run in that project has it from the beginning.
  std::optional<Guard> second;
  Peering starter(world, 1000);
  (void)launchGuarded(world, starter, second);
  CHECK(second->next<sandbox::GuardRules>()->document.grants.size() == 1);

  v1::ClientPacket revoke;
  revoke.mutable_revoke_grant()->set_id(1);
  world.store.failing = true;  // taking back waits for no disk
  CHECK(other.ask(revoke).value().has_done());
  CHECK(guard->next<sandbox::GuardRules>()->document.grants.empty());
  CHECK(second->next<sandbox::GuardRules>()->document.grants.empty());
  (void)run;
}

TEST_CASE("a record is confirmed when it is durable, and while the log cannot be written guards are not heard") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard, GuardKind::kEgress);
  while (guard->next()) {}
  sandbox::Record record;
  record.ticket = 3;
  record.kind = sandbox::RecordKind::kLeavesDevice;
  record.action.action = {policy::Operation::kConnect, "example.org:443", {}};
  world.store.failing = true;
  world.daemon->storeReady();
  guard->say(record);
  CHECK(factsOf<ConnectionOpened>(world).empty());
  CHECK_FALSE(guard->next());
  world.store.failing = false;
  world.daemon->storeReady();
  guard->hear();
  CHECK(factsOf<ConnectionOpened>(world).size() == 1);
  const auto recorded = guard->next<sandbox::Recorded>();
  REQUIRE(recorded);
  CHECK(recorded->ticket == 3);
}

TEST_CASE("what a guard allowed is counted into the log, and leaves its ring when that is durable") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  sandbox::AllowedAction allowed;
  allowed.action.action = {policy::Operation::kWrite, "/w/a", {}};
  allowed.action.what = "openat";
  allowed.rule = "files.workspace = \"rw\"";
  CHECK(guard->ring->put(sandbox::encodeEntry(allowed)) == sandbox::ActionRing::Put::kFirst);
  CHECK(guard->ring->put(sandbox::encodeEntry(allowed)) == sandbox::ActionRing::Put::kDone);
  allowed.action.action.target = "/w/b";
  (void)guard->ring->put(sandbox::encodeEntry(allowed));
  guard->say(sandbox::ActionsWaiting{});
  CHECK(factsOf<ActionsAllowed>(world).empty());
  world.clock.advance(kRingDelay);
  world.daemon->wake();
  REQUIRE(factsOf<ActionsAllowed>(world).size() == 1);
  CHECK(factsOf<ActionsAllowed>(world)[0].actions.size() == 2);
  CHECK(factsOf<ActionsAllowed>(world)[0].actions[0].count == 2);
  CHECK_FALSE(guard->ring->empty());
  guard->settle();
  CHECK(guard->ring->empty());
  // The daemon dies after the fact and before it lets go: the next one neither loses nor doubles anything.
  (void)guard->ring->put(sandbox::encodeEntry(allowed));
  guard->say(sandbox::ActionsWaiting{});
  world.clock.advance(kRingDelay);
  world.daemon->wake();
  State folded;
  for (const Fact& fact : world.store.queued) folded = evolve(std::move(folded), fact);
  allowed.action.action.target = "/w/c";
  (void)guard->ring->put(sandbox::encodeEntry(allowed));
  world.start(folded, {{.run = run, .state = sandbox::KeptState::kRunning, .initPid = 100, .pid = 101}});
  world.daemon->wake();
  guard->settle();
  REQUIRE(factsOf<ActionsAllowed>(world).size() == 3);
  REQUIRE(factsOf<ActionsAllowed>(world)[2].actions.size() == 1);
  CHECK(factsOf<ActionsAllowed>(world)[2].actions[0].target == "/w/c");
  // What is still there at the end of the run comes before that end.
  allowed.action.action.target = "/w/Makefile";
  (void)guard->ring->put(sandbox::encodeEntry(allowed));
  world.launcherSays(sandbox::Ended{run, {.code = 0, .signal = {}}, false, {}});
  REQUIRE(factsOf<ActionsAllowed>(world).size() == 4);
  REQUIRE(std::holds_alternative<RunEnded>(world.store.queued.back().body));
  CHECK(std::get<RunEnded>(world.store.queued.back().body).note.ends_with("Makefile (make)"));
}

TEST_CASE("a guard that sends what cannot be read, or too much, is not heard any more, and that is a fact") {
  for (const std::string what : {"garbage", "nothing", "bounds", "kind", "descriptor"}) {
    CAPTURE(what);
    World world;
    Peering client(world, 1000);
    std::optional<Guard> guard;
    (void)launchGuarded(world, client, guard);
    guard->ask(1, "/d");
    if (what == "garbage") {
      REQUIRE(sendPacket(guard->end.get(), "garbage"));
    } else if (what == "nothing") {
      REQUIRE(::send(guard->end.get(), "", 0, MSG_NOSIGNAL) == 0);
    } else if (what == "bounds") {
      sandbox::Ask ask;
      ask.action.action.target = "/" + std::string(sandbox::kMaxGuardText, 'x');
      REQUIRE(sendPacket(guard->end.get(), sandbox::encodeBounded(sandbox::GuardEvent(ask)).value()));
    } else if (what == "kind") {
      REQUIRE(sendPacket(
          guard->end.get(),
          sandbox::encodeBounded(sandbox::GuardEvent(sandbox::GuardHello{.kind = GuardKind::kEgress})).value()));
    } else {
      const int fd = 0;
      REQUIRE(sendPacket(guard->end.get(),
                         sandbox::encodeBounded(sandbox::GuardEvent(sandbox::ActionsWaiting{})).value(), {&fd, 1}));
    }
    guard->hear();
    REQUIRE(factsOf<GuardLost>(world).size() == 1);
    CHECK(world.daemon->mediation().sockets().empty());
    CHECK_FALSE(world.said.empty());
    CHECK(world.daemon->state().questions.size() == 1);  // The guard that takes its place asks again.
  }
}

TEST_CASE("a flood of asks is refused together, and then the run is frozen") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  for (unsigned i = 1; i <= 10 + kMaxRefusedAsks + 1; ++i) guard->ask(i, "/d/" + std::to_string(i));
  CHECK(factsOf<ActionAsked>(world).size() == 10);
  CHECK(factsOf<AsksRefused>(world).empty());
  world.clock.advance(kOverflowDelay);
  world.daemon->wake();
  guard->settle();
  REQUIRE(factsOf<AsksRefused>(world).size() == 1);
  CHECK(factsOf<AsksRefused>(world)[0].count == kMaxRefusedAsks + 1);
  std::size_t denied = 0;
  while (auto answer = guard->next<sandbox::Answer>()) denied += answer->outcome == sandbox::Outcome::kDenied ? 1 : 0;
  CHECK(denied == kMaxRefusedAsks + 1);
  CHECK(world.group(run, "cgroup.freeze") == "1");
}

TEST_CASE("a guard that floods the log with records gets a bounded part of it, and the rest is a number") {
  World world;
  Peering client(world, 1000), bystander(world, 1000);
  std::optional<Guard> flooding, honest;
  const RunId run = launchGuarded(world, client, flooding);
  const RunId other = launchGuarded(world, bystander, honest);
  sandbox::Record record;
  record.action.action = {policy::Operation::kWrite, "/" + std::string(sandbox::kMaxGuardText - 1, 'x'), {}};
  constexpr std::uint64_t kTold = 3000;
  for (std::uint64_t i = 0; i < kTold; ++i) flooding->say(record);
  const std::size_t written = factsOf<ActionDenied>(world).size();
  CHECK(written <= kMaxRecordBurst.count / sandbox::kMaxGuardText);
  CHECK(written >= kMaxRecordBurst.count / sandbox::kMaxGuardText / 2);
  CHECK(factsOf<RecordsNotWritten>(world).empty());
  // Others are heard as ever, and so is what is counted together.
  honest->say(record);
  CHECK(factsOf<ActionDenied>(world).size() == written + 1);
  sandbox::AllowedAction allowed;
  allowed.action.action = {policy::Operation::kWrite, "/w/a", {}};
  for (int i = 0; i < 100; ++i) (void)flooding->ring->put(sandbox::encodeEntry(allowed));
  flooding->say(sandbox::ActionsWaiting{});
  world.clock.advance(kOmittedDelay);
  world.daemon->wake();
  REQUIRE(factsOf<ActionsAllowed>(world).size() == 1);
  CHECK(factsOf<ActionsAllowed>(world)[0].actions.at(0).count == 100);
  REQUIRE(factsOf<RecordsNotWritten>(world).size() == 1);
  CHECK(factsOf<RecordsNotWritten>(world)[0] == RecordsNotWritten{GuardKind::kWarden, kTold - written});
  // What was earned meanwhile is all that comes in again; what is over is told at the end of the run at the latest.
  const std::size_t earned = kMaxRecordsPerSecond.count * 10 / sandbox::kMaxGuardText;
  for (std::uint64_t i = 0; i < kTold; ++i) flooding->say(record);
  const std::size_t more = factsOf<ActionDenied>(world).size() - written - 1;
  CHECK(more <= earned);
  CHECK(more >= earned / 2);
  world.launcherSays(sandbox::Ended{.run = run});
  REQUIRE(factsOf<RecordsNotWritten>(world).size() == 2);
  CHECK(factsOf<RecordsNotWritten>(world)[1].count == kTold - more);
  CHECK_FALSE(other == run);
}

TEST_CASE("a record that a guard waits for is written later when there are too many, and never left out") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard, GuardKind::kEgress);
  sandbox::Record record;
  record.kind = sandbox::RecordKind::kLeavesDevice;
  record.action.action = {policy::Operation::kConnect, std::string(sandbox::kMaxGuardText, 'x'), {}};
  std::size_t confirmed = 0;
  const auto hearConfirmed = [&] {
    guard->settle();
    while (guard->next<sandbox::Recorded>()) ++confirmed;
  };
  constexpr std::size_t kTold = 2500;
  for (std::size_t i = 0; i < kTold; ++i) {
    record.ticket = i + 1;
    guard->say(record);
    hearConfirmed();
  }
  CHECK(confirmed < kTold);
  CHECK(confirmed == factsOf<ConnectionOpened>(world).size());
  for (int i = 0; i < 100 && confirmed < kTold; ++i) {
    const auto next = world.daemon->mediation().nextWake();
    if (next) world.clock.advance(std::chrono::seconds(1));
    world.daemon->wake();
    guard->hear();
    hearConfirmed();
  }
  CHECK(confirmed == kTold);
  CHECK(factsOf<RecordsNotWritten>(world).empty());
}

TEST_CASE("time expires a question, and its guard hears of that once") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard);
  while (guard->next()) {}
  guard->ask(1, "/d");
  REQUIRE(world.daemon->nextWake());
  CHECK(*world.daemon->nextWake() <= world.clock.now().boottime + std::chrono::seconds(600));
  world.clock.advance(std::chrono::seconds(600));
  world.daemon->wake();
  world.daemon->wake();
  guard->settle();
  CHECK(guard->next<sandbox::Answer>()->outcome == sandbox::Outcome::kExpired);
  CHECK_FALSE(guard->next());
  Peering other(world, 1000);
  CHECK(answered(world, other, answerTo(1, v1::VERDICT_ALLOW))->error().code() == "gone");
}

TEST_CASE("why says what the rules of a run say, and a rewrite into what is forbidden is refused with its rule") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  Peering other(world, 1000), stranger(world, 1001);
  v1::ClientPacket why;
  why.mutable_why()->set_run(run.text());
  why.mutable_why()->set_operation(v1::OPERATION_WRITE);
  why.mutable_why()->set_target(world.dir.path() + "/project/a");
  CHECK(other.ask(why).value().why().decision() == v1::DECISION_ALLOW);
  CHECK(stranger.ask(why).value().error().code() == "not-found");
  why.mutable_why()->set_target("/etc/shadow");
  CHECK(other.ask(why).value().why().decision() == v1::DECISION_FORBID);
  CHECK_FALSE(other.ask(why).value().why().has_rule());
  guard->ask(1, world.dir.path() + "/project/b");
  v1::ClientPacket rewrite = answerTo(1, v1::VERDICT_REWRITE, v1::SCOPE_UNSPECIFIED);
  rewrite.mutable_answer()->mutable_rewrite()->set_path("/etc/shadow");
  const auto refused = answered(world, other, rewrite);
  CHECK(refused.value().error().exit_code() == 4);
  rewrite.mutable_answer()->mutable_rewrite()->set_path(world.dir.path() + "/project/c");
  CHECK(answered(world, other, rewrite).value().has_done());
  CHECK(guard->next<sandbox::Answer>()->rewrite.path == world.dir.path() + "/project/c");
}

// ---- who made a connection

TEST_CASE("a question about a connection shows whom the launcher found behind it, and nothing that the guard made up") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard, GuardKind::kEgress);
  Peering watcher(world, 1000);
  watcher.write(pending(true));
  guard->askToConnect(7, "example.org:443");
  const auto* search = world.launcher.last<sandbox::FindOwner>();
  REQUIRE(search != nullptr);
  CHECK(search->run == run);
  CHECK(search->ends == "tcp 10.77.0.1:4321 to 127.0.0.1:9480");
  CHECK_FALSE(watcher.read());
  world.launcherSays(sandbox::OwnerFound{run, search->ticket + 1, {{9, "of another question"}}, {}});
  CHECK_FALSE(watcher.read());
  world.launcherSays(sandbox::OwnerFound{run, search->ticket, {{41, "curl"}, {7, "bash"}}, "held by others too"});
  const auto item = watcher.read();
  REQUIRE(item);
  REQUIRE(item->pending().chain_size() == 2);
  CHECK(item->pending().chain(0).name() == "curl");
  CHECK(item->pending().chain(1).pid() == 7);
  CHECK(item->pending().chain_note() == "held by others too");
  const auto asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].action.chain == std::vector<sandbox::ProcessLink>{{41, "curl"}, {7, "bash"}});
  // Asked again after a guard or a daemon died it is the same question: nobody is looked for.
  const std::size_t sent = world.launcher.sent.size();
  guard->askToConnect(7, "example.org:443");
  CHECK(world.launcher.sent.size() == sent);
  // The next question is another connection.
  guard->askToConnect(8, "example.net:443");
  CHECK(world.launcher.last<sandbox::FindOwner>()->ticket != search->ticket);
  CHECK(factsOf<ActionAsked>(world).size() == 1);
}

TEST_CASE("what a guard says after a question waits with it, so that a question is withdrawn after it was asked") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard, GuardKind::kEgress);
  guard->askToConnect(7, "example.org:443");
  guard->say(sandbox::Withdraw{7, "the client is gone"});
  CHECK(factsOf<ActionAnswered>(world).empty());
  world.launcherSays(
      sandbox::OwnerFound{run, world.launcher.last<sandbox::FindOwner>()->ticket, {}, "not known: gone"});
  guard->hear();
  const auto asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].action.chain.empty());
  CHECK(asked[0].action.chainNote == "not known: gone");
  const auto answered = factsOf<ActionAnswered>(world);
  REQUIRE(answered.size() == 1);
  CHECK(answered[0].outcome == Settled::kWithdrawn);
}

TEST_CASE("a question is asked without a chain, in words, when the launcher is away or does not answer in time") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard, GuardKind::kEgress);
  guard->askToConnect(7, "example.org:443");
  REQUIRE(world.daemon->mediation().nextWake());
  CHECK(factsOf<ActionAsked>(world).empty());
  world.clock.advance(kOwnerPatience);
  world.daemon->mediation().wake();
  auto asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].action.chain.empty());
  CHECK(asked[0].action.chainNote == "not known: the launcher did not answer in time");
  world.launcher.gone = true;
  guard->askToConnect(8, "example.net:443");
  asked = factsOf<ActionAsked>(world);
  REQUIRE(asked.size() == 2);
  CHECK(asked[1].action.chain.empty());
  CHECK(asked[1].action.chainNote == "not known: the launcher, which would look, is not there at the moment");
}
