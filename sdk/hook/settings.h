// What an adapter wants in a settings file of its agent, put on top of what is there: everything else in it stays, and
// what is there already is not written again. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::hook {

inline constexpr std::size_t kMaxSettingsFiles = 8;

struct WantedFile {
  std::vector<std::string> parts;  // of its path below the home; never empty, none of them "." or ".."
  nlohmann::ordered_json merge;    // an object
};
struct Wanted {
  std::string adapter;
  std::vector<WantedFile> files;
};

// What the client says in RINGFENCE_ADAPTER. Fails with kInvalid.
Result<Wanted> readWanted(std::string_view text);

// The new text of the file; nothing: it is as it should be. Objects are merged, and a value of `merge` takes the place
// of the one that is there. Of a list the entries of `merge` are added that are not in it, and entries that call
// ringfence-hook in another way than these are taken out. Comments are not kept where something changes. Fails with
// kInvalid for a text that is no JSON object within the bounds of an event (sdk/hook/event.h).
Result<std::optional<std::string>> mergedSettings(std::string_view present, const nlohmann::ordered_json& merge);

}  // namespace ringfence::hook
