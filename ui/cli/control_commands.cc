#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/commands.h"

namespace ringfence::cli {
namespace {

struct Act {
  client::Client::Verb verb;
  std::string_view name;
  std::string_view done;  // what a person reads before the id
};

void sayDone(const Act& act, const std::vector<std::string>& runs, Form form) {
  for (const std::string& run : runs) {
    if (form == Form::kJson) {
      JsonWriter json;
      json.beginObject().field("run", run).field("verb", act.name).field("ok", true).endObject();
      printLine(json.text());
    } else {
      printLine(std::string(act.done) + " " + escapeForDisplay(run));
    }
  }
}

// Every run is tried; the first failure decides the status.
int actOn(const Parsed& parsed, const Act& act) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  std::vector<std::string> targets = parsed.words;
  if (parsed.has("all")) targets = {""};
  int status = kExitOk;
  for (const std::string& target : targets) {
    const auto answer = client->act(act.verb, target);
    if (const auto* failure = std::get_if<client::Failure>(&answer)) {
      const int failed = fail(*failure, form);
      if (status == kExitOk) status = failed;
      if (!failure->refusal) break;  // The daemon is gone: the others would fail alike.
      continue;
    }
    const auto& runs = std::get<std::vector<std::string>>(answer);
    sayDone(act, runs, form);
    if (target.empty() && runs.empty() && form == Form::kText) complain("no run of yours to " + std::string(act.name));
  }
  return status;
}

}  // namespace

int freezeCommand(const Parsed& parsed) { return actOn(parsed, {client::Client::Verb::kFreeze, "freeze", "frozen"}); }
int resumeCommand(const Parsed& parsed) { return actOn(parsed, {client::Client::Verb::kResume, "resume", "resumed"}); }
int stopCommand(const Parsed& parsed) { return actOn(parsed, {client::Client::Verb::kStop, "stop", "stopping"}); }
int killCommand(const Parsed& parsed) { return actOn(parsed, {client::Client::Verb::kKill, "kill", "killed"}); }

}  // namespace ringfence::cli
