#include <unistd.h>

#include <variant>

#include "policy/learn.h"
#include "policy/load.h"
#include "policy/read_sources.h"
#include "sdk/base/sha256.h"
#include "sdk/base/text.h"
#include "sdk/client/client.h"
#include "ui/cli/account.h"
#include "ui/cli/observed_actions.h"
#include "ui/cli/policy_command.h"
#include "ui/cli/policy_shelf.h"

namespace ringfence::cli {
namespace {

PolicyOutcome failed(int status, const std::string& message) {
  return {.status = status, .out = {}, .err = "ringfence: " + message + "\n"};
}

PolicyOutcome failed(const client::Failure& failure) {
  if (failure.refusal) return failed(failure.refusal->exitCode, escapeForDisplay(failure.refusal->message));
  return failed(failure.error.code == ErrorCode::kUnavailable ? 3 : 1, escapeForDisplay(failure.error.message));
}

std::string homeOf(std::uint32_t uid, const std::string& own) {
  if (uid == ::getuid() && !own.empty()) return own;
  const auto account = findAccount(uid);
  return account && *account ? (*account)->home : own;
}

// The whole log of the run; or why it cannot be had.
std::variant<ObservedActions, PolicyOutcome> readLog(client::Client& client, const std::string& run) {
  const auto begun = client.beginLog(run, 0, false);
  if (const auto* failure = std::get_if<client::Failure>(&begun)) return failed(*failure);
  ObservedActions observed;
  for (;;) {
    const auto answer = client.nextLogLine();
    if (const auto* failure = std::get_if<client::Failure>(&answer)) return failed(*failure);
    const auto& line = std::get<std::optional<client::LogLine>>(answer);
    if (!line) return observed;
    observed.add(*line);
  }
}

std::string remarks(const ObservedActions& observed) {
  std::string text;
  if (observed.refused() > 0) {
    text += "ringfence: " + std::to_string(observed.refused()) +
            " questions were answered with no, or by nobody; nothing is proposed for them\n";
  }
  if (observed.unreadable() > 0) {
    text += "ringfence: " + std::to_string(observed.unreadable()) +
            " entries of the log are of another version than this program and were passed by\n";
  }
  return text;
}

// The policy that the run had, as a word for the shelf; or why it is not there any more as it was.
std::variant<std::string, PolicyOutcome> policyOf(const client::RunDetails& run) {
  if (run.policyFile.empty()) return run.policyName;
  const std::string hint = "; to learn against another one, say which: ringfence policy learn RUN NAME|FILE";
  const std::string file = escapeForDisplay(run.policyFile);
  const auto text = policy::readSource(run.policyFile);
  if (!text) {
    return failed(1, "the policy file that " + escapeForDisplay(run.id) +
                         " was started with cannot be read any more: " + escapeForDisplay(text.error().message) + hint);
  }
  if (sha256Hex(text->text) == run.policyFileSha256) return run.policyFile;
  return failed(1, file + " is not what " + escapeForDisplay(run.id) +
                       " was started with: its text has another digest (" + sha256Hex(text->text).substr(0, 12) +
                       ", at the launch " + escapeForDisplay(run.policyFileSha256).substr(0, 12) + ")" + hint);
}

// What it extends has no name of its own in the record of a run, only the hash of all together. Hosts that the call
// allowed and what a project added are in that too, so this is no reason to refuse.
std::string remarkOnRules(const client::RunDetails& run, const policy::Document& document) {
  if (run.policyHash.empty() || policy::documentHash(document) == run.policyHash) return {};
  return "ringfence: the rules that " + escapeForDisplay(run.id) + " was started with are not those that " +
         escapeForDisplay(document.name) +
         " has now: what it extends has changed, or its call or its project added to them; look at what is proposed "
         "with "
         "that in mind\n";
}

}  // namespace

PolicyOutcome learnFromRun(const std::string& run, const std::string& word, const PolicyShelf& shelf,
                           const PolicyWorld& world) {
  auto client = client::Client::connect();
  if (!client) return failed(3, escapeForDisplay(client.error().message));
  const auto shown = client->show(run);
  if (const auto* failure = std::get_if<client::Failure>(&shown)) return failed(*failure);
  const auto& details = std::get<client::RunDetails>(shown);
  const auto chosen = word.empty() ? policyOf(details) : std::variant<std::string, PolicyOutcome>(word);
  if (const auto* changed = std::get_if<PolicyOutcome>(&chosen)) return *changed;
  const auto& name = std::get<std::string>(chosen);
  const auto found = shelf.load(name);
  const std::string hint = "the policy " + escapeForDisplay(name) + " of " + escapeForDisplay(details.id) +
                           " does not load here; say where it is: ringfence policy learn RUN NAME|FILE";
  if (!found) return failed(1, hint);
  if (const auto* errors = std::get_if<std::vector<policy::Diagnostic>>(&*found)) {
    PolicyOutcome outcome = failed(6, hint);
    outcome.err.insert(0, policy::renderText(*errors));
    return outcome;
  }
  const policy::Document& document = std::get<policy::Loaded>(*found).document;
  auto observed = readLog(*client, details.id);
  if (auto* outcome = std::get_if<PolicyOutcome>(&observed)) return std::move(*outcome);
  const auto& actions = std::get<ObservedActions>(observed);
  policy::Observations observations;
  observations.name = document.name + "-learned";
  observations.base = document.name;
  observations.run = details.id;
  observations.document = document;
  observations.places = {details.workspace, homeOf(details.callerUid, world.home)};
  observations.observed = actions.all();
  std::string err = remarks(actions);
  if (word.empty()) err += remarkOnRules(details, observations.document);
  return {.status = 0, .out = policy::learn(observations), .err = std::move(err)};
}

}  // namespace ringfence::cli
