// pending, allow, deny, rewrite, grants and why.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "sdk/base/clock.h"
#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "sdk/base/whole_number.h"
#include "ui/cli/argv_json.h"
#include "ui/cli/commands.h"
#include "ui/cli/program.h"
#include "ui/cli/question_shapes.h"
#include "ui/cli/question_views.h"
#include "ui/cli/terminal.h"

namespace ringfence::cli {
namespace {

constexpr Bytes kMostContent = mebibytes(1);

int usageFailure(const std::string& message) {
  complain(message);
  return kExitUsage;
}

std::optional<std::uint64_t> parseId(const std::string& word) {
  const auto id = wholeNumber<std::uint64_t>(word);
  return id == std::uint64_t{0} ? std::nullopt : id;
}

int noSuchNumber(std::string_view what, const std::string& word) {
  return usageFailure(escapeForDisplay(word) + " is no number of a " + std::string(what));
}

std::size_t columnsOfStdout() {
  const auto size = windowSize(STDOUT_FILENO);
  return size ? size->ws_col : 0;
}

std::string absolutePath(const std::string& typed) {
  return (std::filesystem::current_path() / typed).lexically_normal().string();
}

void printPending(const client::PendingEvent& event, Form form) {
  if (form == Form::kJson) return printLine(pendingEventJson(event));
  if (const auto* gone = std::get_if<client::PendingGone>(&event)) return printLine(goneText(*gone) + "\n");
  const auto& item = std::get<client::PendingItem>(event);
  printLine(questionCard(item, SystemClock().now().wall, columnsOfStdout(), stdoutColour()));
}

// Sends the answer and says what was done: `done` for people, {"id","verdict",…} for programs.
int sendAnswer(const client::QuestionAnswer& answer, const std::string& done, std::string_view verdict, Form form) {
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answered = client->answer(answer);
  if (const auto* failure = std::get_if<client::Failure>(&answered)) return fail(*failure, form);
  if (form == Form::kText) {
    printLine(done);
    return kExitOk;
  }
  JsonWriter json;
  json.beginObject().field("id", answer.id).field("verdict", verdict);
  if (const auto* allow = std::get_if<client::AllowAnswer>(&answer.verdict))
    json.field("scope", scopeName(allow->scope));
  json.field("ok", true).endObject();
  printLine(json.text());
  return kExitOk;
}

std::optional<client::Scope> parseScope(std::string_view word) {
  for (const client::Scope scope :
       {client::Scope::kOnce, client::Scope::kRun, client::Scope::kProject, client::Scope::kAlways}) {
    if (scopeName(scope) == word) return scope;
  }
  return std::nullopt;
}

std::variant<client::RewriteAnswer, std::string> rewriteOf(const Parsed& parsed) {
  client::RewriteAnswer rewrite;
  int given = 0;
  for (const std::string_view name : {"argv", "path", "host", "content"}) given += parsed.has(name) ? 1 : 0;
  if (given != 1) return "rewrite: say one of --argv, --path, --host and --content";
  if (const auto text = parsed.value("argv")) {
    auto argv = parseArgvJson(*text);
    if (!argv) return "--argv: " + argv.error().message;
    rewrite.argv = *std::move(argv);
  }
  if (const auto path = parsed.value("path")) rewrite.path = absolutePath(*path);
  rewrite.host = parsed.value("host");
  if (const auto file = parsed.value("content")) {
    const UniqueFd opened(::open(file->c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!opened) return "--content " + escapeForDisplay(posixError(errno, *file).message);
    auto content = readAll(opened.get(), kMostContent, *file);
    if (!content) return "--content: " + escapeForDisplay(content.error().message);
    rewrite.content = *std::move(content);
  }
  return rewrite;
}

int listGrants(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer =
      client->grants("", parsed.has("all") ? client::GrantsShown::kAlsoEnded : client::GrantsShown::kInForce);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& grants = std::get<std::vector<client::GrantRow>>(answer);
  if (form == Form::kText) {
    print(grantTable(grants, columnsOfStdout()));
    return kExitOk;
  }
  for (const client::GrantRow& grant : grants) printLine(grantJson(grant));
  return kExitOk;
}

// Why a person's words are no action, or the action.
std::variant<client::PendingAction, std::string> actionOf(const Parsed& parsed) {
  client::PendingAction action;
  const auto op = parsed.value("op");
  const auto target = parsed.value("target");
  if (!op || !target) return "why: needs --op and --target";
  for (const client::Operation operation :
       {client::Operation::kRead, client::Operation::kWrite, client::Operation::kExec, client::Operation::kConnect,
        client::Operation::kCall}) {
    if (operationName(operation) == *op) action.operation = operation;
  }
  if (action.operation == client::Operation::kUnknown)
    return "--op " + escapeForDisplay(*op) + ": one of read, write, exec, connect and call";
  action.argv.assign(parsed.words.begin() + 1, parsed.words.end());
  if (!action.argv.empty() && action.operation != client::Operation::kExec)
    return "why: arguments stand behind -- with --op exec alone";
  const bool isPath = action.operation != client::Operation::kConnect && action.operation != client::Operation::kCall;
  action.target = isPath ? absolutePath(*target) : *target;
  if (action.operation != client::Operation::kExec || target->find('/') != target->npos) return action;
  const char* path = std::getenv("PATH");
  auto found = findProgram(*target, {path != nullptr ? path : "", "", "", absolutePath(".")});
  if (const auto* missing = std::get_if<NoProgram>(&found)) return missing->message;
  action.target = std::get<Program>(found).executable;
  if (action.argv.empty()) action.argv = {*target};
  return action;
}

int statusOf(client::Decision decision) {
  switch (decision) {
    case client::Decision::kAllow:
    case client::Decision::kRewrite: return kExitOk;
    case client::Decision::kAsk: return kExitNotApproved;
    case client::Decision::kForbid: return kExitDenied;
    case client::Decision::kUnknown: break;
  }
  return kExitFailed;
}

}  // namespace

int pendingCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const bool watch = parsed.has("watch");
  const auto begun = client->beginPending("", watch ? client::Client::Watch::kYes : client::Client::Watch::kNo);
  if (const auto* failure = std::get_if<client::Failure>(&begun)) return fail(*failure, form);
  for (std::size_t shown = 0;; ++shown) {
    const auto answer = client->nextPending();
    if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
    const auto& event = std::get<std::optional<client::PendingEvent>>(answer);
    if (event) {
      printPending(*event, form);
      continue;
    }
    if (shown == 0 && form == Form::kText) printLine("no question waits");
    return kExitOk;
  }
}

int allowCommand(const Parsed& parsed) {
  const auto id = parseId(parsed.words[0]);
  if (!id) return noSuchNumber("question", parsed.words[0]);
  client::AllowAnswer allow;
  const std::string word = parsed.value("scope").value_or("once");
  const auto scope = parseScope(word);
  if (!scope) return usageFailure("--scope " + escapeForDisplay(word) + ": one of once, run, project and always");
  allow.scope = *scope;
  std::string done = "allowed " + std::to_string(*id) + ", " + word;
  if (const auto text = parsed.value("for")) {
    const auto duration = parseAge(*text);
    if (!duration || *duration <= Microseconds{})
      return usageFailure("--for " + escapeForDisplay(*text) + ": not a duration like 90s, 10m, 2h or 3d");
    if (allow.scope == client::Scope::kOnce)
      return usageFailure("--for: what is allowed once has no duration; say --scope run, project or always");
    allow.duration = std::chrono::duration_cast<std::chrono::seconds>(*duration);
    done += ", for " + formatDuration(*duration);
  }
  return sendAnswer({*id, parsed.value("digest").value_or(""), allow}, done, "allow", formOf(parsed));
}

int denyCommand(const Parsed& parsed) {
  const auto id = parseId(parsed.words[0]);
  if (!id) return noSuchNumber("question", parsed.words[0]);
  const std::string say = parsed.value("say").value_or("");
  if (!isValidUtf8(say)) return usageFailure("--say: not UTF-8");
  return sendAnswer({*id, parsed.value("digest").value_or(""), client::DenyAnswer{say}},
                    "denied " + std::to_string(*id), "deny", formOf(parsed));
}

int rewriteCommand(const Parsed& parsed) {
  const auto id = parseId(parsed.words[0]);
  if (!id) return noSuchNumber("question", parsed.words[0]);
  auto rewrite = rewriteOf(parsed);
  if (const auto* wrong = std::get_if<std::string>(&rewrite)) return usageFailure(*wrong);
  client::QuestionAnswer answer{*id, parsed.value("digest").value_or(""),
                                std::get<client::RewriteAnswer>(std::move(rewrite))};
  return sendAnswer(answer, "rewritten " + std::to_string(*id), "rewrite", formOf(parsed));
}

int grantsCommand(const Parsed& parsed) {
  if (parsed.words.empty()) return listGrants(parsed);
  if (parsed.words[0] != "revoke" || parsed.words.size() != 2)
    return usageFailure("grants: 'ringfence grants' lists them, 'ringfence grants revoke ID' ends one");
  const Form form = formOf(parsed);
  const auto id = parseId(parsed.words[1]);
  if (!id) return noSuchNumber("grant", parsed.words[1]);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->revokeGrant(*id);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  JsonWriter json;
  json.beginObject().field("id", *id).field("verb", "revoke").field("ok", true).endObject();
  printLine(form == Form::kJson ? json.text() : "revoked " + std::to_string(*id));
  return kExitOk;
}

int whyCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto asked = actionOf(parsed);
  if (const auto* wrong = std::get_if<std::string>(&asked)) return usageFailure(*wrong);
  const auto& action = std::get<client::PendingAction>(asked);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->why(parsed.words[0], action);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& why = std::get<client::WhyAnswer>(answer);
  if (form == Form::kJson)
    printLine(whyJson(action, why));
  else
    print(whyText(action, why, columnsOfStdout()));
  return statusOf(why.decision);
}

}  // namespace ringfence::cli
