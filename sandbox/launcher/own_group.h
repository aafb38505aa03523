// The launcher's own control group: fresh, because what is cloned from a group that was ever killed is killed at once,
// and beside the branches, because those are frozen and idle.
#pragma once

#include <string>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

class OwnGroup {
 public:
  // Makes NAME-launcher in the v2 hierarchy (NAME-launcher-PID while a dying launcher is still in the first) and enters
  // it.
  static Result<OwnGroup> enter(const std::string& unifiedMount, const std::string& name);
  OwnGroup(OwnGroup&& other) noexcept : mount_(std::move(other.mount_)), path_(std::exchange(other.path_, {})) {}
  OwnGroup& operator=(OwnGroup&&) = delete;
  // Leaves and removes it; a launcher that is killed leaves it to its successor.
  ~OwnGroup();

 private:
  OwnGroup(std::string mount, std::string path) : mount_(std::move(mount)), path_(std::move(path)) {}
  std::string mount_;
  std::string path_;
};

}  // namespace ringfence::sandbox
