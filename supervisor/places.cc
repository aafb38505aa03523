#include "supervisor/places.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sdk/base/io.h"

namespace ringfence::supervisor {
namespace {

Result<void> makeParents(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string parent = path.substr(0, at);
    if (::mkdir(parent.c_str(), 0755) < 0 && errno != EEXIST) return posixError(errno, "making " + parent);
  }
  return {};
}

// Ours alone: whoever could write here could put a socket or a log of their own in place.
Result<void> makeOwned(const std::string& path, mode_t mode) {
  RF_TRY(makeParents(path));
  if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) return posixError(errno, "making " + path);
  const UniqueFd directory = RF_TRY(openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat about {};
  if (::fstat(directory.get(), &about) < 0) return posixError(errno, "looking at " + path);
  if (about.st_uid != ::geteuid()) {
    return Error{ErrorCode::kDenied,
                 path + " belongs to uid " + std::to_string(about.st_uid) + "; it must belong to the daemon's"};
  }
  if (::fchmod(directory.get(), mode) < 0) return posixError(errno, "setting the mode of " + path);
  return {};
}

}  // namespace

Result<Places> preparePlaces(const Config& config) {
  RF_TRY(makeOwned(config.runDir, 0755));
  RF_TRY(makeOwned(config.stateDir, 0700));
  Places places{{},
                config.runDir + "/control.sock",
                config.runDir + "/metrics.sock",
                config.runDir + "/launcher.sock",
                config.runDir + "/stop.sock",
                config.stateDir + "/log.db",
                config.stateDir + "/output",
                config.stateDir + "/reserve"};
  RF_TRY(makeOwned(places.outputDir, 0700));
  places.lock = RF_TRY(openAt(AT_FDCWD, config.stateDir + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::flock(places.lock.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return posixError(errno, "locking " + config.stateDir);
    return Error{ErrorCode::kBusy,
                 config.stateDir + " is in use by another ringfenced; choose another --state-dir or stop that one"};
  }
  return places;
}

}  // namespace ringfence::supervisor
