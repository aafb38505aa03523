#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "sdk/base/text.h"
#include "ui/cli/command_line.h"
#include "ui/cli/format.h"
#include "ui/cli/output_filter.h"
#include "ui/cli/shapes.h"
#include "ui/cli/terminal.h"
#include "ui/cli/views.h"

namespace ringfence::cli {
namespace {

using Words_ = std::vector<const char*>;
using nlohmann::json;

Parsed parsed(Words_ words) {
  auto line = parseCommandLine(words);
  if (auto* wrong = std::get_if<UsageError>(&line)) FAIL(wrong->message);
  return std::get<Parsed>(line);
}

std::string usageError(Words_ words) {
  auto line = parseCommandLine(words);
  REQUIRE(std::holds_alternative<UsageError>(line));
  return std::get<UsageError>(line).message;
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

client::RunDetails exampleRun() {
  client::RunDetails run;
  run.id = "r-0123456789abcdef";
  run.name = "coder";
  run.state = "running";
  run.uid = 700001;
  run.callerUid = 1000;
  run.pid = 4711;
  run.command = {"python3", "agent.py", "fix the test"};
  run.workspace = "/home/ada/project";
  run.policyName = "coding";
  run.policyHash = "abc";
  run.started = "2026-11-28T01:00:00.000000Z";
  run.walls = {{"mount", "own root", "own root", "read", true}, {"landlock", "abi 6", "none", "probe", false}};
  run.usage.cpuUsec = 1500000;
  run.usage.memoryBytes = 0;
  return run;
}

}  // namespace

TEST_CASE("run takes its options in front of the command and leaves the command's own alone") {
  const Parsed line =
      parsed({"run", "-p", "strict", "-n", "coder", "-dw/tmp", "-e", "A=1", "--env=B", "claude", "-p", "--json"});
  CHECK(line.value("policy") == "strict");
  CHECK(line.value("name") == "coder");
  CHECK(line.has("detach"));
  CHECK(line.value("workspace") == "/tmp");
  CHECK(line.values("env") == std::vector<std::string>{"A=1", "B"});
  CHECK_FALSE(line.has("json"));
  CHECK(line.words == std::vector<std::string>{"claude", "-p", "--json"});
}

TEST_CASE("behind -- everything is the command") {
  CHECK(parsed({"run", "--", "-x", "--", "y"}).words == std::vector<std::string>{"-x", "--", "y"});
}

TEST_CASE("options of other verbs stand before and behind the run") {
  CHECK(parsed({"logs", "coder", "-f"}).has("follow"));
  CHECK(parsed({"logs", "-f", "coder"}).words == std::vector<std::string>{"coder"});
  CHECK(parsed({"freeze", "--all", "--json"}).has("json"));
}

TEST_CASE("an unknown verb or option names the nearest one") {
  CHECK(mentions(usageError({"freez", "x"}), "'freeze'"));
  CHECK(mentions(usageError({"ps", "--jsn"}), "'--json'"));
  CHECK(mentions(usageError({"run", "--polcy", "x", "--", "y"}), "'--policy'"));
}

TEST_CASE("verbs that do not work yet are unknown") {
  for (const char* verb : {"undo", "diff", "commit"}) {
    CHECK(mentions(usageError({verb}), "unknown verb"));
    CHECK_FALSE(mentions(generalHelp(), std::string("\n  ") + verb + " "));
  }
}

TEST_CASE("missing and superfluous words are usage errors") {
  CHECK(mentions(usageError({"run"}), "no command"));
  CHECK(mentions(usageError({"show"}), "which run"));
  CHECK(mentions(usageError({"show", "a", "b"}), "too many"));
  CHECK(mentions(usageError({"kill"}), "--all"));
  CHECK(mentions(usageError({"kill", "--all", "a"}), "not both"));
  CHECK(mentions(usageError({"ps", "a"}), "too many"));
  CHECK(mentions(usageError({"run", "-p"}), "needs"));
  CHECK(mentions(usageError({"ps", "--all=1"}), "takes no value"));
  CHECK(mentions(usageError({}), "no verb"));
}

TEST_CASE("every verb of the help is explained with its synopsis and its options") {
  REQUIRE(verbs().size() > 10);
  for (const Verb& verb : verbs()) {
    CHECK(mentions(generalHelp(), "\n  " + std::string(verb.name) + " "));
    const std::string help = verbHelp(verb);
    CHECK(mentions(help, "usage: ringfence " + std::string(verb.synopsis)));
    for (const Option& option : verb.options)
      CHECK(mentions(help, "--" + std::string(option.name)) == option.refusal.empty());
    CHECK(parsed({std::string(verb.name).c_str(), "--help"}).help);
  }
}

TEST_CASE("show has the fields that others rely on, as numbers and nulls") {
  const json shown = json::parse(runJson(exampleRun()));
  CHECK(shown["id"] == "r-0123456789abcdef");
  CHECK(shown["exit"].is_null());
  CHECK(shown["pid"] == 4711);
  CHECK(shown["command"] == json({"python3", "agent.py", "fix the test"}));
  CHECK_FALSE(shown.contains("command_raw"));
  CHECK(shown["policy"] == json({{"name", "coding"}, {"hash", "abc"}, {"file", nullptr}, {"file_sha256", nullptr}}));
  CHECK(shown["walls"][1] ==
        json({{"wall", "landlock"}, {"wanted", "abi 6"}, {"got", "none"}, {"proved", "probe"}, {"up", false}}));
  CHECK(shown["usage"]["cpu_usec"] == 1500000);
  CHECK(shown["usage"]["memory_bytes"] == 0);
  CHECK(shown["usage"]["pids"].is_null());
  CHECK(shown["usage"]["tokens"].is_null());
  CHECK(shown["usage"]["network_sent_bytes"].is_null());
  CHECK(shown["usage"]["pressure"] == json({{"cpu_usec", nullptr}, {"memory_usec", nullptr}, {"io_usec", nullptr}}));
  CHECK(shown["ended"].is_null());
}

TEST_CASE("of the machine, what it does not tell is null and what it tells is a number, zero too") {
  client::Device device;
  device.cpuBusyUsec = 0;
  device.pressure.ioUsec = 7;
  const json bare = json::parse(deviceJson(device))["device"];
  CHECK(bare["cpus"].is_null());
  CHECK(bare["cpu_busy_usec"] == 0);
  CHECK(bare["pressure"] == json({{"cpu_usec", nullptr}, {"memory_usec", nullptr}, {"io_usec", 7}}));
  CHECK(bare["energy"].is_null());
  CHECK(bare["battery"].is_null());

  device.energy.push_back({"package-0", 12});
  device.battery = client::Battery{.percent = 80, .discharging = true, .microwatts = {}};
  const json full = json::parse(deviceJson(device))["device"];
  CHECK(full["energy"] == json::array({{{"domain", "package-0"}, {"microjoules", 12}}}));
  CHECK(full["battery"] == json({{"percent", 80}, {"discharging", true}, {"microwatts", nullptr}}));
}

TEST_CASE("the exit of a run is a code or a signal") {
  client::RunDetails run = exampleRun();
  run.state = "ended";
  run.pid = 0;
  run.exit = client::ExitStatus{.code = 3, .signal = {}, .outOfMemory = false, .note = {}};
  CHECK(json::parse(runJson(run))["exit"] == json({{"code", 3}}));
  CHECK(json::parse(runJson(run))["pid"].is_null());
  run.exit = client::ExitStatus{.code = {}, .signal = 9, .outOfMemory = true, .note = {}};
  CHECK(json::parse(runJson(run))["exit"] == json({{"signal", 9}, {"out_of_memory", true}}));
  CHECK(exitText(*run.exit) == "killed by SIGKILL (out of memory)");
  CHECK(exitLine(client::ExitStatus{}) == R"({"exit":null,"later":null})");
}

TEST_CASE("what an agent says of itself is shown as its own words, escaped, and null where it says nothing") {
  client::RunDetails run;
  run.id = "r-0123456789abcdef";
  CHECK(json::parse(runJson(run))["agent_says"].is_null());
  run.says = "reading \x1b[2J\xe2\x80\xae";
  run.saidAt = "2026-11-28T00:30:00Z";
  const json says = json::parse(runJson(run))["agent_says"];
  CHECK(says["text"] == "reading \\x1b[2J\\u{202e}");
  CHECK(says["at"] == "2026-11-28T00:30:00Z");
  CHECK(says.contains("text_raw"));
}

TEST_CASE("who holds a run, since when and why, and its alarms, are in every view of it") {
  client::RunDetails run = exampleRun();
  CHECK(json::parse(runJson(run))["held"].is_null());
  CHECK(json::parse(runJson(run))["alarms"] == json::array());
  run.state = "frozen";
  run.held = client::HeldBy{true, 0, "it has run for 4.0 h\x1b", "2026-11-28T01:00:00.000000Z", "governor", "limit"};
  run.alarms = {{"leak", "it grows", "2026-11-28T00:30:00Z"}, {"spin", "it spins", "2026-11-28T00:40:00Z"}};
  const json shown = json::parse(runJson(run));
  CHECK(shown["held"]["by"] == "governor");
  CHECK(shown["held"]["cause"] == "limit");
  CHECK(shown["held"]["since"] == "2026-11-28T01:00:00.000000Z");
  CHECK(decodeBase64(shown["held"]["reason_raw"].get<std::string>()) == "it has run for 4.0 h\x1b");
  CHECK(shown["alarms"].size() == 2);
  CHECK(shown["alarms"][0] == json({{"kind", "leak"}, {"reason", "it grows"}, {"at", "2026-11-28T00:30:00Z"}}));
  const auto now = *parseRfc3339("2026-11-28T01:00:12Z");
  CHECK(mentions(runTable({run}, now), "frozen by the governor for 12s: limit, alarm: spin"));
  const std::string page = runPage(run, now, Colour::kOff);
  CHECK(mentions(page, "it has run for 4.0 h"));
  CHECK_FALSE(mentions(page, "\x1b"));
  CHECK(mentions(page, "leak: it grows"));
  run.held = client::HeldBy{false, 1000, "asked", "2026-11-28T01:00:00Z", "person", ""};
  CHECK(mentions(runTable({run}, now), "frozen by a person for 12s"));
  CHECK(json::parse(runJson(run))["held"]["cause"].is_null());
  run.held->by = "restart";
  CHECK(mentions(runTable({run}, now), "frozen since before a restart"));
}

TEST_CASE(
    "a run that a person is pausing says so in every view, with who it is and never less than the time that is left") {
  client::RunDetails run = exampleRun();
  CHECK(json::parse(runJson(run))["pausing"].is_null());
  run.state = "running";
  run.says = "indexing\x1b, 40 %";
  run.pausing =
      client::Pausing{.byUid = 1000, .asked = "2026-11-28T01:00:00Z", .within = std::chrono::milliseconds(11'200)};
  const json shown = json::parse(runJson(run));
  CHECK(shown["state"] == "running");
  CHECK(shown["pausing"] == json({{"by_uid", 1000}, {"asked", "2026-11-28T01:00:00Z"}, {"within_ms", 11'200}}));
  CHECK(mentions(runTable({run}, {}), "pausing, in 12s at the latest"));
  CHECK(mentions(runPage(run, {}, Colour::kOff), "asked by uid 1000, comes in 12s at the latest"));
  CHECK(mentions(waitingText(run), "waiting up to 12s for "));
  CHECK(mentions(waitingText(run), "(its agent says: \"indexing\\x1b, 40 %\")"));
}

TEST_CASE("what a run changed that is obeyed later is values: the path, who obeys it, and who changed it first") {
  client::ExitStatus exit{.code = 0, .signal = {}, .outOfMemory = false, .note = "words"};
  exit.later = client::LaterReport{
      .files = {{"Makefile", "make", 41, "sh"}, {"a\x1b.py", "pytest", 42, ""}, {"setup.py", "pip", std::nullopt, ""}},
      .more = 3};
  const json shown = json::parse(exitLine(exit))["later"];
  CHECK(shown["more"] == 3);
  CHECK(shown["files"][0] ==
        json({{"path", "Makefile"}, {"obeyed_by", "make"}, {"by", {{"pid", 41}, {"name", "sh"}}}}));
  CHECK(shown["files"][1]["path_raw"] == encodeBase64("a\x1b.py"));
  CHECK(shown["files"][1]["by"]["name"].is_null());
  CHECK(shown["files"][2]["by"].is_null());
  exit.later = client::LaterReport{};
  CHECK(json::parse(exitLine(exit))["later"] == json({{"files", json::array()}, {"more", 0}}));
}

TEST_CASE("hostile names are escaped in every view, with their bytes beside them in JSON") {
  const std::string hostile =
      "a\x1b]52;c;aGk=\x07\n\xe2\x80\xae"
      "b\xff";
  client::RunDetails run = exampleRun();
  run.name = hostile;
  run.workspace = hostile;
  run.command = {hostile};
  const json shown = json::parse(runJson(run));
  CHECK(decodeBase64(shown["name_raw"].get<std::string>()) == hostile);
  CHECK(decodeBase64(shown["command_raw"][0].get<std::string>()) == hostile);
  for (const std::string& text :
       {runTable({run}, {}), runPage(run, {}, Colour::kOff), logText({1, "", hostile, hostile, hostile, ""})}) {
    CHECK_FALSE(mentions(text, "\x1b"));
    CHECK_FALSE(mentions(text, "\x07"));
    CHECK_FALSE(mentions(text, "\xe2\x80\xae"));
    CHECK(isValidUtf8(text));
  }
  const std::string table = runTable({run}, {});
  CHECK(std::count(table.begin(), table.end(), '\n') == 2);
}

TEST_CASE("log lines keep the daemon's body as JSON, on one line") {
  const json line =
      json::parse(logJson({7, "2026-11-28T01:00:00Z", "", "daemon-started", "{\"version\":\n\"1\"}", "ff"}));
  CHECK(line["seq"] == 7);
  CHECK_FALSE(line.contains("run"));
  CHECK(line["body"]["version"] == "1");
  CHECK(json::parse(logJson({7, "", "r-1", "x", "not json", ""}))["body"] == "not json");
}

TEST_CASE("a wall that is down stands out and says what was wanted") {
  const std::string page = runPage(exampleRun(), *parseRfc3339("2026-11-28T02:05:00Z"), Colour::kOff);
  CHECK(mentions(page, "landlock   DOWN  none (wanted abi 6)"));
  CHECK(mentions(page, "1h05m"));
  CHECK(mentions(runPage(exampleRun(), {}, Colour::kOn), "\x1b[31m"));
}

TEST_CASE("durations and unknown figures are readable") {
  CHECK(formatDuration(Microseconds(850'000)) == "850ms");
  CHECK(formatDuration(std::chrono::seconds(59)) == "59s");
  CHECK(formatDuration(std::chrono::seconds(247)) == "4m07s");
  CHECK(formatDuration(std::chrono::minutes(125)) == "2h05m");
  CHECK(formatDuration(std::chrono::hours(76)) == "3d04h");
  CHECK(formatDuration(Microseconds(-5)) == "0ms");
  CHECK(formatBytesOrDash(std::nullopt) == "-");
  CHECK(formatCpuOrDash(1'500'000) == "1.50s");
}

TEST_CASE("table columns line up by characters, not bytes") {
  Table table({"A", "B"});
  table.add({"äöü", "x"});
  CHECK(table.text() == "A    B\näöü  x\n");
}

TEST_CASE("times of log --since are numbers, instants and ages") {
  const Microseconds now = std::chrono::hours(24 * 20000);
  CHECK(parseSince("42", now)->seq == 42);
  CHECK(parseSince("10m", now)->wall == now - std::chrono::minutes(10));
  CHECK(parseSince("2h", now)->wall == now - std::chrono::hours(2));
  CHECK(parseSince("1970-01-02T00:00:00.5Z", now)->wall == std::chrono::hours(24) + Microseconds(500'000));
  CHECK(parseSince("1970-01-02T01:00:00+01:00", now)->wall == std::chrono::hours(24));
  for (const char* wrong : {"", "m", "10x", "-5", "1970-13-02T00:00:00Z", "1970-01-02", "99999999999999999999",
                            "1970-01-02T00:00:00", "1970-01-02T00:00:00.Z"}) {
    CHECK_FALSE(parseSince(wrong, now).has_value());
  }
  CHECK(parseRfc3339(formatRfc3339(Microseconds(1'795'828'370'123'456))) == Microseconds(1'795'828'370'123'456));
}

TEST_CASE("the detach key leaves, twice it is one Ctrl-backslash, else it is passed on") {
  DetachKey key;
  CHECK(key.feed("abc").bytes == "abc");
  CHECK(key.feed("x\x1c").bytes == "x");
  CHECK(key.feed("q").bytes == "\x1cq");
  CHECK(key.feed("\x1c\x1c").bytes == "\x1c");
  const DetachKey::Outcome left = key.feed(
      "a\x1c"
      "dzzz");
  CHECK(left.detached);
  CHECK(left.bytes == "a");
}

TEST_CASE("output on a terminal keeps text and colours and shows every other control") {
  OutputFilter filter;
  CHECK(filter.feed("plain \x1b[1;31mred\x1b[0m\t\\n äö\n") == "plain \x1b[1;31mred\x1b[0m\t\\n äö\n");
  CHECK(filter.feed("\x1b[2J\x1b]0;title\x07") == "\\x1b[2J\\x1b]0;title\\x07");
  CHECK(filter.feed("one\rtwo\r\nthree\n") == "one\ntwo\nthree\n");
  CHECK(filter.feed("\xe2\x80\xae") == "\\u{202e}");
}

TEST_CASE("a character or a colour cut in two pieces of output comes out whole") {
  OutputFilter filter;
  CHECK(filter.feed("a\xc3") == "a");
  CHECK(filter.feed("\xa4 \x1b[3") == "ä ");
  CHECK(filter.feed("1mx") == "\x1b[31mx");
  CHECK(filter.feed("y\r") == "y");
  CHECK(filter.feed("\nz\x1b") == "\nz");
  CHECK(filter.finish() == "\\x1b");
  CHECK(filter.finish().empty());
}

}  // namespace ringfence::cli
