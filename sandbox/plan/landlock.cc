#include "sandbox/plan/landlock.h"

#include <algorithm>

#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/paths.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kRead = kLandlockReadFile | kLandlockReadDir;
constexpr std::uint64_t kReadAndRun = kRead | kLandlockExecute;
// Everything but device nodes and their controls: no mount of a run has device nodes that work.
constexpr std::uint64_t kWrite = kReadAndRun | kLandlockWriteFile | kLandlockRemoveDir | kLandlockRemoveFile |
                                 kLandlockMakeDir | kLandlockMakeReg | kLandlockMakeSock | kLandlockMakeFifo |
                                 kLandlockMakeSym | kLandlockRefer | kLandlockTruncate | kLandlockResolveUnix;
constexpr std::uint64_t kDevice = kLandlockReadFile | kLandlockWriteFile | kLandlockTruncate;
constexpr std::uint64_t kTerminal = kDevice | kLandlockReadDir | kLandlockIoctlDev;

// Whether anything in the tree is asked about, by a rule for all of it or for some.
bool isAskedAbout(const std::string& tree, const std::vector<AskedPlace>& asked) {
  return std::ranges::any_of(
      asked, [&](const AskedPlace& place) { return isWithin(place.path, tree) || isWithin(tree, place.path); });
}

// What of its rights in a tree an agent has without asking.
std::uint64_t unaskedRights(const LandlockRule& rule, const std::vector<Grant>& grants,
                            const std::vector<AskedPlace>& asked) {
  const auto grant = std::ranges::find(grants, rule.path, &Grant::path);
  if (grant != grants.end() && grant->asking == Asking::kReads) return 0;
  return rule.path != "/" && isAskedAbout(rule.path, asked) ? rule.access & kReadAndRun : rule.access;
}

// What the outer layer grants.
std::vector<LandlockRule> commonRules(const std::vector<Grant>& grants, const Accelerators& accelerators) {
  // Names in the root and in made directories are no secret: only what was granted exists. So /etc and /dev have the
  // rights that what is granted or made there has.
  std::vector<LandlockRule> rules = {{"/", kLandlockReadDir},
                                     {"/etc", kReadAndRun},
                                     {"/proc", kRead},
                                     {"/run", kRead | kLandlockResolveUnix},
                                     {"/tmp", kWrite},
                                     {"/dev", kDevice},
                                     {"/dev/tty", kDevice | kLandlockIoctlDev},
                                     {"/dev/shm", kWrite & ~std::uint64_t{kLandlockExecute}},
                                     {"/dev/pts", kTerminal}};
  for (const auto& [node, source] : accelerators.nodes) rules.push_back({node, kDevice | kLandlockIoctlDev});
  if (!accelerators.texts.empty()) rules.push_back({"/sys", kRead});
  for (const Grant& grant : grants) {
    rules.push_back({grant.path, grant.access == Access::kReadWrite ? kWrite : kReadAndRun});
  }
  return rules;
}

// What a directory above has the same rights for is not said again: a right holds for everything below, and rules cost
// every launch.
void dropCovered(std::vector<LandlockRule>& rules) {
  const auto covers = [](const LandlockRule& above, const LandlockRule& rule) {
    return rule.access == above.access && rule.path != above.path && isWithin(rule.path, above.path);
  };
  const std::vector<LandlockRule> all = rules;
  std::erase_if(rules, [&](const LandlockRule& rule) {
    return std::ranges::any_of(all, [&](const LandlockRule& above) { return covers(above, rule); });
  });
}

}  // namespace

Landlock makeLandlock(const std::vector<Grant>& grants, const std::vector<AskedPlace>& asked,
                      const Accelerators& accelerators, std::uint32_t abi) {
  Landlock landlock;
  if (abi == 0) return landlock;
  landlock.enabled = true;
  landlock.abi = abi;
  landlock.handledFs = landlockRightsOf(abi);
  // No rights on ports are handled: the run's network namespace has nothing but its own loopback, which it may use, and
  // Landlock would leave UDP, MPTCP and fast open aside.
  landlock.handledNet = 0;
  landlock.scoped = landlockScopesOf(abi);
  landlock.outer = commonRules(grants, accelerators);
  for (LandlockRule& rule : landlock.outer) rule.access &= landlock.handledFs;
  landlock.inner = landlock.outer;
  for (LandlockRule& rule : landlock.inner) rule.access = unaskedRights(rule, grants, asked);
  std::erase_if(landlock.inner, [](const LandlockRule& rule) { return rule.access == 0; });
  dropCovered(landlock.outer);
  dropCovered(landlock.inner);
  landlock.outer.push_back({kInnerCanary, kLandlockReadFile});
  landlock.inner.push_back({kOuterCanary, kLandlockReadFile});
  return landlock;
}

std::string landlockShortfall(std::uint32_t abi) {
  std::string missing;
  const auto add = [&](std::uint32_t since, const char* what) {
    if (abi >= since) return;
    missing += (missing.empty() ? "" : "; ") + std::string(what);
  };
  add(2, "moving files between directories is refused everywhere (ABI 2)");
  add(3, "truncation is held by read-only mounts alone (ABI 3)");
  add(5, "device controls are held by the made /dev alone (ABI 5)");
  add(6,
      "signals and abstract sockets are held by the pid and net walls alone, a warden by its ids and filter (ABI 6)");
  add(9, "sockets by path are held by the mount wall alone (ABI 9)");
  return missing;
}

}  // namespace ringfence::sandbox
