#include "sandbox/plan/mounts.h"

#include <algorithm>

#include "sandbox/plan/paths.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kTmpInodes = 400'000;
constexpr std::uint32_t kSharedMemoryInodes = 20'000;

MountStep bindOf(const Grant& grant) {
  switch (grant.kind) {
    case GrantKind::kWorkspace: return BindDescriptor{kWorkspaceDescriptor, grant.path, grant.access, grant.idmapped};
    case GrantKind::kHome: return BindDescriptor{kHomeDescriptor, grant.path, grant.access, grant.idmapped};
    case GrantKind::kPolicy:
      return BindPath{.source = grant.path,
                      .target = grant.path,
                      .access = grant.access,
                      .idmapped = grant.idmapped,
                      .optional = true};
    case GrantKind::kCommandLine:
    case GrantKind::kInstallTree: break;
  }
  return BindPath{.source = grant.path, .target = grant.path, .access = grant.access, .idmapped = grant.idmapped};
}

// What every run has, whatever its policy says. Memory for them counts against the run's own limit.
std::vector<MountStep> standardMounts() {
  std::vector<MountStep> mounts = {
      MountProc{"/proc"},
      MountTmpfs{.target = "/tmp", .size = gibibytes(1), .inodes = kTmpInodes, .mode = 01777},
      MountTmpfs{.target = "/run", .size = mebibytes(1), .inodes = 64, .mode = 0755, .noExec = true},
      MountTmpfs{.target = "/dev", .size = kibibytes(64), .inodes = 64, .mode = 0755, .noExec = true},
      MountDevpts{"/dev/pts"},
      MountTmpfs{
          .target = "/dev/shm", .size = mebibytes(512), .inodes = kSharedMemoryInodes, .mode = 01777, .noExec = true},
  };
  for (const std::string& node : deviceNodes()) mounts.push_back(BindDevice{node});
  return mounts;
}

const std::vector<MakeSymlink>& standardLinks() {
  static const std::vector<MakeSymlink> kLinks = {
      {"/dev/fd", "/proc/self/fd"},      {"/dev/ptmx", "pts/ptmx"},          {"/dev/stderr", "/proc/self/fd/2"},
      {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
  };
  return kLinks;
}

}  // namespace

const std::vector<std::string>& deviceNodes() {
  static const std::vector<std::string> kNodes = {"/dev/full", "/dev/null",    "/dev/random",
                                                  "/dev/tty",  "/dev/urandom", "/dev/zero"};
  return kNodes;
}

std::vector<MountStep> makeMounts(TreeContent content) {
  std::vector<MountStep> steps = standardMounts();
  steps.reserve(steps.size() + 16 + content.files.size() + content.rootLinks.size() + content.grants.size() +
                content.masks.size());
  for (const auto& [target, source] : content.accelerators.nodes) steps.push_back(BindDevice{target, source});
  for (const auto& [target, text] : content.accelerators.texts)
    steps.push_back(MakeFile{.target = target, .content = text, .mode = 0444});
  for (const auto& [target, link] : content.accelerators.links) steps.push_back(MakeSymlink{target, link});
  for (const MakeSymlink& link : standardLinks()) steps.push_back(link);
  // A mount is never made through a link.
  const bool varTmpTaken = std::any_of(content.grants.begin(), content.grants.end(),
                                       [](const Grant& grant) { return isWithin(grant.path, "/var/tmp"); });
  if (!varTmpTaken) steps.push_back(MakeSymlink{"/var/tmp", "/tmp"});
  for (MakeSymlink& link : content.rootLinks) steps.push_back(std::move(link));
  for (MakeFile& file : content.files) steps.push_back(std::move(file));
  steps.push_back(MakeFile{.target = kInnerCanary, .content = "", .mode = 0644});
  steps.push_back(MakeFile{.target = kOuterCanary, .content = "", .mode = 0644});
  // No grant is above anything of the standard tree, and grants come sorted.
  for (const Grant& grant : content.grants) steps.push_back(bindOf(grant));
  for (const MaskPath& mask : content.masks) steps.push_back(mask);
  return steps;
}

}  // namespace ringfence::sandbox
