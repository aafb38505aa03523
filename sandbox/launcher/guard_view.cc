#include "sandbox/launcher/guard_view.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <vector>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/mounts.h"
#include "sandbox/kernel/nodes.h"
#include "sandbox/launcher/name_files.h"
#include "sandbox/plan/egress_files.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kAttributes =
    abi::kMountAttrReadOnly | abi::kMountAttrNoSuid | abi::kMountAttrNoDev | abi::kMountAttrNoExec;

// Those that a distribution lacks are left out.
constexpr const char* kTrustPaths[] = {"/etc/ssl/certs",
                                       "/etc/ssl/cert.pem",
                                       "/etc/pki/tls/certs",
                                       "/etc/pki/ca-trust/extracted",
                                       "/usr/share/ca-certificates",
                                       "/usr/local/share/ca-certificates"};

struct Copy {
  const char* path;  // inside
  UniqueFd tree;
  bool isDirectory;
};

// Where a path leads to, whatever links are on the way: it is root's own configuration.
Result<std::vector<Copy>> copyHostFiles(const std::string& names) {
  std::vector<Copy> copies;
  const UniqueFd directory = RF_TRY(openAt(AT_FDCWD, names, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  UniqueFd files = RF_TRY(cloneTree(directory.get(), names));
  RF_TRY(setTreeAttributes(files.get(), {kAttributes, -1}, names));
  copies.push_back({kNameFilesOfEgress, std::move(files), true});
  for (const char* path : kTrustPaths) {
    auto object = openAt(AT_FDCWD, path, O_PATH);
    if (!object && (object.error().sysErrno == ENOENT || object.error().sysErrno == ENOTDIR)) continue;
    if (!object) return std::move(object).error();
    struct stat status {};
    if (::fstat(object->get(), &status) != 0) return posixError(errno, std::string("looking at ") + path);
    UniqueFd tree = RF_TRY(cloneTree(object->get(), path));
    RF_TRY(setTreeAttributes(tree.get(), {kAttributes, -1}, path));
    copies.push_back({path, std::move(tree), S_ISDIR(status.st_mode)});
  }
  return copies;
}

}  // namespace

Result<void> enterHostView(HostView view, const char* attachPoint) {
  std::vector<Copy> copies;
  if (view == HostView::kResolver) copies = RF_TRY(copyHostFiles(std::string(attachPoint) + "/" + kNameFilesBeside));
  RF_TRY(unshareMounts());
  const UniqueFd place = RF_TRY(openAt(AT_FDCWD, attachPoint, O_PATH | O_DIRECTORY));
  const MountOptions options{{"mode", "0755"}, {"size", "64k"}, {"nr_inodes", "64"}};
  const UniqueFd root =
      RF_TRY(newFilesystem("tmpfs", options, abi::kMountAttrNoSuid | abi::kMountAttrNoDev | abi::kMountAttrNoExec));
  NodeMaker nodes({});
  RF_TRY(nodes.addOwn(root.get()));
  RF_TRY(attachMount(root.get(), place.get(), "/"));
  for (const Copy& copy : copies) {
    const UniqueFd target = RF_TRY(copy.isDirectory ? nodes.ensureDirectory(root.get(), copy.path, 0755)
                                                    : nodes.ensureFile(root.get(), copy.path));
    RF_TRY(attachMount(copy.tree.get(), target.get(), copy.path));
  }
  RF_TRY(setMountAttributes(root.get(), abi::kMountAttrReadOnly, "/"));
  return enterRoot(root.get());
}

Result<UniqueFd> makeWardenProc() {
  return newFilesystem("proc", {{"subset", "pid"}, {"hidepid", "ptraceable"}}, kAttributes);
}

}  // namespace ringfence::sandbox
