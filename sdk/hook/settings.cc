#include "sdk/hook/settings.h"

#include <algorithm>
#include <utility>

#include "sdk/hook/event.h"
#include "sdk/hook/home_file.h"

namespace ringfence::hook {
namespace {

using nlohmann::ordered_json;

constexpr char kProgram[] = "ringfence-hook";

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

// One entry of a list of what an agent calls, which calls us.
bool isCallOfOurs(const ordered_json& entry) {
  if (!entry.is_object()) return false;
  const auto command = entry.find("command");
  return command != entry.end() && command->is_string() &&
         command->get_ref<const std::string&>().find(kProgram) != std::string::npos;
}

// Takes calls of ours out of what is there, at any depth; true: nothing else was in it. The depth is bounded by whoever
// read it.
bool prune(ordered_json& there) {
  if (isCallOfOurs(there)) return true;
  if (there.is_array()) {
    if (there.empty()) return false;
    const auto left = std::remove_if(there.begin(), there.end(), [](ordered_json& entry) { return prune(entry); });
    there.erase(left, there.end());
    return there.empty();
  }
  bool isEmptied = false;
  if (there.is_object()) {
    for (auto& [name, value] : there.items()) isEmptied = prune(value) || isEmptied;
  }
  return isEmptied;
}

void mergeList(ordered_json& there, const ordered_json& wanted) {
  const auto isWanted = [&](const ordered_json& entry) {
    return std::find(wanted.begin(), wanted.end(), entry) != wanted.end();
  };
  const auto left =
      std::remove_if(there.begin(), there.end(), [&](ordered_json& entry) { return !isWanted(entry) && prune(entry); });
  there.erase(left, there.end());
  for (const ordered_json& entry : wanted) {
    if (std::find(there.begin(), there.end(), entry) == there.end()) there.push_back(entry);
  }
}

void merge(ordered_json& there, const ordered_json& wanted) {
  if (there.is_array() && wanted.is_array()) return mergeList(there, wanted);
  if (!there.is_object() || !wanted.is_object()) {
    there = wanted;
    return;
  }
  for (const auto& [name, value] : wanted.items()) {
    if (there.contains(name))
      merge(there[name], value);
    else
      there[name] = value;
  }
}

Result<WantedFile> wantedFile(const ordered_json& entry) {
  if (!entry.is_object() || !entry.contains("path") || !entry["path"].is_string() || !entry.contains("merge") ||
      !entry["merge"].is_object()) {
    return invalid("a file of the adapter has no path, or nothing to merge");
  }
  auto parts = partsBelowHome(entry["path"].get<std::string>());
  if (!parts) return invalid("a file of the adapter is not below the home");
  return WantedFile{*std::move(parts), entry["merge"]};
}

}  // namespace

Result<Wanted> readWanted(std::string_view text) {
  RF_TRY(checkObject(text, "the adapter", Comments::kRefuse));
  const ordered_json object = ordered_json::parse(text.begin(), text.end(), nullptr, false);
  Wanted wanted;
  if (const auto name = object.find("adapter"); name != object.end() && name->is_string())
    wanted.adapter = name->get<std::string>();
  const auto files = object.find("files");
  if (wanted.adapter.empty() || files == object.end() || !files->is_array() || files->size() > kMaxSettingsFiles)
    return invalid("the adapter has no name, or no list of files");
  for (const ordered_json& entry : *files) {
    WantedFile file = RF_TRY(wantedFile(entry));
    wanted.files.push_back(std::move(file));
  }
  return wanted;
}

Result<std::optional<std::string>> mergedSettings(std::string_view present, const ordered_json& wanted) {
  ordered_json settings = ordered_json::object();
  const bool isBlank = present.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (!isBlank) {
    RF_TRY(checkObject(present, "it", Comments::kAllow));
    settings = ordered_json::parse(present.begin(), present.end(), nullptr, false, true);
  }
  ordered_json merged = settings;
  merge(merged, wanted);
  if (!isBlank && merged == settings) return std::optional<std::string>();
  return std::optional(merged.dump(2) + "\n");
}

}  // namespace ringfence::hook
