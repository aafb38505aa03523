#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "ui/top/control.h"
#include "ui/top/display_width.h"
#include "ui/top/frame.h"
#include "ui/top/frame_json.h"
#include "ui/top/head.h"
#include "ui/top/model.h"
#include "ui/top/table.h"

namespace ringfence::top {
namespace {

using nlohmann::json;
using Verb = client::Client::Verb;

client::Usage& add(Reading& reading, const std::string& id, const std::string& name) {
  client::RunDetails run;
  run.id = id;
  run.name = name;
  run.state = "running";
  run.priority = "background";
  run.command = {"sh", "-c", "work"};
  run.started = "1970-01-01T00:00:01.000000Z";
  reading.runs.push_back(run);
  reading.usage.rows.push_back({id, name, "running", {}});
  if (!reading.questions) reading.questions.emplace();
  return reading.usage.rows.back().usage;
}

Reading readingAt(std::int64_t seconds) {
  Reading reading;
  reading.at = reading.wall = Microseconds(seconds * 1'000'000);
  return reading;
}

// A screenful of runs r-0, r-1, … by falling use of the processor.
View viewWith(std::size_t runs) {
  View view;
  for (std::size_t i = 0; i < runs; ++i) {
    Row row;
    row.run = "r-" + std::to_string(i);
    row.name = "agent" + std::to_string(i);
    row.state = "running";
    row.cpu = 100.0 - static_cast<double>(i);
    view.rows.push_back(row);
  }
  return view;
}

const Order& orderOf(const Wish& wish) {
  REQUIRE(std::holds_alternative<Order>(wish));
  return std::get<Order>(wish);
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::string textOf(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) text += line.text + "\n";
  return text;
}

}  // namespace

// ---- figures

TEST_CASE("top shows those that use most of the processor first, and what is not known last and as a dash") {
  Reading readings[] = {readingAt(10), readingAt(12)};
  add(readings[0], "r-1", "still").cpuUsec = 500;
  add(readings[0], "r-2", "busy").cpuUsec = 1'000'000;
  add(readings[1], "r-3", "fresh").cpuUsec = 9'000'000;  // Nothing was read of it before: no rate.
  add(readings[1], "r-1", "still").cpuUsec = 500;
  add(readings[1], "r-2", "busy").cpuUsec = 4'000'000;
  const View view = viewOf(readings, SortKey::kCpu);
  REQUIRE(view.rows.size() == 3);
  CHECK(view.rows[0].run == "r-2");
  CHECK(view.rows[0].cpu == 150.0);
  CHECK(view.rows[0].age == std::chrono::seconds(11));
  CHECK(view.rows[1].run == "r-1");
  CHECK(view.rows[1].cpu == 0.0);
  CHECK(view.rows[2].run == "r-3");
  CHECK_FALSE(view.rows[2].cpu);
  const TableText table = tableOf(view, 0);
  CHECK(mentions(table.rows[0], "150.0"));
  CHECK(mentions(table.rows[1], " 0.0 "));
  CHECK_FALSE(mentions(table.rows[2], "0.0"));
}

TEST_CASE("one reading tells no rates, and a total that went back tells none") {
  Reading readings[] = {readingAt(10), readingAt(11)};
  add(readings[0], "r-1", "a").cpuUsec = 1000;
  add(readings[1], "r-1", "a").cpuUsec = 10;
  CHECK_FALSE(viewOf({readings, 1}, SortKey::kCpu).rows[0].cpu);
  CHECK_FALSE(viewOf(readings, SortKey::kCpu).rows[0].cpu);
  CHECK(viewOf({}, SortKey::kCpu).rows.empty());
}

TEST_CASE("the growth of memory is that of all readings that are kept, and may be negative") {
  Reading readings[] = {readingAt(10), readingAt(19), readingAt(20)};
  add(readings[0], "r-1", "leak").memoryBytes = 1'000'000;
  add(readings[1], "r-1", "leak").memoryBytes = 90'000'000;
  add(readings[2], "r-1", "leak").memoryBytes = 11'000'000;
  add(readings[1], "r-2", "shrinks").memoryBytes = 3'000'000;
  add(readings[2], "r-2", "shrinks").memoryBytes = 1'000'000;
  const View view = viewOf(readings, SortKey::kGrowth);
  CHECK(view.rows[0].growth == 1'000'000.0);
  CHECK(view.rows[1].growth == -2'000'000.0);
  const TableText table = tableOf(view, 0);
  CHECK(mentions(table.rows[0], "+977K"));
  CHECK(mentions(table.rows[1], "-1.9M"));
}

TEST_CASE("reading, writing, network and accelerators are rates of what is known of them") {
  Reading readings[] = {readingAt(10), readingAt(12)};
  add(readings[0], "r-1", "a") = {.ioReadBytes = 0, .npuUsec = 1'000'000, .networkSentBytes = 100};
  add(readings[1], "r-1", "a") = {.ioReadBytes = 4096, .npuUsec = 2'000'000, .networkSentBytes = 300};
  const Row row = viewOf(readings, SortKey::kIo).rows[0];
  CHECK(row.read == 2048.0);
  CHECK_FALSE(row.written);
  CHECK(row.network == 100.0);
  CHECK(row.accelerator == 50.0);
  CHECK_FALSE(row.tokens);
}

TEST_CASE("what models cost is told with what is not certain of it, and what is not known is nothing") {
  Reading reading = readingAt(10);
  add(reading, "r-1", "dear") = {.costUsd = 1.5, .costEstimated = true};
  add(reading, "r-2", "cheap") = {.costUsd = 0.02, .costIncomplete = true};
  add(reading, "r-3", "silent");
  const View view = viewOf({&reading, 1}, SortKey::kCost);
  REQUIRE(view.rows.size() == 3);
  const TableText table = tableOf(view, 200);
  CHECK(mentions(table.rows[0], "~$1.50"));
  CHECK(mentions(table.rows[1], ">$0.02"));
  CHECK(view.rows[2].name == "silent");
  CHECK_FALSE(mentions(table.rows[2], "$"));
  CHECK(mentions(table.header, "COST"));
}

TEST_CASE("questions are counted by run, and are not known where the daemon does not tell of them") {
  Reading reading = readingAt(10);
  add(reading, "r-1", "a");
  add(reading, "r-2", "b");
  reading.questions->emplace("r-2", 2);
  View view = viewOf({&reading, 1}, SortKey::kQuestions);
  CHECK(view.rows[0].run == "r-2");
  CHECK(view.rows[0].questions == 2u);
  CHECK(view.rows[1].questions == 0u);
  CHECK(mentions(titleOf(view), "2 runs, 2 questions wait; sorted by open questions"));
  reading.questions.reset();
  CHECK_FALSE(viewOf({&reading, 1}, SortKey::kQuestions).rows[0].questions);
}

TEST_CASE("the title begins with the emergency stop, and with the alarm that nobody could make one") {
  Reading reading = readingAt(10);
  add(reading, "r-1", "a");
  CHECK(titleOf(viewOf({&reading, 1}, SortKey::kName)).starts_with("1 run"));
  reading.stop.latched = true;
  CHECK(titleOf(viewOf({&reading, 1}, SortKey::kName)).starts_with("EMERGENCY STOP"));
  reading.stop = {.alarm = "ringfence-stop is away"};
  CHECK(titleOf(viewOf({&reading, 1}, SortKey::kName)).starts_with("ALARM: nobody can stop everything; 1 run"));
}

TEST_CASE("a run that the governor holds says so and why; one that a person froze says who asked") {
  Reading reading = readingAt(10);
  add(reading, "r-1", "npm");
  add(reading, "r-2", "mine");
  reading.runs[0].state = reading.runs[1].state = "frozen";
  reading.runs[0].held = client::HeldBy{true, 0, "memory would have run out in 180 ms", ""};
  reading.runs[1].held = client::HeldBy{false, 1000, "asked", ""};
  const View view = viewOf({&reading, 1}, SortKey::kName);
  CHECK(view.rows[1].why == "by the governor: memory would have run out in 180 ms");
  CHECK(view.rows[0].why == "asked by uid 1000");
  CHECK(mentions(titleOf(view), "1 frozen, 1 held by the governor"));
  const TableText wide = tableOf(view, 200);
  CHECK(mentions(wide.rows[1], " held "));
  CHECK(mentions(wide.rows[1], "180 ms"));
  Control control(SortKey::kName);
  control.see(view, 5);
  control.typed(Move::kDown, view);
  CHECK(mentions(textOf(frameOf(view, control, "", {12, 60})), "r-1: frozen by the governor: memory would"));
}

TEST_CASE("the machine's lines say what is not known, and energy in watts") {
  CHECK(machineLines(std::nullopt, 80) == std::vector<std::string>{"machine: not known"});
  Reading readings[] = {readingAt(10), readingAt(12)};
  readings[0].usage.device.emplace().cpuBusyUsec = 0;
  readings[0].usage.device->energy = {{"package-0", 1'000'000}};
  readings[0].usage.device->accelerators = {{"accel0", "npu", "device", "measured", 0, {}}};
  readings[1].usage.device.emplace().cpuBusyUsec = 3'000'000;
  readings[1].usage.device->cpus = 2;
  readings[1].usage.device->energy = {{"package-0", 26'000'000}};
  readings[1].usage.device->accelerators = {{"accel0", "npu", "device", "measured", 500'000, {}}};
  const std::string all = machineLines(viewOf(readings, SortKey::kCpu).machine, 0).front();
  CHECK(all ==
        "cpu 150.0% of 200%  memory - free of -  waiting for cpu -  for memory -  for disks -  gpu -  npu 25.0%  "
        "power of package-0 12.5 W");
  const std::string first = machineLines(viewOf({readings, 1}, SortKey::kCpu).machine, 0).front();
  CHECK(mentions(first, "cpu - of -"));
  CHECK(mentions(first, "power of package-0 -"));
}

TEST_CASE("bytes and percentages fit into their columns") {
  CHECK(shortBytes(std::nullopt) == "-");
  CHECK(shortBytes(0.0) == "0");
  CHECK(shortBytes(1023.0) == "1023");
  CHECK(shortBytes(1024.0) == "1.0K");
  CHECK(shortBytes(10.0 * 1024) == "10K");
  CHECK(shortBytes(1023.9 * 1024) == "1.0M");
  CHECK(shortBytes(6.0 * 1024 * 1024 * 1024) == "6.0G");
  CHECK(shortBytes(0.0, Sign::kShown) == "0");
  CHECK(shortBytes(2048.0, Sign::kShown) == "+2.0K");
  CHECK(shortBytes(-2048.0, Sign::kShown) == "-2.0K");
  CHECK(percentText(99.94) == "99.9");
  CHECK(percentText(12800.4) == "12800");
  CHECK(percentText(std::nullopt) == "-");
}

// ---- texts

TEST_CASE("names are escaped, and marks cannot pile up on a letter") {
  CHECK(shownText("\x1b[2Jx") == "\\x1b[2Jx");
  CHECK(shownText("a\u0301\u0301\u0301\u0301b") == "a\u0301\u0301b");
  CHECK(shownText("\u0301b") == "b");
  CHECK(shownText("\u202eevil") == "\\u{202e}evil");
}

TEST_CASE("width is that of a terminal: two columns for CJK, none for marks") {
  CHECK(widthOf("abc") == 3);
  CHECK(widthOf("漢字") == 4);
  CHECK(widthOf("e\u0301") == 1);
  CHECK(fitted("漢字漢字", 8) == "漢字漢字");
  CHECK(fitted("漢字漢字", 7) == "漢字漢…");
  CHECK(fitted("漢字漢字", 6) == "漢字…");
  CHECK(leftAligned("漢字漢字", 6) == "漢字… ");
  CHECK(rightAligned("漢", 4) == "  漢");
  CHECK(fitted("abc", 0).empty());
  CHECK(asciiOnly("a漢é…") == "a????");
}

TEST_CASE("columns stand under each other whatever the names are, and no line is wider than the screen") {
  Reading readings[] = {readingAt(10), readingAt(11)};
  for (const char* name : {"漢字のエージェント", "plain", "\x1b[2J\n\u202e", "e\u0301e\u0301"}) {
    for (Reading& reading : readings) add(reading, std::string("r-") + name, name).cpuUsec = 7;
  }
  add(readings[1], "r-long", std::string(300, 'x')).cpuUsec = 7;
  for (std::size_t columns = 1; columns <= 200; ++columns) {
    const TableText table = tableOf(viewOf(readings, SortKey::kCpu), columns);
    CHECK(widthOf(table.header) <= columns);
    for (const std::string& row : table.rows) {
      CHECK(widthOf(row) <= columns);
      CHECK(row.find_first_of("\x1b\n") == row.npos);
    }
    if (columns < 40) continue;
    const std::size_t state = table.header.find("STATE");
    REQUIRE(state != std::string::npos);
    for (const std::string& row : table.rows) CHECK(widthOf(row.substr(0, row.find("running"))) == state);
  }
}

TEST_CASE("a narrow screen keeps name, state and processor, a wide one has every column") {
  const View view = viewWith(1);
  CHECK(tableOf(view, 39).header == "NAME     STATE      CPU% MEMORY ASKS");
  const std::string wide = tableOf(view, 200).header;
  for (const char* title : {"NAME", "CLASS", "STATE", "CPU%", "MEMORY", "MEM/s", "READ/s", "WRITE/s", "NET/s", "ACCEL%",
                            "TOKENS", "COST", "PIDS", "ASKS", "TIME"})
    CHECK(mentions(wide, title));
  CHECK_FALSE(mentions(wide, "WHY"));  // Nobody is held.
}

// ---- frames

TEST_CASE("a frame has as many lines as the screen, none wider, at every size") {
  View view = viewWith(30);
  view.machine.emplace();
  Control control(SortKey::kCpu);
  for (const std::size_t rows : {1, 2, 3, 5, 12, 24, 60}) {
    for (const std::size_t columns : {1, 2, 10, 40, 80, 200}) {
      const Size size{rows, columns};
      control.see(view, tableRows(view, size));
      for (const std::string& trouble : {std::string(), std::string("cannot reach the daemon, trying again")}) {
        const auto lines = frameOf(view, control, trouble, size);
        CHECK(lines.size() == rows);
        for (const Line& line : lines) CHECK(widthOf(line.text) <= columns);
      }
    }
  }
}

TEST_CASE("the chosen run is always on the screen") {
  const View view = viewWith(30);
  const Size size{12, 60};
  Control control(SortKey::kCpu);
  control.see(view, tableRows(view, size));
  for (int i = 0; i < 29; ++i) {
    control.typed(Move::kDown, view);
    control.see(view, tableRows(view, size));
    CHECK(mentions(textOf(frameOf(view, control, "", size)), ">agent" + std::to_string(i + 1) + " "));
  }
  control.typed(Move::kFirst, view);
  control.see(view, tableRows(view, size));
  CHECK(mentions(textOf(frameOf(view, control, "", size)), ">agent0 "));
}

TEST_CASE("trouble takes the place of the runs, whose figures are not known then") {
  const View view = viewWith(2);
  Control control(SortKey::kCpu);
  control.see(view, 5);
  const std::string text = textOf(frameOf(view, control, "cannot reach the daemon", {24, 80}));
  CHECK(mentions(text, "cannot reach the daemon"));
  CHECK_FALSE(mentions(text, "agent0"));
}

TEST_CASE("the help explains every key, scrolls, and any other key leaves it") {
  const View view = viewWith(1);
  Control control(SortKey::kCpu);
  control.see(view, 5);
  control.typed('?', view);
  const std::string text = textOf(frameOf(view, control, "", {40, 80}));
  for (const SortName& name : sortNames()) CHECK(mentions(text, " " + std::string(1, name.letter) + " "));
  CHECK(mentions(text, "k, twice"));
  control.typed(Move::kDown, view);  // It scrolls, for small screens.
  CHECK(control.showsHelp());
  CHECK_FALSE(mentions(textOf(frameOf(view, control, "", {40, 80})), "Arrows, PgUp"));
  CHECK(std::holds_alternative<Nothing>(control.typed('f', view)));
  CHECK_FALSE(control.showsHelp());
}

TEST_CASE("a frame as text has every run and no keys") {
  View view = viewWith(30);
  const std::string text = frameText(view, 80);
  CHECK(mentions(text, "agent29"));
  CHECK_FALSE(mentions(text, "q quit"));
}

TEST_CASE("a frame as JSON has numbers and nulls, and the bytes of a hostile name") {
  Reading readings[] = {readingAt(10), readingAt(11)};
  for (Reading& reading : readings) add(reading, "r-1", "\x1b[2J").memoryBytes = 4096;
  readings[1].usage.device.emplace().cpus = 2;
  const std::string lines = frameJson(viewOf(readings, SortKey::kCpu), readings[1]);
  const json run = json::parse(lines.substr(0, lines.find('\n')));
  CHECK(run["name"] == "\\x1b[2J");
  CHECK(run["name_raw"] == "G1sySg==");
  CHECK(run["class"] == "background");
  CHECK(run["memory_bytes"] == 4096);
  CHECK(run["cpu_percent"].is_null());
  CHECK(run["why"].is_null());
  CHECK(run["questions"] == 0);
  const json machine = json::parse(lines.substr(lines.find('\n') + 1));
  CHECK(machine["device"]["cpus"] == 2);
  CHECK(machine["device"]["npu_percent"].is_null());
}

TEST_CASE("a run that a person is pausing is shown so, with the time that is left") {
  Reading reading = readingAt(10);
  add(reading, "r-1", "coder");
  reading.runs[0].pausing = client::Pausing{.byUid = 1000, .asked = "", .within = std::chrono::milliseconds(11'200)};
  const View view = viewOf(std::span(&reading, 1), SortKey::kCpu);
  CHECK(mentions(tableOf(view, 200).rows[0], "pausing"));
  CHECK(mentions(view.rows[0].why, "comes in 12s at the latest"));
  CHECK(json::parse(frameJson(view, reading).substr(0, frameJson(view, reading).find('\n')))["pausing"] == true);
}

// ---- keys

TEST_CASE("keys act on the run that was chosen, wherever it stands meanwhile") {
  View view = viewWith(3);
  Control control(SortKey::kCpu);
  control.see(view, 5);
  CHECK(orderOf(control.typed('f', view)).run == "r-0");
  control.typed(Move::kDown, view);
  std::swap(view.rows[0], view.rows[1]);
  control.see(view, 5);
  const Order order = orderOf(control.typed('s', view));
  CHECK(order.run == "r-1");
  CHECK(order.verb == Verb::kStop);
  CHECK(order.shown == "r-1 (agent1)");
  CHECK(orderOf(control.typed('r', view)).verb == Verb::kResume);
}

TEST_CASE("when the chosen run ends, no key hits the one that moves into its place") {
  View view = viewWith(3);
  Control control(SortKey::kCpu);
  control.see(view, 5);
  view.rows.erase(view.rows.begin());
  control.see(view, 5);
  CHECK(control.chosen().empty());
  CHECK(mentions(control.message(), "gone"));
  for (const char letter : {'f', 'r', 's', 'k', 'k'})
    CHECK(std::holds_alternative<Nothing>(control.typed(letter, view)));
  control.typed(Move::kDown, view);
  CHECK(orderOf(control.typed('f', view)).run == "r-1");
}

TEST_CASE("kill asks once more, for that run, and any other key is a no") {
  View view = viewWith(2);
  Control control(SortKey::kCpu);
  control.see(view, 5);
  CHECK(std::holds_alternative<Nothing>(control.typed('k', view)));
  CHECK(mentions(control.message(), "k again kills r-0 (agent0)"));
  control.typed('x', view);
  CHECK(std::holds_alternative<Nothing>(control.typed('k', view)));
  control.typed(Move::kDown, view);
  CHECK(std::holds_alternative<Nothing>(control.typed('k', view)));
  const Order order = orderOf(control.typed('k', view));
  CHECK(order.run == "r-1");
  CHECK(order.verb == Verb::kKill);
  CHECK(std::holds_alternative<Nothing>(control.typed('k', view)));  // It asks each time.
}

TEST_CASE("what is asked before a kill names the id first, whatever the name of the run is") {
  View view = viewWith(1);
  view.rows[0].name = shownText("r-1 " + std::string(500, 'x'));
  Control control(SortKey::kCpu);
  control.see(view, 5);
  control.typed('k', view);
  CHECK(control.message().starts_with("k again kills r-0 (r-1 xxx"));
  const std::string text = textOf(frameOf(view, control, "", {24, 100}));
  CHECK(mentions(text, "k again kills r-0 ("));
  CHECK(mentions(text, "any other key: no"));
}

TEST_CASE("a run that ended between the two keys of a kill takes the question along") {
  View view = viewWith(2);
  Control control(SortKey::kCpu);
  control.see(view, 5);
  control.typed('k', view);
  view.rows.erase(view.rows.begin());
  control.see(view, 5);
  CHECK(std::holds_alternative<Nothing>(control.typed('k', view)));
}

TEST_CASE("while nothing is known of the runs nothing is done to them, and the choice outlasts it") {
  const View view = viewWith(2), unknown;
  Control control(SortKey::kCpu);
  control.see(view, 5);
  CHECK(std::holds_alternative<Nothing>(control.typed('s', unknown)));
  CHECK(mentions(control.message(), "nothing was done"));
  control.see(view, 5);
  CHECK(orderOf(control.typed('s', view)).run == "r-0");
}

TEST_CASE("sorting has a key for each order, and q leaves") {
  const View view = viewWith(2);
  Control control(SortKey::kCpu);
  for (const SortName& name : sortNames()) {
    control.typed(name.letter, view);
    CHECK(control.key() == name.key);
  }
  control.typed('\0', view);
  CHECK(control.key() == sortNames().back().key);
  CHECK(std::holds_alternative<Quit>(control.typed('q', view)));
}

}  // namespace ringfence::top
