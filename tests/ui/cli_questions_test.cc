// What people and programs see of questions and grants, and the words that answer them.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "sdk/base/text.h"
#include "ui/cli/argv_json.h"
#include "ui/cli/command_line.h"
#include "ui/cli/host_grant.h"
#include "ui/cli/question_shapes.h"
#include "ui/cli/question_views.h"
#include "ui/cli/screen_tracker.h"

namespace ringfence::cli {
namespace {

using nlohmann::json;

const Microseconds kNow = parseRfc3339("2026-11-28T10:00:12Z").value();

client::PendingItem exampleItem() {
  client::PendingItem item;
  item.id = 17;
  item.run = "r-0123456789abcdef";
  item.runName = "coder";
  item.action = {client::Operation::kExec,          "/usr/bin/git",      "",
                 {"git", "push", "origin", "main"}, "/home/ada/project", "execve"};
  item.chain = {{41, "git"}, {7, "bash"}, {1, "agent"}};
  item.rule = client::RuleText{"/etc/ringfence/policies/coding.toml", 12, "match = [\"git\", \"push\"]"};
  item.why = "publishes to other people";
  item.digest = "d1";
  item.asked = "2026-11-28T10:00:00.000000Z";
  item.deadline = "2026-11-28T10:10:00.000000Z";
  item.reversible = client::Reversibility::kLeavesDevice;
  return item;
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// Characters of the longest line.
std::size_t widest(const std::string& text) {
  std::size_t most = 0, now = 0;
  for (const char c : text) {
    if (c == '\n')
      now = 0;
    else if ((c & 0xc0) != 0x80)
      most = std::max(most, ++now);
  }
  return most;
}

Parsed parsed(std::vector<const char*> words) {
  auto line = parseCommandLine(words);
  if (auto* wrong = std::get_if<UsageError>(&line)) FAIL(wrong->message);
  return std::get<Parsed>(line);
}

std::string usageError(std::vector<const char*> words) {
  auto line = parseCommandLine(words);
  REQUIRE(std::holds_alternative<UsageError>(line));
  return std::get<UsageError>(line).message;
}

}  // namespace

TEST_CASE("a question shows who, what, where, why, until when and how to answer, in 80 columns") {
  const std::string card = questionCard(exampleItem(), kNow, 80, Colour::kOff);
  CHECK(card ==
        "question 17: coder (r-0123456789abcdef), waits for 12s\n"
        "  wants to run git push origin main\n"
        "  program  /usr/bin/git\n"
        "  in       /home/ada/project\n"
        "  process  git (41), started by bash (7), started by agent (1)\n"
        "  rule     /etc/ringfence/policies/coding.toml:12\n"
        "           match = [\"git\", \"push\"]\n"
        "  because  publishes to other people\n"
        "  undo     leaves this machine: nobody can take it back\n"
        "  until    9m48s from now (2026-11-28T10:10:00Z); if nobody answers it is\n"
        "           denied, this once\n"
        "  answer   ringfence allow 17 [--scope run|project|always] [--for 2h]\n"
        "           ringfence deny 17 [--say TEXT]\n"
        "           ringfence rewrite 17 --argv '[\"WORD\", …]'\n");
  CHECK(widest(card) <= 80);
}

TEST_CASE("a question never cuts what it is about, however long that is") {
  client::PendingItem item = exampleItem();
  item.action.argv.assign(1, "sh");
  for (int i = 0; i < 300; ++i) item.action.argv.push_back("word" + std::to_string(i));
  const std::string card = questionCard(item, kNow, 80, Colour::kOff);
  CHECK(widest(card) <= 80);
  for (int i = 0; i < 300; ++i) CHECK(mentions(card, "word" + std::to_string(i)));
}

TEST_CASE("a question says in words when nobody knows who is behind it, or what is odd about who is") {
  client::PendingItem item = exampleItem();
  item.chainNote = "held by 1 other process of the run too";
  CHECK(mentions(questionCard(item, kNow, 80, Colour::kOff),
                 "started by agent (1)\n           held by 1 other process of the run too\n"));
  item.chain.clear();
  item.chainNote = "not known: gone";
  CHECK(mentions(questionCard(item, kNow, 80, Colour::kOff), "  process  not known: gone\n"));
  CHECK(json::parse(pendingJson(item))["chain_note"] == "not known: gone");
  CHECK(json::parse(pendingJson(exampleItem()))["chain_note"].is_null());
}

TEST_CASE("what an agent wrote cannot draw on the terminal of who decides") {
  client::PendingItem item = exampleItem();
  const std::string evil = "x\x1b[2J\n\r\u202e";
  item.runName = item.action.target = item.action.cwd = item.why = item.chain[0].name = item.rule->text =
      item.chainNote = evil;
  item.action.argv = {"sh", "-c", evil};
  item.batched = {{client::Operation::kConnect, evil, evil, {}, evil, evil}};
  item.batch = 2;
  for (const std::string& text : {questionCard(item, kNow, 80, Colour::kOff), announcement(item, 80),
                                  announcement(exampleItem(), 0), goneText({1, evil, client::Settlement::kDenied}),
                                  whyText(item.action, {client::Decision::kForbid, item.rule, evil, {evil}}, 80),
                                  grantTable({{1,
                                               client::Scope::kRun,
                                               evil,
                                               evil,
                                               client::Operation::kExec,
                                               evil,
                                               {evil},
                                               evil,
                                               evil,
                                               evil,
                                               evil,
                                               0,
                                               0,
                                               {}}})}) {
    CHECK_FALSE(mentions(text, "\x1b"));
    CHECK_FALSE(mentions(text, "\r"));
    CHECK_FALSE(mentions(text, "\u202e"));
  }
  CHECK(json::parse(pendingJson(item))["action"]["target_raw"] == encodeBase64(evil));
}

TEST_CASE("a grant that ended says when, and by whom or why") {
  client::GrantRow row;
  row.id = 3;
  row.scope = client::Scope::kAlways;
  row.operation = client::Operation::kConnect;
  row.target = "example.org:443";
  CHECK(json::parse(grantJson(row))["ended"].is_null());
  CHECK(json::parse(grantJson(row))["revoked_by"].is_null());
  row.revoked = row.ended = "2026-11-28T10:00:00.000000Z";
  row.revokedBy = 0;
  CHECK(mentions(grantTable({row}), "revoked 2026-11-28T10:00 by uid 0"));
  CHECK(json::parse(grantJson(row))["revoked_by"] == 0);
  row.revoked.clear();
  row.revokedBy.reset();
  row.endedWhy = "its time was over\x1b";
  CHECK(mentions(grantTable({row}), "ended 2026-11-28T10:00: its time was over\\"));
  CHECK(json::parse(grantJson(row))["ended_why_raw"] == encodeBase64(row.endedWhy));
}

TEST_CASE("a judgement says what allowed the same before, when that has ended") {
  const client::PendingAction action{client::Operation::kConnect, "example.org:443", "", {}, "", ""};
  client::WhyAnswer why{client::Decision::kAsk, std::nullopt, "", {"ask"}, "grant 3, until uid 0 revoked it at noon"};
  CHECK(mentions(whyText(action, why, 80), "before   allowed by grant 3, until uid 0 revoked it at noon\n"));
  CHECK(json::parse(whyJson(action, why))["before"] == why.before);
  why.before.clear();
  CHECK_FALSE(mentions(whyText(action, why, 80), "before"));
  CHECK(json::parse(whyJson(action, why))["before"].is_null());
}

TEST_CASE("a judgement says who asked for that, and what came of it") {
  const client::PendingAction action{client::Operation::kConnect, "example.org:443", "", {}, "", ""};
  client::WhyAnswer why{client::Decision::kAsk, std::nullopt, "", {"ask"}, ""};
  CHECK_FALSE(mentions(whyText(action, why, 80), "process"));
  CHECK(json::parse(whyJson(action, why))["asked"].is_null());
  why.asked = {17, "2026-11-28T10:00:00.000000Z", "denied", exampleItem().chain, ""};
  CHECK(mentions(whyText(action, why, 80),
                 "  asked    question 17 was denied at 2026-11-28T10:00:00Z\n"
                 "  process  git (41), started by bash (7), started by agent (1)\n"));
  const json asked = json::parse(whyJson(action, why))["asked"];
  CHECK(asked["question"] == 17);
  CHECK(asked["outcome"] == "denied");
  CHECK(asked["chain"][0] == json{{"pid", 41}, {"name", "git"}});
  CHECK(asked["chain_note"].is_null());
  why.asked->outcome = "waits";
  CHECK(mentions(whyText(action, why, 80), "question 17 waits since 2026-11-28T10:00:00Z\n"));
  why.asked->chain = {{41, "x\x1b[2J\n"}};
  CHECK_FALSE(mentions(whyText(action, why, 80), "\x1b"));
}

TEST_CASE("the announcement of a question says who wants it, as far as there is room for it") {
  client::PendingItem item = exampleItem();
  CHECK(announcement(item, 0) ==
        "ringfence: coder asks to run git push origin main, by git (41), started by bash (7), started by agent (1): "
        "ringfence allow 17 or deny 17");
  CHECK(announcement(item, 100) ==
        "ringfence: coder asks to run git push origin main, by git (41): ringfence allow 17 or deny 17");
  CHECK(announcement(item, 82) == "ringfence: coder asks to run git push origin main: ringfence allow 17 or deny 17");
}

TEST_CASE("an argument with blanks is shown as one would type it") {
  client::PendingItem item = exampleItem();
  item.action.argv = {"git", "commit", "-m", "it's done"};
  CHECK(mentions(questionCard(item, kNow, 80, Colour::kOff), "run git commit -m 'it'\\''s done'\n"));
}

TEST_CASE("changes are named by what they do") {
  const auto text = [](const char* call, const char* second = "") {
    return actionText({client::Operation::kWrite, "/w/a", second, {}, "", call});
  };
  CHECK(text("unlinkat") == "delete /w/a");
  CHECK(text("renameat2", "/w/b") == "rename /w/a to /w/b");
  CHECK(text("renameat2 from /w/new", "/w/a") == "rename to /w/a (from /w/new)");
  CHECK(text("fchmodat 0777", "") == "change the mode of /w/a (0777)");
  CHECK(text("symlinkat to /etc/\x1b[2Jx", "") == "make a link at /w/a (to /etc/\\x1b[2Jx)");
  CHECK(text("openat") == "write /w/a");
  CHECK(text("fchmodat") == "change the mode of /w/a");
  CHECK(text("") == "write /w/a");
  CHECK(actionText({client::Operation::kConnect, "example.org:443", "", {}, "", ""}) == "connect to example.org:443");
  CHECK(mentions(actionText({client::Operation::kUnknown, "/w/a", "", {}, "", ""}), "does not know"));
}

TEST_CASE("a batch shows all that one answer is for, and says what it cannot show") {
  client::PendingItem item = exampleItem();
  item.batch = 42;
  item.batched = {{client::Operation::kWrite, "/w/a", "", {}, "", "unlink"}};
  const std::string card = questionCard(item, kNow, 80, Colour::kOff);
  CHECK(mentions(card, "and to   delete /w/a\n"));
  CHECK(mentions(card, "40 more that are not shown"));
  CHECK(mentions(card, "They came faster"));
  CHECK(mentions(card, "ringfence allow 17 --digest " + item.digest.substr(0, 16) + ": all of this card"));
  CHECK(mentions(card, "ringfence allow 17: the first alone"));
  CHECK_FALSE(mentions(card, "rewrite"));
  CHECK(announcement(item, 80) == "ringfence: coder asks 42 things at once: ringfence pending");
}

TEST_CASE("an announcement is one line, and names the command that allows only where all of it is shown") {
  CHECK(announcement(exampleItem(), 80) == "ringfence: coder asks to run git push origin main: ringfence pending");
  CHECK(announcement(exampleItem(), 82) ==
        "ringfence: coder asks to run git push origin main: ringfence allow 17 or deny 17");
  client::PendingItem item = exampleItem();
  item.action.argv.push_back(std::string(500, 'x'));
  const std::string line = announcement(item, 80);
  CHECK(widest(line) < 80);
  CHECK(line.ends_with("…: ringfence pending"));
  CHECK_FALSE(mentions(line, "allow"));
}

TEST_CASE("pending has the fields that others rely on") {
  const json shown = json::parse(pendingJson(exampleItem()));
  CHECK(shown["id"] == 17);
  CHECK(shown["run"] == "r-0123456789abcdef");
  CHECK(shown["name"] == "coder");
  CHECK(shown["action"]["op"] == "exec");
  CHECK(shown["action"]["target"] == "/usr/bin/git");
  CHECK(shown["action"]["argv"] == json({"git", "push", "origin", "main"}));
  CHECK(shown["action"]["cwd"] == "/home/ada/project");
  CHECK(shown["chain"][1]["name"] == "bash");
  CHECK(shown["chain"][1]["pid"] == 7);
  CHECK(shown["rule"]["file"] == "/etc/ringfence/policies/coding.toml");
  CHECK(shown["rule"]["line"] == 12);
  CHECK(shown["rule"]["text"] == "match = [\"git\", \"push\"]");
  CHECK(shown["digest"] == "d1");
  CHECK(shown["asked"] == "2026-11-28T10:00:00.000000Z");
  CHECK(shown["deadline"] == "2026-11-28T10:10:00.000000Z");
  CHECK(shown["reversible"] == "leaves-device");
  client::PendingItem bare;
  bare.action = {client::Operation::kWrite, "/w/a", "", {}, "", ""};
  const json without = json::parse(pendingJson(bare));
  CHECK(without["rule"].is_null());
  CHECK_FALSE(without["action"].contains("argv"));
  CHECK_FALSE(without["action"].contains("cwd"));
  CHECK(json::parse(goneJson({17, "r", client::Settlement::kExpired}))["outcome"] == "expired");
}

TEST_CASE("grants and judgements have JSON in which nothing is guessed") {
  client::GrantRow row;
  row.id = 3;
  row.scope = client::Scope::kRun;
  row.run = "r-0123456789abcdef";
  row.operation = client::Operation::kWrite;
  row.target = "/home/ada/Documents";
  const json grant = json::parse(grantJson(row));
  CHECK(grant["scope"] == "run");
  CHECK(grant["workspace"].is_null());
  CHECK(grant["until"].is_null());
  CHECK(grant["revoked"].is_null());
  CHECK(grant["hits"] == 0);
  const json why = json::parse(
      whyJson({client::Operation::kRead, "/etc/shadow", "", {}, "", ""}, {client::Decision::kForbid, {}, "", {}}));
  CHECK(why["decision"] == "forbid");
  CHECK(why["rule"].is_null());
  CHECK(why["why"].is_null());
  CHECK(why["next"] == json::array());
}

TEST_CASE("answers are parsed from words") {
  const Parsed allow = parsed({"allow", "17", "--scope", "run", "--for", "2h"});
  CHECK(allow.words == std::vector<std::string>{"17"});
  CHECK(allow.value("scope") == "run");
  CHECK(parsed({"deny", "17", "--say", "no"}).value("say") == "no");
  CHECK(parsed({"rewrite", "17", "--argv", "[\"true\"]"}).has("argv"));
  CHECK(parsed({"grants", "revoke", "3"}).words.size() == 2);
  CHECK(parsed({"grants", "--all"}).has("all"));
  const Parsed why = parsed({"why", "coder", "--op", "exec", "--target", "git", "--", "git", "", "--json"});
  CHECK(why.words == std::vector<std::string>{"coder", "git", "", "--json"});
  CHECK_FALSE(why.has("json"));
  CHECK(mentions(usageError({"allow"}), "ringfence pending"));
  CHECK(mentions(usageError({"deny", "1", "2"}), "too many"));
  CHECK(mentions(usageError({"why"}), "which run"));
  CHECK(mentions(usageError({"grants", "revoke", "3", "4"}), "too many"));
}

TEST_CASE("an argv in JSON is an array of words, and says what is wrong when it is not") {
  CHECK(parseArgvJson(R"(["git", "a\u00e9\"b", ""])").value() == std::vector<std::string>{"git", "a\u00e9\"b", ""});
  for (const char* text : {"", "git", "[]", "{}", "[1]", "[\"\"]", "[\"a\\u0000b\"]", "[\"a\"", "[[\"a\"]]"}) {
    const auto argv = parseArgvJson(text);
    REQUIRE_FALSE(argv);
    CHECK(mentions(argv.error().message, "[\"git\", \"status\"]"));
  }
}

TEST_CASE("a host that is allowed has a name or an address, and perhaps a port") {
  CHECK(parseHostGrant("Example.org:443").value().host == "example.org");
  CHECK(parseHostGrant("example.org:443").value().port == 443);
  CHECK(parseHostGrant("*.example.org").value().port == 0);
  CHECK(parseHostGrant("10.0.0.7:8080").value().port == 8080);
  CHECK(parseHostGrant("::1").value().host == "::1");
  CHECK(parseHostGrant("[::1]:443").value().port == 443);
  CHECK(parseHostGrant("[::1]:443").value().host == "::1");
  CHECK(parseHostGrant("[::1]").value().port == 0);
  for (const char* text : {"", ":443", "example.org:", "example.org:0", "example.org:65536", "example.org:https", "*",
                           "http://example.org", "a b"})
    CHECK_FALSE(parseHostGrant(text));
}

TEST_CASE("a line of ours comes between what a program writes, never within") {
  const auto between = [](std::string_view bytes) {
    ScreenTracker tracker;
    tracker.feed(bytes);
    return tracker.isBetween();
  };
  for (const std::string_view whole : {"", "text\n", "\x1b[31m", "\x1b[?25h", "\x1b]0;title\x07", "\x1b]0;t\x1b\\",
                                       "\x1b"
                                       "7",
                                       "\x1b(B", "\u00e9", "\x1b[1;2\x18", "\xff", "\x1bPdata\x1b\\"})
    CHECK(between(whole));
  for (const std::string_view part :
       {"\x1b", "\x1b[", "\x1b[31", "\x1b]0;title", "\x1b]0;t\x1b", "\xc3", "\x1b(", "\xe2\x82", "\x1b[31m\x1b"})
    CHECK_FALSE(between(part));
}

}  // namespace ringfence::cli
