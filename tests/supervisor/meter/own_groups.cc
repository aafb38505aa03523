#include "tests/supervisor/meter/own_groups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>

#include "sdk/base/io.h"

namespace ringfence::test {
namespace {

const std::set<std::string> kControllers{"cpu", "cpuacct", "memory", "pids", "io"};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

}  // namespace

Result<void> OwnGroups::findMounts() {
  std::ifstream file("/proc/self/mounts");
  for (std::string line; std::getline(file, line);) {
    const auto words = split(line, ' ');
    if (words.size() < 4) continue;
    if (words[2] == "cgroup") {
      for (const std::string& option : split(words[3], ',')) {
        const std::string controller = option == "blkio" ? "io" : option;
        if (kControllers.contains(controller)) mounts_[controller] = {words[1], 1};
      }
    } else if (words[2] == "cgroup2" && !mounts_.contains("unified")) {
      mounts_["unified"] = {words[1], 2};
    }
  }
  if (!mounts_.contains("unified")) return Error{ErrorCode::kUnsupported, "no cgroup2 file system is mounted"};
  const std::string unified = mounts_["unified"].path;
  const std::string available = RF_TRY(readFileAt(AT_FDCWD, unified + "/cgroup.controllers", kibibytes(4)));
  for (const std::string& controller : split(available.substr(0, available.find('\n')), ' ')) {
    if (!kControllers.contains(controller)) continue;
    mounts_[controller] = {unified, 2};
    RF_TRY(writeFileAt(AT_FDCWD, unified + "/cgroup.subtree_control", "+" + controller));
  }
  return {};
}

Result<OwnGroups> OwnGroups::make(const std::string& name) {
  OwnGroups groups(name);
  RF_TRY(groups.findMounts());
  for (const auto& [controller, mount] : groups.mounts_) {
    const std::string path = mount.path + "/" + name;
    if (std::find(groups.made_.begin(), groups.made_.end(), path) != groups.made_.end()) continue;
    if (mkdir(path.c_str(), 0755) != 0) return posixError(errno, "making " + path);
    groups.made_.push_back(path);
    if (mkdir((path + "/agent").c_str(), 0755) != 0) return posixError(errno, "making " + path + "/agent");
  }
  return groups;
}

OwnGroups::~OwnGroups() {
  for (const std::string& path : made_) {
    for (const std::string& group : {path + "/agent", path}) {
      for (int i = 0; i < 2000 && rmdir(group.c_str()) != 0 && errno == EBUSY; ++i) usleep(5000);
    }
  }
}

bool OwnGroups::joinAsChild() const {
  return std::all_of(made_.begin(), made_.end(), [](const std::string& path) {
    return writeFileAt(AT_FDCWD, path + "/agent/cgroup.procs", "0").has_value();
  });
}

supervisor::GroupMeter OwnGroups::meter() const {
  std::map<std::string, UniqueFd> open;
  const auto place = [&](const std::string& controller) {
    const auto mount = mounts_.find(controller);
    if (mount == mounts_.end()) return supervisor::GroupPlace{};
    UniqueFd& fd = open[controller];
    fd.reset(::open(top(controller).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return supervisor::GroupPlace{fd.get(), mount->second.version};
  };
  return supervisor::GroupMeter({place("cpu"), place("memory"), place("pids"), place("io"), place("unified")});
}

supervisor::GroupMeter OwnGroups::cpuacctMeter() const {
  const UniqueFd fd(::open(top("cpuacct").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return supervisor::GroupMeter({.cpu = {fd.get(), 1}});
}

}  // namespace ringfence::test
