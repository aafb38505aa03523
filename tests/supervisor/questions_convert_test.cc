// Questions, answers and grants on their way through the control socket: what one side says is what the other hears,
// field by field, and nothing is allowed by leaving something out.
#include <catch2/catch_all.hpp>

#include "sdk/client/convert.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/convert.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace ringfence::supervisor::api;

namespace {

template <typename Fill>
Result<Request> requestOf(Fill fill) {
  v1::ClientPacket packet;
  packet.set_id(1);
  fill(packet);
  // Through the bytes, as a peer sends it.
  v1::ClientPacket received;
  REQUIRE(received.ParseFromString(packet.SerializeAsString()));
  return toRequest(received);
}

Result<Request> answerOf(const client::QuestionAnswer& answer) {
  return requestOf([&](v1::ClientPacket& packet) { client::toMessage(answer, *packet.mutable_answer()); });
}

// The answer that a peer would have to be refused for, naming `field`.
template <typename Fill>
void requireRefused(std::string_view field, Fill fill) {
  auto request = requestOf([&](v1::ClientPacket& packet) {
    v1::AnswerRequest& answer = *packet.mutable_answer();
    answer.set_id(17);
    answer.set_verdict(v1::VERDICT_ALLOW);
    answer.set_scope(v1::SCOPE_ONCE);
    fill(answer);
  });
  REQUIRE_FALSE(request);
  CHECK(request.error().code == ErrorCode::kInvalid);
  CHECK(request.error().message.find(field) != std::string::npos);
}

template <typename Message, typename Value>
Message sent(const Value& value, const Message& (v1::ServerPacket::*part)() const) {
  v1::ServerPacket packet;
  REQUIRE(packet.ParseFromString(toPacket(7, value, false).SerializeAsString()));
  CHECK(packet.id() == 7);
  return (packet.*part)();
}

PendingItem exampleItem() {
  PendingItem item;
  item.id = 17;
  item.run = "r-0123456789abcdef";
  item.runName = "coder";
  item.action = {{policy::Operation::kExec, "/usr/bin/git", {"git", "push", "\xff"}},
                 "execve",
                 "/second",
                 "/home/ada/project",
                 "8:1234",
                 {{41, "git"}, {7, "bash"}, {1, "agent"}},
                 sandbox::Reversibility::kLeavesDevice};
  item.rule = RuleText{"/etc/ringfence/policies/coding.toml", 12, "match = [\"git\", \"push\"]"};
  item.why = "publishes to other people";
  item.digest = "d1";
  item.asked = "2026-11-28T10:00:00.000000Z";
  item.deadline = "2026-11-28T10:10:00.000000Z";
  item.batch = 3;
  item.batched = {{{policy::Operation::kWrite, "/a", {}}, "unlinkat", "", "/b", "", {}, {}}};
  item.coalesced = 4;
  item.offers = {{GrantScope::kRun, "[[grant]]"}, {GrantScope::kAlways, "[[grant]] # all"}};
  item.onlyOnce = "too long";
  item.notInWindow = "r-1 has a display";
  return item;
}

void checkExample(const client::PendingItem& item) {
  CHECK(item.id == 17);
  CHECK(item.run == "r-0123456789abcdef");
  CHECK(item.runName == "coder");
  CHECK(item.action.operation == client::Operation::kExec);
  CHECK(item.action.target == "/usr/bin/git");
  CHECK(item.action.second == "/second");
  CHECK(item.action.argv == std::vector<std::string>{"git", "push", "\xff"});
  CHECK(item.action.cwd == "/home/ada/project");
  CHECK(item.action.what == "execve");
  REQUIRE(item.chain.size() == 3);
  CHECK(item.chain[1].pid == 7);
  CHECK(item.chain[1].name == "bash");
  REQUIRE(item.rule.has_value());
  CHECK(item.rule->file == "/etc/ringfence/policies/coding.toml");
  CHECK(item.rule->line == 12);
  CHECK(item.rule->text == "match = [\"git\", \"push\"]");
  CHECK(item.why == "publishes to other people");
  CHECK(item.digest == "d1");
  CHECK(item.asked == "2026-11-28T10:00:00.000000Z");
  CHECK(item.deadline == "2026-11-28T10:10:00.000000Z");
  CHECK(item.reversible == client::Reversibility::kLeavesDevice);
  CHECK(item.batch == 3);
  REQUIRE(item.batched.size() == 1);
  CHECK(item.batched[0].target == "/a");
  CHECK(item.batched[0].operation == client::Operation::kWrite);
  CHECK(item.coalesced == 4);
  REQUIRE(item.offers.size() == 2);
  CHECK(item.offers[1].scope == client::Scope::kAlways);
  CHECK(item.offers[1].policyText == "[[grant]] # all");
  CHECK(item.onlyOnce == "too long");
  CHECK(item.notInWindow == "r-1 has a display");
}

}  // namespace

TEST_CASE("a question arrives with every field, alone and as an event of its run") {
  checkExample(client::fromMessage(sent(exampleItem(), &v1::ServerPacket::pending)));
  const RunEvent event{"r-0123456789abcdef", exampleItem()};
  checkExample(client::fromMessage(sent(event, &v1::ServerPacket::run_event).asked()));
}

TEST_CASE("a question without a rule says so, and stands for one call") {
  PendingItem item = exampleItem();
  item.rule.reset();
  item.batch = item.coalesced = 0;
  item.batched.clear();
  const client::PendingItem heard = client::fromMessage(sent(item, &v1::ServerPacket::pending));
  CHECK_FALSE(heard.rule.has_value());
  CHECK(heard.batch == 1);
  CHECK(heard.coalesced == 1);
}

TEST_CASE("text that is not UTF-8 does not spoil a question") {
  PendingItem item = exampleItem();
  item.runName = "\xff";
  item.why = "\xfe";
  item.rule->text = "\xfd";
  item.action.what = "\xfc";
  const client::PendingItem heard = client::fromMessage(sent(item, &v1::ServerPacket::pending));
  CHECK(heard.runName == "\\xff");
  CHECK(heard.rule->text == "\\xfd");
}

TEST_CASE("how a question ended arrives, whatever it was") {
  const auto pairs = {std::pair{Settlement::kAllowed, client::Settlement::kAllowed},
                      std::pair{Settlement::kDenied, client::Settlement::kDenied},
                      std::pair{Settlement::kRewritten, client::Settlement::kRewritten},
                      std::pair{Settlement::kExpired, client::Settlement::kExpired},
                      std::pair{Settlement::kStopped, client::Settlement::kStopped},
                      std::pair{Settlement::kWithdrawn, client::Settlement::kWithdrawn}};
  for (const auto& [said, heard] : pairs) {
    const PendingGone gone{9, "r-0123456789abcdef", said};
    const client::PendingGone got = client::fromMessage(sent(gone, &v1::ServerPacket::pending_gone));
    CHECK(got.id == 9);
    CHECK(got.run == "r-0123456789abcdef");
    CHECK(got.settlement == heard);
    CHECK(client::fromMessage(sent(RunEvent{"r", gone}, &v1::ServerPacket::run_event).settled()).settlement == heard);
  }
  CHECK(client::fromMessage(v1::PendingGone()).settlement == client::Settlement::kUnknown);
}

TEST_CASE("an allowance arrives with its scope and its duration") {
  const auto pairs = {
      std::pair{client::Scope::kOnce, GrantScope::kOnce}, std::pair{client::Scope::kRun, GrantScope::kRun},
      std::pair{client::Scope::kProject, GrantScope::kProject}, std::pair{client::Scope::kAlways, GrantScope::kAlways}};
  for (const auto& [said, heard] : pairs) {
    const std::chrono::seconds duration(said == client::Scope::kOnce ? 0 : 600);
    auto request = answerOf({17, "d1", client::AllowAnswer{said, duration}});
    REQUIRE(request);
    const auto& answer = std::get<AnswerQuestion>(*request);
    CHECK(answer.id == 17);
    CHECK(answer.digest == "d1");
    CHECK(answer.verdict == AnswerVerdict::kAllow);
    CHECK(answer.scope == heard);
    CHECK(answer.duration.value_or(std::chrono::seconds(0)) == duration);
  }
}

TEST_CASE("a denial arrives with its words") {
  auto request = answerOf({17, "", client::DenyAnswer{"not on a Friday"}});
  REQUIRE(request);
  const auto& answer = std::get<AnswerQuestion>(*request);
  CHECK(answer.verdict == AnswerVerdict::kDeny);
  CHECK(answer.say == "not on a Friday");
  CHECK(answer.scope == GrantScope::kOnce);
  CHECK_FALSE(answer.duration.has_value());
}

TEST_CASE("each way to rewrite arrives as itself alone") {
  const auto rewriteOf = [](client::RewriteAnswer rewrite) {
    auto request = answerOf({17, "", std::move(rewrite)});
    REQUIRE(request);
    CHECK(std::get<AnswerQuestion>(*request).verdict == AnswerVerdict::kRewrite);
    return std::get<AnswerQuestion>(*request).rewrite;
  };
  CHECK(rewriteOf({{"git", "status", ""}, {}, {}, {}}) == sandbox::Rewrite{{}, {}, {}, {"git", "status", ""}});
  CHECK(rewriteOf({{}, "/tmp/x", {}, {}}) == sandbox::Rewrite{"/tmp/x", {}, {}, {}});
  CHECK(rewriteOf({{}, {}, "example.org:443", {}}) == sandbox::Rewrite{{}, "example.org:443", {}, {}});
  const std::string content("a\0b", 3);
  CHECK(rewriteOf({{}, {}, {}, content}) == sandbox::Rewrite{{}, {}, content, {}});
  CHECK(rewriteOf({{}, {}, {}, ""}) == sandbox::Rewrite{{}, {}, "", {}});  // An empty file is content.
}

TEST_CASE("an answer that leaves something out, or says too much, allows nothing") {
  requireRefused("no question", [](v1::AnswerRequest& answer) { answer.set_id(0); });
  requireRefused("verdict", [](v1::AnswerRequest& answer) { answer.clear_verdict(); });
  requireRefused("verdict", [](v1::AnswerRequest& answer) { answer.set_verdict(static_cast<v1::Verdict>(99)); });
  requireRefused("scope", [](v1::AnswerRequest& answer) { answer.clear_scope(); });
  requireRefused("scope", [](v1::AnswerRequest& answer) { answer.set_scope(static_cast<v1::Scope>(99)); });
  requireRefused("duration", [](v1::AnswerRequest& answer) { answer.set_duration_sec(1); });
  requireRefused("duration", [](v1::AnswerRequest& answer) {
    answer.set_scope(v1::SCOPE_RUN);
    answer.set_duration_sec(~0ULL);
  });
  requireRefused("scope", [](v1::AnswerRequest& answer) {
    answer.set_verdict(v1::VERDICT_DENY);
    answer.set_scope(v1::SCOPE_ALWAYS);
  });
  requireRefused("say", [](v1::AnswerRequest& answer) { answer.set_say(std::string(kMaxSayLength + 1, 'x')); });
  requireRefused("digest", [](v1::AnswerRequest& answer) { answer.set_digest(std::string(1000, 'x')); });
}

TEST_CASE("a rewriting is one thing, and comes with its verdict alone") {
  requireRefused("rewrite", [](v1::AnswerRequest& answer) { answer.mutable_rewrite()->set_path("/x"); });
  const auto refused = [](std::string_view field, auto fill) {
    requireRefused(field, [&](v1::AnswerRequest& answer) {
      answer.set_verdict(v1::VERDICT_REWRITE);
      fill(*answer.mutable_rewrite());
    });
  };
  refused("rewrite", [](v1::Rewrite&) {});
  refused("rewrite", [](v1::Rewrite& rewrite) {
    rewrite.set_path("/x");
    rewrite.set_content("y");
  });
  refused("absolute", [](v1::Rewrite& rewrite) { rewrite.set_path("x"); });
  refused("NUL", [](v1::Rewrite& rewrite) { rewrite.set_path(std::string("/x\0y", 4)); });
  refused("NUL", [](v1::Rewrite& rewrite) { rewrite.add_argv(std::string("x\0y", 3)); });
  refused("empty program", [](v1::Rewrite& rewrite) { rewrite.add_argv(""); });
  refused("host", [](v1::Rewrite& rewrite) { rewrite.set_host(""); });
  refused("host", [](v1::Rewrite& rewrite) { rewrite.set_host("a b"); });
  refused("content", [](v1::Rewrite& rewrite) { rewrite.set_content(std::string(kMaxRewriteContent.count + 1, 'x')); });
}

TEST_CASE("what is asked about pending questions and grants arrives") {
  auto pending = requestOf([](v1::ClientPacket& packet) {
    packet.mutable_pending()->set_run("coder");
    packet.mutable_pending()->set_watch(true);
  });
  CHECK(std::get<ReadPending>(pending.value()).run == "coder");
  CHECK(std::get<ReadPending>(*pending).watch);
  auto grants = requestOf([](v1::ClientPacket& packet) { packet.mutable_grants()->set_run("coder"); });
  CHECK(std::get<ListGrants>(grants.value()).run == "coder");
  auto revoke = requestOf([](v1::ClientPacket& packet) { packet.mutable_revoke_grant()->set_id(5); });
  CHECK(std::get<RevokeGrant>(revoke.value()).id == 5);
  CHECK_FALSE(requestOf([](v1::ClientPacket& packet) { packet.mutable_revoke_grant(); }));
}

TEST_CASE("why asks about a whole action of one run") {
  const auto whyOf = [](auto change) {
    return requestOf([&](v1::ClientPacket& packet) {
      v1::WhyRequest& why = *packet.mutable_why();
      why.set_run("coder");
      why.set_operation(client::toMessage(client::Operation::kExec));
      why.set_target("/usr/bin/git");
      why.add_argv("git");
      change(why);
    });
  };
  auto request = whyOf([](v1::WhyRequest&) {});
  REQUIRE(request);
  CHECK(std::get<AskWhy>(*request).run == "coder");
  CHECK(std::get<AskWhy>(*request).action == policy::Action{policy::Operation::kExec, "/usr/bin/git", {"git"}});
  CHECK(whyOf([](v1::WhyRequest& why) {
    why.set_operation(v1::OPERATION_CONNECT);
    why.set_target("example.org:443");
    why.clear_argv();
  }));
  CHECK_FALSE(whyOf([](v1::WhyRequest& why) { why.clear_operation(); }));
  CHECK_FALSE(whyOf([](v1::WhyRequest& why) { why.clear_run(); }));
  CHECK_FALSE(whyOf([](v1::WhyRequest& why) { why.clear_target(); }));
  CHECK_FALSE(whyOf([](v1::WhyRequest& why) { why.set_target("git"); }));
  CHECK_FALSE(whyOf([](v1::WhyRequest& why) { why.set_operation(v1::OPERATION_WRITE); }));
}

TEST_CASE("that an answer was given in a window arrives, and is not assumed") {
  client::QuestionAnswer answer{.id = 17, .digest = "", .verdict = client::AllowAnswer{}};
  CHECK_FALSE(std::get<AnswerQuestion>(answerOf(answer).value()).inWindow);
  answer.surface = client::Surface::kWindow;
  CHECK(std::get<AnswerQuestion>(answerOf(answer).value()).inWindow);
}

TEST_CASE("a grant arrives with every field") {
  GrantRow row;
  row.id = 3;
  row.scope = GrantScope::kProject;
  row.run = "r-0123456789abcdef";
  row.workspace = "/home/ada/\xff";
  row.operation = policy::Operation::kConnect;
  row.target = "example.org:443";
  row.argv = {"x"};
  row.until = "2026-11-28T12:00:00Z";
  row.policyText = "[[grant]]";
  row.issued = "2026-11-28T10:00:00Z";
  row.byUid = 1000;
  row.hits = 8;
  row.lastUsed = "2026-11-28T10:30:00Z";
  row.ended = "2026-11-28T11:00:00Z";
  row.revokedBy = 1001;
  row.endedWhy = "why";
  const auto message = sent(GrantList{{row, row}}, &v1::ServerPacket::grants);
  REQUIRE(message.rows_size() == 2);
  const client::GrantRow heard = client::fromMessage(message.rows(1));
  CHECK(heard.id == 3);
  CHECK(heard.scope == client::Scope::kProject);
  CHECK(heard.run == row.run);
  CHECK(heard.workspace == row.workspace);
  CHECK(heard.operation == client::Operation::kConnect);
  CHECK(heard.target == row.target);
  CHECK(heard.argv == row.argv);
  CHECK(heard.until == row.until);
  CHECK(heard.policyText == row.policyText);
  CHECK(heard.issued == row.issued);
  CHECK(heard.byUid == 1000);
  CHECK(heard.hits == 8);
  CHECK(heard.lastUsed == row.lastUsed);
  CHECK(heard.revoked == row.ended);
  CHECK(heard.revokedBy == 1001U);
  CHECK(heard.ended == row.ended);
  CHECK(heard.endedWhy == "why");
}

TEST_CASE("what the rules say arrives, and an unknown decision is no allowance") {
  const auto pairs = {std::pair{policy::Decision::kAllow, client::Decision::kAllow},
                      std::pair{policy::Decision::kAsk, client::Decision::kAsk},
                      std::pair{policy::Decision::kForbid, client::Decision::kForbid},
                      std::pair{policy::Decision::kRewrite, client::Decision::kRewrite}};
  for (const auto& [said, heard] : pairs) {
    WhyAnswer answer{said, RuleText{"f", 2, "t"}, "because", {"ask"}, ""};
    answer.asked = {7, "2026-11-28T10:00:00Z", "denied", {{41, "git"}, {1, "agent"}}, "note"};
    const client::WhyAnswer got = client::fromMessage(sent(answer, &v1::ServerPacket::why));
    CHECK(got.decision == heard);
    REQUIRE(got.rule.has_value());
    CHECK(got.rule->file == "f");
    CHECK(got.rule->line == 2);
    CHECK(got.rule->text == "t");
    CHECK(got.why == "because");
    CHECK(got.next == std::vector<std::string>{"ask"});
    REQUIRE(got.asked.has_value());
    CHECK(got.asked->question == 7);
    CHECK(got.asked->at == "2026-11-28T10:00:00Z");
    CHECK(got.asked->outcome == "denied");
    REQUIRE(got.asked->chain.size() == 2);
    CHECK(got.asked->chain[0].pid == 41);
    CHECK(got.asked->chain[1].name == "agent");
    CHECK(got.asked->chainNote == "note");
  }
  CHECK_FALSE(client::fromMessage(sent(WhyAnswer{}, &v1::ServerPacket::why)).asked.has_value());
  CHECK_FALSE(client::fromMessage(sent(WhyAnswer{}, &v1::ServerPacket::why)).rule.has_value());
  CHECK(client::fromMessage(v1::WhyAnswer()).decision == client::Decision::kUnknown);
}

TEST_CASE("hosts that a run is given are bounded and plain") {
  const auto runWith = [](const std::string& host, std::uint32_t port) {
    return requestOf([&](v1::ClientPacket& packet) {
      packet.mutable_run()->set_stdio(v1::STDIO_CAPTURED);
      packet.mutable_run()->add_argv("true");
      v1::HostGrant& grant = *packet.mutable_run()->add_allow_hosts();
      grant.set_host(host);
      grant.set_port(port);
    });
  };
  auto request = runWith("example.org", 443);
  REQUIRE(request);
  const auto& hosts = std::get<RunRequest>(*request).allowHosts;
  REQUIRE(hosts.size() == 1);
  CHECK(hosts[0].host == "example.org");
  CHECK(hosts[0].port == 443);
  CHECK_FALSE(std::get<RunRequest>(runWith("*.example.org", 0).value()).allowHosts[0].port.has_value());
  CHECK_FALSE(runWith("", 443));
  CHECK_FALSE(runWith("example.org", 65536));
  CHECK_FALSE(runWith("exa\nmple.org", 443));
  CHECK_FALSE(runWith(std::string(300, 'a'), 443));
}
