// The daemon between the guards of a run and the people who answer: a real pair, a real ring, the daemon inside the
// test.
#include "supervisor/api/details.h"
#include "supervisor/core/cards.h"
#include "tests/supervisor/guarded_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::daemon_world;

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
  other.write(revoke);
  CHECK(guard->next<sandbox::GuardRules>()->document.grants.empty());
  CHECK(second->next<sandbox::GuardRules>()->document.grants.empty());
  (void)run;
}

TEST_CASE("an egress that begins while its run is frozen is told, and what it says of its connections is known") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard, GuardKind::kEgress);
  while (guard->next()) {}
  guard->say(sandbox::GuardHello{.kind = GuardKind::kEgress, .pid = 500});
  CHECK_FALSE(guard->next<sandbox::RunHeld>());
  v1::ClientPacket freeze;
  freeze.mutable_freeze()->set_run(run.text());
  client.write(freeze);
  world.daemon->storeReady();
  const auto held = guard->next<sandbox::RunHeld>();
  REQUIRE(held);
  CHECK(held->held);
  CHECK(world.daemon->mediation().networkOf(run) == nullptr);
  guard->say(sandbox::NetworkActivity{sandbox::NetworkState::kStreaming, 3, 0});
  REQUIRE(world.daemon->mediation().networkOf(run) != nullptr);
  CHECK(world.daemon->mediation().networkOf(run)->activity.turns == 3);
  guard->say(sandbox::GuardHello{.kind = GuardKind::kEgress, .pid = 501, .restarted = true});
  CHECK(guard->next<sandbox::RunHeld>()->held);
  CHECK(world.daemon->mediation().networkOf(run) == nullptr);  // Its connections ended with the other.
  guard->say(sandbox::HoldReport{.heldMs = 5, .connections = 2});
  REQUIRE(factsOf<ConnectionsHeld>(world).size() == 1);
  CHECK(factsOf<ConnectionsHeld>(world)[0].report.connections == 2);
  guard->say(sandbox::ModelAnswers{.model = "local", .answers = 2, .inputTokens = 60, .outputTokens = 40});
  REQUIRE(factsOf<UsageSeen>(world).size() == 1);
  CHECK(factsOf<UsageSeen>(world)[0].models[0].unpriced == 2U);  // Nobody wrote down what it costs.
  CHECK(tokensOf(world.daemon->state().runs.at(run)) == 100U);
}

TEST_CASE("what an egress counted last is heard though its run is over, until nobody of that is left") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard, GuardKind::kEgress);
  guard->say(sandbox::GuardHello{.kind = GuardKind::kEgress, .pid = 500});
  guard->say(sandbox::Traffic{{{"a.example", 443, 5, 50, 1}, {"b.example", 443, 2, 20, 1}}});
  world.launcherSays(sandbox::Ended{run, {.code = 0}, false, {}, ""});
  world.daemon->storeReady();
  REQUIRE(std::holds_alternative<EndedState>(world.daemon->state().runs.at(run).life));
  guard->say(sandbox::Traffic{{{"a.example", 443, 5, 50, 1}, {"b.example", 443, 4, 40, 2}}});
  guard->say(sandbox::ModelAnswers{.model = "local", .answers = 1, .inputTokens = 6, .outputTokens = 4});
  sandbox::Record denied;
  denied.kind = sandbox::RecordKind::kDenied;
  denied.action.action = {policy::Operation::kConnect, "example.org:443", {}};
  guard->say(denied);
  guard->askToConnect(9, "127.0.0.1:9480");  // Nobody is there any more who could want it.
  auto last = sandbox::encodeBounded(sandbox::ModelAnswers{.model = "local", .answers = 1, .inputTokens = 1});
  REQUIRE(sendPacket(guard->end.get(), last.value()));
  world.launcher.guardFds.clear();
  guard->end.reset();  // Heard together with the end of whoever said it.
  for (const Mediation::Socket& socket : world.daemon->mediation().sockets())
    world.daemon->guardReady(socket.id, true, false);
  guard->settle();
  CHECK(factsOf<GuardLost>(world).empty());
  world.launcherSays(sandbox::Removed{run});
  world.daemon->storeReady();
  const Run& ended = world.daemon->state().runs.at(run);
  CHECK(tokensOf(ended).value_or(0) == 11U);
  CHECK(factsOf<ActionDenied>(world).size() == 1);
  CHECK(factsOf<ActionAsked>(world).empty());
  const api::UsageReading usage = api::usageOf(ended, {});
  CHECK(usage.networkSentBytes == 9U);
  CHECK(usage.networkReceivedBytes == 90U);
  REQUIRE(ended.talk.traffic.size() == 1);  // No list of hosts is kept for each of a thousand.
  CHECK(world.daemon->mediation().sockets().empty());
}

TEST_CASE("of a run that ends while the log cannot be written nothing stays to be watched") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard, GuardKind::kEgress);
  guard->say(sandbox::GuardHello{.kind = GuardKind::kEgress, .pid = 500});
  world.store.failing = true;
  world.daemon->storeReady();
  world.launcherSays(sandbox::Ended{run, {.code = 0}, false, {}, ""});
  auto last = sandbox::encodeBounded(sandbox::ModelAnswers{.model = "local", .answers = 1, .inputTokens = 1});
  REQUIRE(sendPacket(guard->end.get(), last.value()));
  world.launcher.guardFds.clear();
  guard->end.reset();
  world.launcherSays(sandbox::Removed{run});
  // Its descriptor is ready for ever from now on.
  Mediation& mediation = world.daemon->mediation();
  REQUIRE(mediation.finished().size() == 1);
  mediation.remove(mediation.finished()[0]);
  CHECK(mediation.sockets().empty());
}

TEST_CASE("a warden is not heard about connections") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  guard->say(sandbox::NetworkActivity{sandbox::NetworkState::kStreaming, 3, 0});
  guard->say(sandbox::HoldReport{.connections = 2});
  guard->say(sandbox::ModelAnswers{.model = "m", .answers = 1, .inputTokens = 5});
  CHECK(factsOf<UsageSeen>(world).empty());
  CHECK(world.daemon->mediation().networkOf(run) == nullptr);
  CHECK(factsOf<ConnectionsHeld>(world).empty());
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
  // What the last daemon recorded was all that is there: it is let go, or a guard whose ring is full waits for ever.
  (void)guard->ring->put(sandbox::encodeEntry(allowed));
  guard->say(sandbox::ActionsWaiting{});
  world.clock.advance(kRingDelay);
  world.daemon->wake();
  folded = State();
  for (const Fact& fact : world.store.queued) folded = evolve(std::move(folded), fact);
  CHECK_FALSE(guard->ring->empty());
  world.start(folded, {{.run = run, .state = sandbox::KeptState::kRunning, .initPid = 100, .pid = 101}});
  world.daemon->wake();
  guard->settle();
  CHECK(guard->ring->empty());
  CHECK(factsOf<ActionsAllowed>(world).size() == 4);
  // A guard died before it could say that something is there: the next one says so of an empty ring alone.
  (void)guard->ring->put(sandbox::encodeEntry(allowed));
  guard->say(sandbox::GuardHello{.kind = GuardKind::kWarden, .pid = 502, .restarted = true});
  world.clock.advance(kRingDelay);
  world.daemon->wake();
  guard->settle();
  CHECK(factsOf<ActionsAllowed>(world).size() == 5);
  // What is still there at the end of the run comes before that end.
  allowed.action.action.target = world.daemon->state().runs.at(run).what.workspace + "/Makefile";
  (void)guard->ring->put(sandbox::encodeEntry(allowed));
  world.launcherSays(sandbox::Ended{run, {.code = 0, .signal = {}}, false, {}});
  REQUIRE(factsOf<ActionsAllowed>(world).size() == 6);
  REQUIRE(std::holds_alternative<RunEnded>(world.store.queued.back().body));
  CHECK(std::get<RunEnded>(world.store.queued.back().body).note.ends_with("Makefile (make)"));
  world.clock.advance(kRingDelay);
  world.daemon->wake();
  guard->hear();
  CHECK(std::holds_alternative<RunEnded>(world.store.queued.back().body));
}

TEST_CASE("rules of a daemon whose log lost its end are newer than those that went out before it died") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  const auto lastGeneration = [&] {
    std::uint64_t last = 0;
    while (const auto rules = guard->next<sandbox::GuardRules>()) last = rules->generation;
    return last;
  };
  State durable;
  for (const Fact& fact : world.store.queued) durable = evolve(std::move(durable), fact);
  for (std::int32_t pid = 502; pid < 512; ++pid)
    guard->say(sandbox::GuardHello{.kind = GuardKind::kWarden, .pid = pid, .restarted = true});
  const std::uint64_t before = lastGeneration();
  REQUIRE(before > 0);
  world.clock.advance(Milliseconds{1});
  world.start(durable, {{.run = run, .state = sandbox::KeptState::kRunning, .initPid = 100, .pid = 101}});
  CHECK(lastGeneration() > before);
}

TEST_CASE("what a file grants until some time is out of the rules then, and is not in those of later runs") {
  World world;
  const auto grant = [&](const std::string& target, std::chrono::seconds left) {
    return "[[grant]]\nop = \"write\"\ntarget = \"" + target + "\"\nuntil = \"" +
           formatRfc3339(world.clock.now().wall + left) + "\"\n";
  };
  world.dir.write("site/coding.toml", grant("/over", std::chrono::seconds(0)) +
                                          grant("/soon", std::chrono::seconds(60)) +
                                          grant("/late", std::chrono::hours(2)));
  world.config.policyDirs.push_back(world.dir.path() + "/site");
  world.start(State{}, {});
  Peering client(world, 1000);
  std::optional<Guard> guard;
  (void)launchGuarded(world, client, guard);
  const auto granted = [](Guard& of) {
    const auto rules = of.next<sandbox::GuardRules>();
    REQUIRE(rules);
    std::vector<std::string> targets;
    for (const policy::Grant& one : rules->document.grants) targets.push_back(one.target);
    return targets;
  };
  CHECK(granted(*guard) == std::vector<std::string>{"/soon", "/late"});
  REQUIRE(world.daemon->nextWake());
  CHECK(*world.daemon->nextWake() <= world.clock.now().boottime + std::chrono::seconds(60));
  world.clock.advance(std::chrono::seconds(60));
  world.daemon->wake();
  CHECK(granted(*guard) == std::vector<std::string>{"/late"});
  world.daemon->wake();
  CHECK_FALSE(guard->next());

  Peering starter(world, 1000);
  std::optional<Guard> second;
  (void)launchGuarded(world, starter, second);
  CHECK(granted(*second) == std::vector<std::string>{"/late"});
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

TEST_CASE("why says who asked for just that in that run: who waits, and then who was the last to be answered") {
  World world;
  Peering client(world, 1000);
  std::optional<Guard> guard;
  const RunId run = launchGuarded(world, client, guard);
  Peering other(world, 1000);
  v1::ClientPacket why;
  why.mutable_why()->set_run(run.text());
  why.mutable_why()->set_operation(v1::OPERATION_WRITE);
  why.mutable_why()->set_target("/d/a");
  CHECK_FALSE(other.ask(why).value().why().has_asked());
  sandbox::Ask ask;
  ask.ask = 1;
  ask.action.action = {policy::Operation::kWrite, "/d/a", {}};
  ask.action.what = "openat";
  ask.action.chain = {{41, std::string(kMaxKeptProcessName + 9, 'n')}, {7, "sh"}};
  ask.rule = {"files.ask /d", {"/etc/coding.toml", 4, ""}, "asked"};
  guard->say(ask);
  const v1::WhyAsked waits = other.ask(why).value().why().asked();
  CHECK(waits.question() == 1);
  CHECK(waits.outcome() == "waits");
  REQUIRE(waits.chain_size() == 2);
  CHECK(waits.chain(0).pid() == 41);
  CHECK(waits.chain(1).name() == "sh");
  CHECK(answered(world, other, answerTo(1, v1::VERDICT_DENY, v1::SCOPE_UNSPECIFIED)).value().has_done());
  const auto checkDenied = [&] {
    const v1::WhyAsked denied = other.ask(why).value().why().asked();
    CHECK(denied.question() == 1);
    CHECK(denied.outcome() == "denied");
    REQUIRE(denied.chain_size() == 2);
    CHECK(denied.chain(0).name().size() == kMaxKeptProcessName);
    CHECK(denied.chain(1).pid() == 7);
  };
  checkDenied();
  // Another path, another kind of action and another run are none of it.
  why.mutable_why()->set_target("/d/b");
  CHECK_FALSE(other.ask(why).value().why().has_asked());
  why.mutable_why()->set_target("/d/a");
  why.mutable_why()->set_operation(v1::OPERATION_READ);
  CHECK_FALSE(other.ask(why).value().why().has_asked());
  // It is in what a restart finds.
  const auto kept = decodeState(encodeState(world.daemon->state()));
  REQUIRE(kept);
  const auto found = findAsked(*kept, run, {policy::Operation::kWrite, "/d/a", {}});
  REQUIRE(found);
  CHECK(found->question == 1);
  CHECK(found->chain.size() == 2);
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
