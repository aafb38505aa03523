#include "sdk/hook/import.h"

#include <optional>
#include <utility>

#include "sdk/base/text.h"
#include "sdk/hook/home_file.h"

namespace ringfence::hook {

Result<void> importFile(const std::string& home, std::string_view path, std::string_view text, Present present,
                        std::string& said) {
  auto parts = partsBelowHome(path);
  if (!parts) return Error{ErrorCode::kInvalid, escapeForDisplay(path) + " is no path below the home", 0};
  if (text.empty()) return Error{ErrorCode::kInvalid, "there is nothing in it", 0};
  if (text.size() > kMaxHomeFile.count) return Error{ErrorCode::kInvalid, "it is larger than 1 MiB", 0};
  HomeFile file = RF_TRY(HomeFile::reach(home, *std::move(parts), said));
  const std::optional<std::string> there = RF_TRY(file.read());
  if (there && present == Present::kRefuse)
    return Error{ErrorCode::kBusy, file.shown() + " is there already; --again replaces it", 0};
  return file.replace(text);
}

}  // namespace ringfence::hook
