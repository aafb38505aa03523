#include "ui/cli/policy_command.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <map>
#include <optional>
#include <variant>

#include "policy/flatten.h"
#include "policy/load.h"
#include "policy/read_sources.h"
#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/command_line.h"
#include "ui/cli/policy_shelf.h"

namespace ringfence::cli {
namespace {

using policy::Diagnostic;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kInvalid = 6;

enum class Form { kText, kJson };

struct Request {
  std::vector<std::string> directories;
  Form form = Form::kText;
  policy::ShowOrigins origins = policy::ShowOrigins::kNo;
  bool projectTrusted = false;
  std::vector<std::string> words;  // the verb and what follows it
};

PolicyOutcome complaint(int status, const std::string& message) {
  return {.status = status, .out = {}, .err = "ringfence: " + message + "\n"};
}

PolicyOutcome usage(const std::string& message) {
  return complaint(kUsage, message + "\nringfence: see 'ringfence policy --help'");
}

std::variant<Request, PolicyOutcome> parse(std::span<const std::string> args) {
  Request request;
  bool optionsEnded = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (optionsEnded || !arg.starts_with('-') || arg == "-") {
      request.words.push_back(arg);
    } else if (arg == "--") {
      optionsEnded = true;
    } else if (arg == "--help" || arg == "-h") {
      return PolicyOutcome{.status = 0, .out = verbHelp(*findVerb("policy")), .err = {}};
    } else if (arg == "--json") {
      request.form = Form::kJson;
    } else if (arg == "--origin") {
      request.origins = policy::ShowOrigins::kYes;
    } else if (arg == "--trusted") {
      request.projectTrusted = true;
    } else if (arg.starts_with("--policy-dir=")) {
      request.directories.push_back(arg.substr(arg.find('=') + 1));
    } else if (arg == "--policy-dir" && i + 1 < args.size()) {
      request.directories.push_back(args[++i]);
    } else if (arg == "--policy-dir") {
      return usage("--policy-dir needs a directory");
    } else {
      return usage("policy has no option " + escapeForDisplay(arg));
    }
  }
  return request;
}

// What one word came to: a document, or an outcome to end with.
std::variant<policy::Loaded, PolicyOutcome> loadOr(const PolicyShelf& shelf, const std::string& word, Form form) {
  auto result = shelf.load(word);
  if (!result) return complaint(kFailed, escapeForDisplay(result.error().message));
  if (auto* loaded = std::get_if<policy::Loaded>(&*result)) return std::move(*loaded);
  const auto& errors = std::get<std::vector<Diagnostic>>(*result);
  if (form == Form::kText) return PolicyOutcome{.status = kInvalid, .out = {}, .err = policy::renderText(errors)};
  return PolicyOutcome{.status = kInvalid, .out = "{\"diagnostics\":" + policy::renderJson(errors) + "}\n", .err = {}};
}

PolicyOutcome list(const Request& request, const PolicyShelf& shelf) {
  PolicyOutcome outcome;
  const std::vector<policy::Available> policies = policy::available(shelf.sources());
  std::size_t width = 0;
  for (const policy::Available& policy : policies) width = std::max(width, policy.name.size());
  for (const policy::Available& policy : policies) {
    if (request.form == Form::kJson) {
      JsonWriter json;
      json.beginObject().field("name", policy.name).untrustedField("file", policy.file);
      json.field("summary", policy.summary).field("broken", policy.broken).endObject();
      outcome.out += json.text() + "\n";
      continue;
    }
    outcome.out += escapeForDisplay(policy.name) + std::string(width - policy.name.size(), ' ') + "  " +
                   (policy.broken ? "does not load: " : "") + policy.summary + "\n" + std::string(width, ' ') + "  " +
                   escapeForDisplay(policy.file) + "\n";
  }
  if (policies.empty()) outcome.err = "ringfence: there are no policies; say where with --policy-dir DIR\n";
  return outcome;
}

PolicyOutcome show(const Request& request, const PolicyShelf& shelf) {
  if (request.words.size() > 2) return usage("policy show takes one name or file");
  auto loaded = loadOr(shelf, request.words.size() == 2 ? request.words[1] : kDefaultPolicy, request.form);
  if (auto* end = std::get_if<PolicyOutcome>(&loaded)) return std::move(*end);
  const policy::Loaded& result = std::get<policy::Loaded>(loaded);
  if (request.form == Form::kJson)
    return {.status = 0, .out = policy::renderDocumentJson(result.document) + "\n", .err = {}};
  return {.status = 0,
          .out = "# hash " + policy::documentHash(result.document) + "\n" +
                 policy::renderToml(result.document, request.origins),
          .err = policy::renderText(result.warnings)};
}

void checkOne(const PolicyShelf& shelf, const std::string& word, Form form, PolicyOutcome& outcome) {
  const auto result = shelf.load(word);
  std::vector<Diagnostic> found;
  std::string name;
  int status = 0;
  if (!result) {
    Diagnostic unreadable;
    unreadable.file = word;
    unreadable.message = escapeForDisplay(result.error().message);
    found.push_back(std::move(unreadable));
    status = kFailed;
  } else if (const auto* loaded = std::get_if<policy::Loaded>(&*result)) {
    found = loaded->warnings;
    name = loaded->document.name;
  } else {
    found = std::get<std::vector<Diagnostic>>(*result);
    status = kInvalid;
  }
  outcome.status = std::max(outcome.status, status);
  if (form == Form::kJson) {
    JsonWriter json;
    json.beginObject().untrustedField("checked", word).field("ok", status == 0);
    json.key("diagnostics").raw(policy::renderJson(found)).endObject();
    outcome.out += json.text() + "\n";
    return;
  }
  outcome.err += policy::renderText(found);
  if (status == 0) outcome.out += escapeForDisplay(word) + ": ok\n";
}

PolicyOutcome check(const Request& request, const PolicyShelf& shelf) {
  PolicyOutcome outcome;
  std::vector<std::string> words(request.words.begin() + 1, request.words.end());
  if (words.empty()) {
    for (const policy::Available& policy : policy::available(shelf.sources())) words.push_back(policy.name);
  }
  for (const std::string& word : words) checkOne(shelf, word, request.form, outcome);
  return outcome;
}

using ValuesByKey = std::map<std::string, std::vector<std::string>>;

ValuesByKey valuesOf(const policy::Document& document) {
  ValuesByKey values;
  for (policy::FlatValue& flat : policy::flatten(document)) values[flat.key].push_back(std::move(flat.value));
  return values;
}

std::vector<std::string> without(const std::vector<std::string>& values, const std::vector<std::string>& removed) {
  std::vector<std::string> rest;
  std::ranges::copy_if(values, std::back_inserter(rest),
                       [&](const std::string& value) { return std::ranges::find(removed, value) == removed.end(); });
  return rest;
}

void writeList(JsonWriter& json, const char* name, const std::vector<std::string>& values) {
  json.key(name).beginArray();
  for (const std::string& value : values) json.value(value);
  json.endArray();
}

PolicyOutcome diff(const Request& request, const PolicyShelf& shelf) {
  if (request.words.size() != 3) return usage("policy diff takes two names or files");
  ValuesByKey sides[2];
  for (std::size_t i = 0; i < 2; ++i) {
    auto loaded = loadOr(shelf, request.words[i + 1], request.form);
    if (auto* end = std::get_if<PolicyOutcome>(&loaded)) return std::move(*end);
    sides[i] = valuesOf(std::get<policy::Loaded>(loaded).document);
  }
  ValuesByKey keys = sides[0];
  keys.insert(sides[1].begin(), sides[1].end());
  PolicyOutcome outcome;
  JsonWriter json;
  json.beginObject()
      .untrustedField("a", request.words[1])
      .untrustedField("b", request.words[2])
      .key("changes")
      .beginArray();
  for (const auto& [key, unused] : keys) {
    const auto removed = without(sides[0][key], sides[1][key]);
    const auto added = without(sides[1][key], sides[0][key]);
    if (removed.empty() && added.empty()) continue;
    json.beginObject().field("key", key);
    writeList(json, "removed", removed);
    writeList(json, "added", added);
    json.endObject();
    for (const std::string& value : removed) outcome.out += "- " + key + " = " + value + "\n";
    for (const std::string& value : added) outcome.out += "+ " + key + " = " + value + "\n";
  }
  json.endArray().endObject();
  if (request.form == Form::kJson) outcome.out = json.text() + "\n";
  return outcome;
}

PolicyWorld worldOfProcess() {
  PolicyWorld world;
  if (const char* home = std::getenv("HOME")) world.home = home;
  char directory[PATH_MAX];
  world.workingDirectory = ::getcwd(directory, sizeof directory) == nullptr ? "" : directory;
  world.policyDirectories = {policy::shippedDirectory(), "/etc/ringfence/policies"};
  if (const char* places = std::getenv("RINGFENCE_POLICY_DIR"); places != nullptr && *places != 0) {
    // Several directories as in PATH.
    world.policyDirectories.clear();
    for (std::string_view rest = places; !rest.empty();) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) world.policyDirectories.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  return world;
}

}  // namespace

PolicyOutcome runPolicy(std::span<const std::string> args, const PolicyWorld& world) {
  auto parsed = parse(args);
  if (auto* wrong = std::get_if<PolicyOutcome>(&parsed)) return std::move(*wrong);
  const Request& request = std::get<Request>(parsed);
  if (request.words.empty()) return usage("policy needs one of list, show, check, diff, learn, schema, trust");
  const std::string& verb = request.words.front();
  if (verb != "show" && request.origins == policy::ShowOrigins::kYes) return usage("only policy show takes --origin");
  if ((verb == "list" || verb == "schema") && request.words.size() > 1)
    return usage("policy " + verb + " takes no word: " + escapeForDisplay(request.words[1]));
  if (verb == "schema") return {.status = 0, .out = policy::jsonSchema() + "\n", .err = {}};
  if (verb == "trust") {
    if (request.words.size() != 2) return usage("policy trust takes one file");
    return trustPolicyFile(request.words[1]);
  }
  if (verb == "learn") {
    if (request.words.size() != 2 && request.words.size() != 3)
      return usage("policy learn takes a run, and its policy");
    auto shelf = PolicyShelf::open(request.directories, world);
    if (!shelf) return complaint(kFailed, escapeForDisplay(shelf.error().message));
    PolicyOutcome learnt =
        learnFromRun(request.words[1], request.words.size() == 3 ? request.words[2] : "", *shelf, world);
    if (request.form == Form::kJson && learnt.status == 0) {
      JsonWriter json;
      json.beginObject().untrustedField("run", request.words[1]).untrustedField("policy_text", learnt.out).endObject();
      learnt.out = json.text() + "\n";
    }
    return learnt;
  }
  using Call = PolicyOutcome (*)(const Request&, const PolicyShelf&);
  static constexpr std::pair<std::string_view, Call> kVerbs[] = {
      {"list", list}, {"show", show}, {"check", check}, {"diff", diff}};
  for (const auto& [name, call] : kVerbs) {
    if (name != verb) continue;
    auto shelf = PolicyShelf::open(request.directories, world);
    if (!shelf) return complaint(kFailed, escapeForDisplay(shelf.error().message));
    if (request.projectTrusted) shelf->trustProject();
    return call(request, *shelf);
  }
  const auto nearest = nearestName(verb, {"list", "show", "check", "diff", "learn", "schema", "trust"});
  return usage("policy has no verb " + escapeForDisplay(verb) +
               (nearest ? "; did you mean " + std::string(*nearest) + "?" : ""));
}

int policyCommand(std::span<const std::string> args) {
  const PolicyOutcome outcome = runPolicy(args, worldOfProcess());
  if (!outcome.err.empty()) (void)writeAll(STDERR_FILENO, outcome.err, "stderr");
  // A reader that went away (`| head`) ends us by SIGPIPE; any other failure must not look like success.
  if (!outcome.out.empty() && !writeAll(STDOUT_FILENO, outcome.out, "stdout")) return kFailed;
  return outcome.status;
}

}  // namespace ringfence::cli
