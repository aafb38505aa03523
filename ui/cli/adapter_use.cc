#include "ui/cli/adapter_use.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(between)) + escapeForDisplay(word);
  return text;
}

std::string line(std::string_view name, const std::string& text) {
  return "  " + std::string(name) + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') + text + "\n";
}

void writeList(JsonWriter& json, std::string_view name, const std::vector<std::string>& words) {
  json.key(name).beginArray();
  for (const std::string& word : words) json.value(word);
  json.endArray();
}

std::uint32_t signalNumber(std::string_view name) {
  if (name == "HUP") return SIGHUP;
  if (name == "INT") return SIGINT;
  return name == "QUIT" ? SIGQUIT : SIGTERM;
}

std::string settingsOf(const policy::Adapter& adapter, const std::string& hook) {
  JsonWriter json;
  json.beginObject().field("adapter", adapter.name).key("files").beginArray();
  for (const policy::AdapterFile& file : adapter.files)
    json.beginObject().field("path", file.path).key("merge").raw(policy::withHook(file.merge, hook)).endObject();
  json.endArray().endObject();
  return std::move(json).take();
}

}  // namespace

Result<std::optional<AdapterChoice>> chooseAdapter(const AdapterShelf& shelf, const std::string& named,
                                                   const client::RunRequest& request) {
  std::optional<AdapterChoice> choice;
  if (named == "none") return choice;
  if (named.empty()) {
    for (const policy::Adapter& adapter : shelf.adapters) {
      const auto place = policy::placeOfAgent(adapter, request.argv, request.executable);
      if (!place) continue;
      choice = AdapterChoice{adapter, place};
      break;
    }
    return choice;
  }
  if (const policy::Adapter* adapter = shelf.find(named)) {
    choice = AdapterChoice{*adapter, policy::placeOfAgent(*adapter, request.argv, request.executable)};
    return choice;
  }
  if (const BrokenAdapter* broken = shelf.findBroken(named))
    return Error{ErrorCode::kInvalid, policy::renderText(broken->diagnostics), 0};
  std::vector<std::string> names;
  for (const policy::Adapter& adapter : shelf.adapters) names.push_back(adapter.name);
  return Error{ErrorCode::kNotFound,
               "there is no adapter '" + escapeForDisplay(named) + "'" +
                   (names.empty() ? "" : "; there are " + joined(names, ", ") + ", and none"),
               0};
}

void applyAdapter(const AdapterChoice& choice, const std::string& hook, client::RunRequest& request) {
  const policy::Adapter& adapter = choice.adapter;
  if (choice.place) {
    request.argv.insert(request.argv.begin() + static_cast<std::ptrdiff_t>(*choice.place) + 1,
                        adapter.arguments.begin(), adapter.arguments.end());
  }
  for (const auto& [name, value] : adapter.environment) {
    const bool isSet = std::ranges::find(request.extraEnvironment, name, &std::pair<std::string, std::string>::first) !=
                       request.extraEnvironment.end();
    if (!isSet) request.extraEnvironment.emplace_back(name, value);
  }
  client::AdapterUse use;
  use.name = adapter.name;
  if (adapter.hook) {
    use.speaks = adapter.hook->events;
    use.silentAfterSec = static_cast<std::uint32_t>(adapter.hook->silentAfterSec);
  }
  if (adapter.stop) {
    use.stopSignal = signalNumber(adapter.stop->signal);
    use.stopPatienceSec = static_cast<std::uint32_t>(adapter.stop->patienceSec);
  }
  if (!adapter.files.empty()) {
    use.start = hook;
    use.settings = settingsOf(adapter, hook);
  }
  request.adapter = std::move(use);
}

std::string describeAdapter(const AdapterChoice& choice, const client::RunRequest& request) {
  const policy::Adapter& adapter = choice.adapter;
  std::string text = "adapter " + adapter.name + " (" + escapeForDisplay(adapter.file) + ")\n";
  if (choice.place)
    text += line("known by", escapeForDisplay(request.argv[*choice.place]));
  else
    text += line("known by", "--adapter alone: no word of the command is known to be the agent");
  if (!adapter.arguments.empty() && choice.place) text += line("arguments", joined(adapter.arguments, " "));
  if (!adapter.arguments.empty() && !choice.place)
    text += line("arguments", "left out: nobody knows where they would belong");
  for (const auto& [name, value] : adapter.environment)
    text += line("environment", escapeForDisplay(name + "=" + value));
  for (const policy::AdapterFile& file : adapter.files)
    text += line("file", "~/" + escapeForDisplay(file.path) + ", in the private home, merged with " +
                             escapeForDisplay(file.merge));
  if (adapter.hook) {
    text += line("heard by", joined(adapter.hook->events, ", "));
    text += line("silent", "an alarm after " + formatDuration(std::chrono::seconds(adapter.hook->silentAfterSec)) +
                               " of work without");
  }
  if (adapter.stop)
    text += line("stopped by", "SIG" + adapter.stop->signal + ", killed " +
                                   formatDuration(std::chrono::seconds(adapter.stop->patienceSec)) + " later");
  return text;
}

std::string adapterJson(const policy::Adapter& adapter) {
  JsonWriter json;
  json.beginObject().field("name", adapter.name).untrustedField("file", adapter.file).field("summary", adapter.summary);
  json.key("match").beginObject();
  writeList(json, "programs", adapter.programs);
  writeList(json, "scripts", adapter.scripts);
  writeList(json, "packages", adapter.packages);
  json.endObject();
  writeList(json, "arguments", adapter.arguments);
  json.key("environment").beginObject();
  for (const auto& [name, value] : adapter.environment) json.field(name, value);
  json.endObject().key("files").beginArray();
  for (const policy::AdapterFile& file : adapter.files)
    json.beginObject().field("path", file.path).key("merge").raw(file.merge).endObject();
  json.endArray();
  writeList(json, "credentials", adapter.credentials);
  json.key("hook");
  if (adapter.hook) {
    json.beginObject();
    writeList(json, "events", adapter.hook->events);
    json.field("silent_after_seconds", adapter.hook->silentAfterSec).endObject();
  } else {
    json.null();
  }
  json.key("stop");
  if (adapter.stop) {
    json.beginObject().field("signal", adapter.stop->signal);
    json.field("patience_seconds", adapter.stop->patienceSec).endObject();
  } else {
    json.null();
  }
  json.endObject();
  return std::move(json).take();
}

std::string findHook() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0) return {};
  std::string here(self, static_cast<std::size_t>(length));
  here.resize(here.rfind('/') + 1);
  for (const char* place : {"ringfence-hook", "../libexec/ringfence/ringfence-hook"}) {
    char real[PATH_MAX];
    if (::realpath((here + place).c_str(), real) != nullptr && ::access(real, X_OK) == 0) return real;
  }
  return {};
}

}  // namespace ringfence::cli
