#include "sandbox/plan/refusals.h"

#include <array>
#include <string_view>

#include "sandbox/plan/grants.h"
#include "sandbox/plan/never_given.h"
#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

// As a whole too much; folders below may be granted.
constexpr std::array<std::string_view, 3> kNeverWhole = {"/", "/etc", "/tmp"};
constexpr std::array<std::string_view, 15> kNoWorkspace = {"/bin",    "/home",  "/lib", "/lib32", "/lib64",
                                                           "/libx32", "/media", "/mnt", "/opt",   "/root",
                                                           "/sbin",   "/srv",   "/usr", "/var",   "/var/tmp"};
// Settings and keys of the person: what is written there runs later, outside.
constexpr std::array<std::string_view, 10> kNoWorkspaceInHome = {
    ".ssh", ".gnupg", ".aws", ".kube", ".docker", ".config", ".local", ".cache", ".mozilla", ".ringfence"};

Error refuse(ErrorCode code, const std::string& what, const std::string& path, const std::string& why) {
  return Error{code, what + " " + escapeForDisplay(path) + ": " + why};
}

enum class Below { kRefused, kMasked };  // what belongs to Ringfence and lies below the path

Result<void> checkPlace(const std::string& what, const std::string& path, Below below, const LaunchRequest& request) {
  if (!isNormalPath(path)) {
    return refuse(ErrorCode::kInvalid, what, path, "is no absolute path without \"..\", \".\" and control characters");
  }
  if (const std::string_view place = neverGiven(path); !place.empty())
    return refuse(ErrorCode::kDenied, what, path, std::string(place) + " of the host is never given to a run");
  for (const std::string_view place : kNeverWhole) {
    if (path == place) {
      return refuse(ErrorCode::kDenied, what, path, "is never given as a whole; name a directory below it");
    }
  }
  for (const std::string& place : request.protectedPaths) {
    if (isWithin(path, place) || (below == Below::kRefused && isWithin(place, path))) {
      return refuse(ErrorCode::kDenied, what, path, "would show " + place + ", which belongs to Ringfence itself");
    }
  }
  // Paths come as the kernel names them, also where /home itself is a link.
  const std::string home = throughRootLinks(request, request.caller.home);
  if (isNormalPath(home) && home != "/" && isWithin(home, path)) {
    return refuse(ErrorCode::kDenied, what, path,
                  "holds the whole home directory; pick a folder below " + escapeForDisplay(home));
  }
  return {};
}

}  // namespace

Result<void> checkWorkspace(const std::string& path, const LaunchRequest& request) {
  RF_TRY(checkPlace("workspace", path, Below::kRefused, request));
  for (const std::string_view place : kNoWorkspace) {
    if (path == place) {
      return refuse(ErrorCode::kDenied, "workspace", path, "is a directory of the system; pick a folder below");
    }
  }
  if (isWithin(path, "/etc")) {
    return refuse(ErrorCode::kDenied, "workspace", path, "/etc is made new for every run; pick a folder elsewhere");
  }
  for (const std::string_view name : kNoWorkspaceInHome) {
    if (path == throughRootLinks(request, joinPath(request.caller.home, name))) {
      return refuse(ErrorCode::kDenied, "workspace", path,
                    "holds settings or keys that work outside; pick a folder of a project");
    }
  }
  return {};
}

Result<void> checkGrant(const std::string& what, const std::string& path, Access access, const LaunchRequest& request) {
  // Shipped policies are below /usr: what may only be read is granted without them.
  const Below below = access == Access::kReadOnly ? Below::kMasked : Below::kRefused;
  RF_TRY(checkPlace(what, path, below, request));
  if (access == Access::kReadWrite && isWithin(path, "/etc")) {
    return refuse(ErrorCode::kDenied, what, path, "/etc is never writable for a run");
  }
  return {};
}

}  // namespace ringfence::sandbox
