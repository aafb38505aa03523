// The program `ringfence-top`, which `ringfence top` becomes: a program of its own, so that no launch pays for curses.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "ui/cli/command_line.h"
#include "ui/cli/output.h"
#include "ui/cli/terminal.h"
#include "ui/top/feed.h"
#include "ui/top/frame.h"
#include "ui/top/frame_json.h"
#include "ui/top/live.h"
#include "ui/top/reading.h"

namespace ringfence::top {
namespace {

constexpr std::chrono::seconds kApart{1};

int refuse(const std::string& why) {
  cli::complain(why);
  cli::complain("see 'ringfence top --help'");
  return cli::kExitUsage;
}

std::optional<SortKey> sortKeyOf(const cli::Parsed& parsed) {
  const std::optional<std::string> word = parsed.value("sort");
  if (!word) return SortKey::kCpu;
  for (const SortName& name : sortNames()) {
    if (*word == name.word || *word == std::string(1, name.letter)) return name.key;
  }
  return std::nullopt;
}

// One reading tells no rates: two, a second apart.
int printOnce(SortKey key, cli::Form form) {
  auto client = client::Client::connect();
  if (!client) return cli::fail(client.error(), form);
  std::vector<Reading> readings;
  for (int i = 0; i < 2; ++i) {
    if (i > 0) std::this_thread::sleep_for(kApart);
    auto reading = readAll(*client);
    if (const auto* failure = std::get_if<client::Failure>(&reading)) return cli::fail(*failure, form);
    readings.push_back(std::get<Reading>(std::move(reading)));
  }
  const View view = viewOf(readings, key);
  const auto size = cli::windowSize(STDOUT_FILENO);
  cli::print(form == cli::Form::kJson ? frameJson(view, readings.back()) : frameText(view, size ? size->ws_col : 0));
  return cli::kExitOk;
}

int run(int argc, char** argv) {
  std::vector<const char*> arguments{"top"};
  for (int i = 1; i < argc; ++i) arguments.push_back(argv[i]);
  const auto line = cli::parseCommandLine(arguments);
  if (const auto* wrong = std::get_if<cli::UsageError>(&line)) return refuse(wrong->message);
  const auto& parsed = std::get<cli::Parsed>(line);
  if (parsed.help) {
    cli::print(cli::verbHelp(*parsed.verb));
    return cli::kExitOk;
  }
  const auto key = sortKeyOf(parsed);
  if (!key) {
    std::string words;
    for (const SortName& name : sortNames()) words += (words.empty() ? "" : ", ") + std::string(name.word);
    return refuse("top: --sort takes one of: " + words);
  }
  const bool json = parsed.has("json");
  if (parsed.has("once")) return printOnce(*key, json ? cli::Form::kJson : cli::Form::kText);
  if (json) return refuse("top: --json goes with --once; the screen is for people");
  const auto status = showScreen(*key);
  if (status) return *status;
  const bool noTerminal = status.error().code == ErrorCode::kUnsupported;
  cli::complain("top: " + status.error().message);
  if (noTerminal) cli::complain("'ringfence usage' or 'ringfence top --once' tell the same without a screen");
  return noTerminal ? cli::kExitUsage : cli::kExitFailed;
}

}  // namespace
}  // namespace ringfence::top

int main(int argc, char** argv) {
  const int status = ringfence::top::run(argc, argv);
  // A thread may still wait for the daemon, and nothing of ours is buffered.
  std::_Exit(status);
}
