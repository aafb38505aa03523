#include "ui/cli/adapter_import.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "ui/cli/adapter_imports.h"
#include "ui/cli/adapter_use.h"
#include "ui/cli/commands.h"
#include "ui/cli/own_folder.h"

namespace ringfence::cli {
namespace {

constexpr Bytes kMaxCredential = mebibytes(1);

struct Found {
  std::string path;  // below the home
  std::string text;
};

// Those that are there, in the adapter's order.
Result<std::vector<Found>> readCredentials(const policy::Adapter& adapter, const std::string& home) {
  std::vector<Found> found;
  for (const std::string& path : adapter.credentials) {
    auto text = readFileAt(AT_FDCWD, home + "/" + path, kMaxCredential);
    if (!text && (text.error().sysErrno == ENOENT || text.error().sysErrno == ENOTDIR)) continue;
    if (!text) return std::move(text).error();
    if (!text->empty()) found.push_back({path, *std::move(text)});
  }
  return found;
}

bool isAgreed() {
  (void)std::fputs("Import? [y/N] ", stderr);
  char answer[16] = {};
  return std::fgets(answer, sizeof answer, stdin) != nullptr && (answer[0] == 'y' || answer[0] == 'Y');
}

// The file reaches the run as its input, and is written by ringfence-hook in there.
int importOne(const Found& one, const std::string& adapter, const std::string& folder, const Parsed& parsed) {
  const auto input = sealedMemfd("ringfence-import", one.text);
  if (!input || ::dup2(input->get(), STDIN_FILENO) < 0) {
    complain("handing over ~/" + escapeForDisplay(one.path) + ": " +
             (input ? posixError(errno, "the standard input").message : input.error().message));
    return kExitFailed;
  }
  Parsed run;
  run.verb = findVerb("run");
  run.options = {{"workspace", folder}, {"adapter", "none"}, {"name", "import-" + adapter}, {"unattended", ""}};
  if (const auto policy = parsed.value("policy")) run.options.emplace_back("policy", *policy);
  run.words = {findHook(), "import", one.path};
  if (parsed.has("again")) run.words.emplace_back("--again");
  return runCommand(run);
}

std::string homeOf(const Parsed& parsed) {
  return "the private home of policy " + escapeForDisplay(parsed.value("policy").value_or("coding"));
}

}  // namespace

int importCredentials(const policy::Adapter& adapter, const Parsed& parsed) {
  const Form form = formOf(parsed);
  if (adapter.credentials.empty()) {
    complain("adapter " + adapter.name + " names no [[credential]]: nobody knows where its login is");
    return kExitFailed;
  }
  const char* home = std::getenv("HOME");
  const auto found = readCredentials(adapter, home != nullptr ? home : "");
  if (!found) return fail(found.error(), form);
  if (found->empty()) {
    std::string paths;
    for (const std::string& path : adapter.credentials) paths += (paths.empty() ? "~/" : ", ~/") + path;
    complain("there is no login of " + adapter.name + " here (" + escapeForDisplay(paths) +
             "); log in outside first, or in a run: its private home keeps it");
    return kExitFailed;
  }
  if (findHook().empty()) {
    complain("ringfence-hook is not installed beside this program");
    return kExitFailed;
  }
  std::string words = "import into " + homeOf(parsed) + ":\n";
  for (const Found& one : *found)
    words += "  ~/" + escapeForDisplay(one.path) + "  " + formatBytesOrDash(one.text.size()) + "\n";
  complain(words +
           "Every run of yours under that policy can then read it, change it, and send it to where the policy "
           "lets it connect.");
  if (!parsed.has("yes") && ::isatty(STDIN_FILENO) != 1) {
    complain("nobody is asked here; --yes imports it");
    return kExitUsage;
  }
  if (!parsed.has("yes") && !isAgreed()) return kExitFailed;
  const OwnFolder folder("import");
  if (!folder.fd) return fail(posixError(errno, "making a folder for the run"), form);
  for (const Found& one : *found) {
    const int status = importOne(one, adapter.name, folder.path, parsed);
    if (status != kExitOk) {
      complain("~/" + escapeForDisplay(one.path) + " was not imported");
      return status;
    }
    if (form == Form::kText) printLine("imported ~/" + escapeForDisplay(one.path) + " into " + homeOf(parsed));
  }
  return form == Form::kJson ? printImported(parsed) : kExitOk;
}

int printImported(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto begun = client->beginLog("", 0, false, Microseconds{});
  if (const auto* failure = std::get_if<client::Failure>(&begun)) return fail(*failure, form);
  ImportHistory history;
  for (;;) {
    const auto answer = client->nextLogLine();
    if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
    const auto& line = std::get<std::optional<client::LogLine>>(answer);
    if (!line) break;
    history.note(*line);
  }
  if (form == Form::kText) print(importsTable(history.imports()));
  if (form == Form::kJson)
    for (const Import& one : history.imports()) printLine(importJson(one));
  return kExitOk;
}

}  // namespace ringfence::cli
