#include "sandbox/launcher/own_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sdk/base/group_names.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {

Result<OwnGroup> OwnGroup::enter(const std::string& unifiedMount, const std::string& name) {
  std::string path = unifiedMount + "/" + name + kLauncherGroup;
  // Children of a launcher that was killed take a moment to be gone.
  for (int tries = 0; ::rmdir(path.c_str()) != 0 && errno == EBUSY && tries < 100; ++tries) ::usleep(2000);
  if (::access(path.c_str(), F_OK) == 0) path += "-" + std::to_string(::getpid());
  if (::mkdir(path.c_str(), 0755) != 0) return posixError(errno, "making the control group " + path);
  OwnGroup group(unifiedMount, path);
  RF_TRY(writeFileAt(AT_FDCWD, path + "/cgroup.procs", "0"));
  return group;
}

OwnGroup::~OwnGroup() {
  if (path_.empty()) return;
  // On the way out nobody is left to tell: the next launcher removes what stays.
  (void)writeFileAt(AT_FDCWD, mount_ + "/cgroup.procs", "0");
  (void)::rmdir(path_.c_str());
}

}  // namespace ringfence::sandbox
