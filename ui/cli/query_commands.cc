#include <unistd.h>

#include <algorithm>

#include "sdk/base/clock.h"
#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/format.h"
#include "ui/cli/shapes.h"
#include "ui/cli/stop_views.h"
#include "ui/cli/terminal.h"
#include "ui/cli/views.h"

namespace ringfence::cli {
namespace {

Microseconds wallNow() { return SystemClock().now().wall; }

}  // namespace

int psCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->listing(parsed.has("all"));
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& runs = std::get<client::RunListing>(answer).runs;
  for (const std::string& alarm : stopAlarms(std::get<client::RunListing>(answer).stop)) complain(alarm);
  if (form == Form::kText) {
    const auto size = windowSize(STDOUT_FILENO);
    print(runTable(runs, wallNow(), size ? size->ws_col : 0));
    return kExitOk;
  }
  for (const client::RunDetails& run : runs) printLine(runJson(run));
  return kExitOk;
}

int showCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->show(parsed.words[0]);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& run = std::get<client::RunDetails>(answer);
  if (form == Form::kJson)
    printLine(runJson(run));
  else
    print(runPage(run, wallNow(), stdoutColour()));
  return kExitOk;
}

int usageCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  std::optional<Microseconds> since;
  if (const auto text = parsed.value("since")) {
    const auto parsedSince = parseSince(*text, wallNow());
    if (!parsedSince || !parsedSince->wall) {
      complain("--since " + escapeForDisplay(*text) + ": not a time like 2026-11-28T10:00:00Z, nor an age like 10m");
      return kExitUsage;
    }
    // Zero would be no time at all.
    since = std::max(*parsedSince->wall, Microseconds(1));
  }
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->usage(parsed.words.empty() ? "" : parsed.words[0], since);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& report = std::get<client::UsageReport>(answer);
  if (since && form == Form::kText) {
    print(seriesTable(report.series));
    return kExitOk;
  }
  for (const client::UsageBucket& bucket : report.series) printLine(bucketJson(bucket));
  if (form == Form::kText) {
    print(usageTable(report.rows));
    print(spendingTable(report.today));
    if (report.device) print(deviceLines(*report.device));
    return kExitOk;
  }
  for (const client::UsageRow& row : report.rows) printLine(usageJson(row));
  for (const client::DaySpending& spending : report.today) printLine(spendingJson(spending));
  if (report.device) printLine(deviceJson(*report.device));
  return kExitOk;
}

}  // namespace ringfence::cli
