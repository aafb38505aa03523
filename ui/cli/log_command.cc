#include <cstdlib>

#include "sdk/base/clock.h"
#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/daemon_program.h"
#include "ui/cli/shapes.h"
#include "ui/cli/views.h"

namespace ringfence::cli {
namespace {

bool printLog(client::Client& client, Form form, int& status) {
  const auto answer = client.nextLogLine();
  if (const auto* failure = std::get_if<client::Failure>(&answer)) {
    status = fail(*failure, form);
    return false;
  }
  const auto& line = std::get<std::optional<client::LogLine>>(answer);
  if (!line) return false;
  print(form == Form::kJson ? logJson(*line) + "\n" : logText(*line));
  return true;
}

}  // namespace

int logCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  Since since;
  if (const auto text = parsed.value("since")) {
    const auto parsedSince = parseSince(*text, SystemClock().now().wall);
    if (!parsedSince) {
      complain("--since " + escapeForDisplay(*text) +
               ": not a sequence number, a time like 2026-11-28T10:00:00Z, nor an age like 10m");
      return kExitUsage;
    }
    since = *parsedSince;
  }
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const std::string run = parsed.words.empty() ? "" : parsed.words[0];
  const auto begun = client->beginLog(run, since.seq, parsed.has("follow"), since.wall.value_or(Microseconds{}));
  if (const auto* failure = std::get_if<client::Failure>(&begun)) return fail(*failure, form);
  int status = kExitOk;
  while (printLog(*client, form, status)) {}
  return status;
}

int verifyCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  const std::string against = parsed.value("against").value_or("");
  auto client = client::Client::connect();
  if (!client && client.error().code == ErrorCode::kUnavailable) {
    std::vector<std::string> arguments{"--verify"};
    if (!against.empty()) arguments.insert(arguments.end(), {"--against", against});
    if (form == Form::kJson) arguments.emplace_back("--json");
    return becomeDaemonProgram(std::move(arguments), client.error(), form);
  }
  if (!client) return fail(client.error(), form);
  const auto answer = client->verify(against);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& verified = std::get<client::VerifyAnswer>(answer);
  if (form == Form::kJson) {
    printLine(verifyJson(verified));
  } else if (verified.ok) {
    printLine("ok: " + std::to_string(verified.facts) + " facts, head " + escapeForDisplay(verified.head));
  } else {
    std::string text = "the log does not verify";
    if (verified.firstBadSeq != 0) text += ": first wrong at seq " + std::to_string(verified.firstBadSeq);
    if (!verified.detail.empty()) text += ": " + escapeForDisplay(verified.detail);
    complain(text + ". Facts before it are good; keep a copy of the state directory before anything else");
  }
  return verified.ok ? kExitOk : kExitFailed;
}

}  // namespace ringfence::cli
