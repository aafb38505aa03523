#include <unistd.h>

#include "sdk/base/clock.h"
#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/shapes.h"
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
  const auto answer = client->list(parsed.has("all"));
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& runs = std::get<std::vector<client::RunDetails>>(answer);
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
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->usage(parsed.words.empty() ? "" : parsed.words[0]);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& rows = std::get<std::vector<client::UsageRow>>(answer);
  if (form == Form::kText) {
    print(usageTable(rows));
    return kExitOk;
  }
  for (const client::UsageRow& row : rows) printLine(usageJson(row));
  return kExitOk;
}

}  // namespace ringfence::cli
