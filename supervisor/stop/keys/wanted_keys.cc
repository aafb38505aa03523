#include "supervisor/stop/keys/wanted_keys.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "sdk/base/io.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr Bytes kMaxWantedKeysFile{16 << 10};
constexpr std::string_view kNone = "off\n";

}  // namespace

Result<WantedKeys> readWantedKeys(const std::string& stateDirectory) {
  auto text = readFileAt(AT_FDCWD, stateDirectory + "/" + kWantedKeysFile, kMaxWantedKeysFile);
  if (!text && text.error().sysErrno == ENOENT) return WantedKeys{};
  RF_TRY(text);
  if (*text == kNone) return WantedKeys{.areWatched = false, .triggers = {}};
  WantedKeys wanted;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    if (end > begin) wanted.triggers.push_back(text->substr(begin, end - begin));
    begin = end + 1;
  }
  return wanted;
}

Result<void> writeWantedKeys(const std::string& stateDirectory,
                             const std::optional<std::vector<std::string>>& stopKeys) {
  const std::string file = stateDirectory + "/" + kWantedKeysFile, fresh = file + ".new";
  if (!stopKeys) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return posixError(errno, "removing " + file);
    return {};
  }
  std::string text = stopKeys->empty() ? std::string(kNone) : "";
  for (const std::string& trigger : *stopKeys) {
    if (trigger.empty() || trigger.find('\n') != trigger.npos)
      return Error{ErrorCode::kInvalid, "stop_keys: a trigger is one line of text"};
    text += trigger + "\n";
  }
  const UniqueFd made = RF_TRY(openAt(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  RF_TRY(writeAll(made.get(), text, fresh));
  if (::rename(fresh.c_str(), file.c_str()) != 0) return posixError(errno, "renaming " + fresh);
  return {};
}

}  // namespace ringfence::supervisor::stop
