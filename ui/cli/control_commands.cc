#include <algorithm>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/freeze_wait.h"

namespace ringfence::cli {
namespace {

struct Act {
  client::Client::Verb verb;
  std::string_view name;
  std::string_view done;  // what a person reads before the id
};

void sayDone(const Act& act, const std::string& run, Form form) {
  if (form == Form::kJson) {
    JsonWriter json;
    json.beginObject().field("run", run).field("verb", act.name).field("ok", true).endObject();
    printLine(json.text());
  } else {
    printLine(std::string(act.done) + " " + escapeForDisplay(run));
  }
}

// Every run is tried; the first failure decides the status. `pausing`: those that are not frozen yet.
int actOn(client::Client& client, const Parsed& parsed, const Act& act, std::vector<std::string>& pausing) {
  const Form form = formOf(parsed);
  std::vector<std::string> targets = parsed.words;
  if (parsed.has("all")) targets = {""};
  int status = kExitOk;
  for (const std::string& target : targets) {
    const auto answer = client.act(act.verb, target);
    if (const auto* failure = std::get_if<client::Failure>(&answer)) {
      const int failed = fail(*failure, form);
      if (status == kExitOk) status = failed;
      if (!failure->refusal) break;  // The daemon is gone: the others would fail alike.
      continue;
    }
    const auto& acted = std::get<client::Client::Acted>(answer);
    for (const std::string& run : acted.runs) {
      if (std::ranges::find(acted.pausing, run) == acted.pausing.end())
        sayDone(act, run, form);
      else if (std::ranges::find(pausing, run) == pausing.end())
        pausing.push_back(run);
    }
    if (target.empty() && acted.runs.empty() && form == Form::kText)
      complain("no run of yours to " + std::string(act.name));
  }
  return status;
}

int actOn(const Parsed& parsed, const Act& act) {
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), formOf(parsed));
  std::vector<std::string> pausing;
  const int status = actOn(*client, parsed, act, pausing);
  const auto frozen = [&](const std::string& run) { sayDone(act, run, formOf(parsed)); };
  const int waited = awaitFrozen(*client, std::move(pausing), formOf(parsed), frozen);
  return status == kExitOk ? waited : status;
}

}  // namespace

int freezeCommand(const Parsed& parsed) {
  const bool now = parsed.has("now");
  return actOn(parsed, {now ? client::Client::Verb::kFreezeAtOnce : client::Client::Verb::kFreeze, "freeze", "frozen"});
}
int resumeCommand(const Parsed& parsed) { return actOn(parsed, {client::Client::Verb::kResume, "resume", "resumed"}); }
int stopCommand(const Parsed& parsed) { return actOn(parsed, {client::Client::Verb::kStop, "stop", "stopping"}); }
int killCommand(const Parsed& parsed) { return actOn(parsed, {client::Client::Verb::kKill, "kill", "killed"}); }

}  // namespace ringfence::cli
