// `ringfence adapter …`: which agents are known, whether a file is an adapter, and what was imported of their logins.
// But for these needs no daemon.
#include <cstdlib>

#include "policy/read_sources.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/adapter_import.h"
#include "ui/cli/adapter_shelf.h"
#include "ui/cli/adapter_use.h"
#include "ui/cli/commands.h"

namespace ringfence::cli {
namespace {

std::string homeOfCaller() {
  const char* home = std::getenv("HOME");
  return home != nullptr ? home : "";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + escapeForDisplay(word);
  return text;
}

int list(const AdapterShelf& shelf, Form form) {
  for (const policy::Adapter& adapter : shelf.adapters) {
    if (form == Form::kJson)
      printLine(adapterJson(adapter));
    else
      printLine(adapter.name + std::string(adapter.name.size() < 10 ? 10 - adapter.name.size() : 1, ' ') +
                adapter.summary + "\n          " + escapeForDisplay(adapter.file));
  }
  for (const BrokenAdapter& broken : shelf.broken) {
    if (form == Form::kText) {
      complain(escapeForDisplay(broken.file) + " does not load: see 'ringfence adapter check'");
      continue;
    }
    JsonWriter json;
    json.beginObject().untrustedField("name", broken.name).untrustedField("file", broken.file);
    json.key("diagnostics").raw(policy::renderJson(broken.diagnostics)).endObject();
    printLine(json.text());
  }
  if (shelf.adapters.empty() && shelf.broken.empty())
    complain("there are no adapters in " + joined(adapterDirectories(homeOfCaller())));
  return kExitOk;
}

int refuse(const std::vector<policy::Diagnostic>& diagnostics, Form form) {
  if (form == Form::kJson)
    printLine("{\"diagnostics\":" + policy::renderJson(diagnostics) + "}");
  else
    complain("it does not load\n" + policy::renderText(diagnostics));
  return kExitPolicyInvalid;
}

// `use` is what to do with the adapter of that name.
template <typename Use>
int withAdapter(const AdapterShelf& shelf, const std::string& name, Form form, Use use) {
  if (const BrokenAdapter* broken = shelf.findBroken(name)) return refuse(broken->diagnostics, form);
  if (const policy::Adapter* adapter = shelf.find(name)) return use(*adapter);
  complain("there is no adapter '" + escapeForDisplay(name) + "'; 'ringfence adapter list' has those that are");
  return kExitFailed;
}

int show(const policy::Adapter& adapter, Form form) {
  if (form == Form::kJson) {
    printLine(adapterJson(adapter));
    return kExitOk;
  }
  auto text = policy::readSource(adapter.file, policy::Links::kFollow);
  if (!text) return fail(text.error(), form);
  print("# " + escapeForDisplay(adapter.file) + "\n" + escapeLines(text->text));
  return kExitOk;
}

int tell(const std::string& what, const std::vector<policy::Diagnostic>& diagnostics, Form form) {
  const bool ok = diagnostics.empty();
  if (form == Form::kJson) {
    JsonWriter json;
    json.beginObject().untrustedField("checked", what).field("ok", ok);
    json.key("diagnostics").raw(policy::renderJson(diagnostics)).endObject();
    printLine(json.text());
  } else if (ok) {
    printLine(escapeForDisplay(what) + ": ok");
  } else {
    complain(escapeForDisplay(what) + " is no adapter\n" + policy::renderText(diagnostics));
  }
  return ok ? kExitOk : kExitPolicyInvalid;
}

int checkFile(const std::string& file, Form form) {
  const auto text = policy::readSource(file, policy::Links::kFollow);
  if (!text) return fail(text.error(), form);
  const auto read = policy::decodeAdapter(*text);
  const auto* wrong = std::get_if<std::vector<policy::Diagnostic>>(&read);
  return tell(file, wrong != nullptr ? *wrong : std::vector<policy::Diagnostic>(), form);
}

int checkAll(const AdapterShelf& shelf, Form form) {
  int status = kExitOk;
  for (const policy::Adapter& adapter : shelf.adapters) (void)tell(adapter.file, {}, form);
  for (const BrokenAdapter& broken : shelf.broken) status = tell(broken.file, broken.diagnostics, form);
  return status;
}

}  // namespace

int adapterCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  const std::string verb = parsed.words.empty() ? "list" : parsed.words[0];
  const std::string word = parsed.words.size() > 1 ? parsed.words[1] : "";
  for (const char* option : {"policy", "again", "yes"}) {
    if (verb == "import" || !parsed.has(option)) continue;
    complain(std::string("only adapter import takes --") + option + "; see 'ringfence adapter --help'");
    return kExitUsage;
  }
  if (verb == "imported" && word.empty()) return printImported(parsed);
  if (verb == "check" && (word.find('/') != word.npos || word.ends_with(".toml"))) return checkFile(word, form);
  const AdapterShelf shelf = readAdapters(homeOfCaller());
  if (verb == "list" && word.empty()) return list(shelf, form);
  const auto showIt = [&](const policy::Adapter& adapter) { return show(adapter, form); };
  if (verb == "show" && !word.empty()) return withAdapter(shelf, word, form, showIt);
  if (verb == "import" && !word.empty())
    return withAdapter(shelf, word, form,
                       [&](const policy::Adapter& adapter) { return importCredentials(adapter, parsed); });
  if (verb == "check" && word.empty()) return checkAll(shelf, form);
  if (verb == "check") {
    if (const BrokenAdapter* broken = shelf.findBroken(word)) return tell(broken->file, broken->diagnostics, form);
    if (const policy::Adapter* adapter = shelf.find(word)) return tell(adapter->file, {}, form);
    return withAdapter(shelf, word, form, showIt);
  }
  complain(
      "adapter takes list, show NAME, check [NAME|FILE], import NAME, or imported; see 'ringfence adapter --help'");
  return kExitUsage;
}

}  // namespace ringfence::cli
