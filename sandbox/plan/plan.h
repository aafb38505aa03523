// What a launch does, as a printable value: made by makePlan (sandbox/plan/make_plan.h) from a policy, a request and
// what the kernel can do; obeyed by ringfence-launcher, which adds nothing of its own. Owns no descriptor: descriptors
// that the client opened travel beside the Plan and are named by their index in that list.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/document.h"
#include "sandbox/plan/seccomp_table.h"
#include "sdk/base/run_id.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

enum class Wall { kMount, kPid, kNet, kIpc, kUts, kCgroup, kSeccomp, kLandlock, kPrivileges, kLimits };
inline constexpr std::size_t kWallCount = 10;
const char* wallName(Wall wall);

enum class Access { kReadOnly, kReadWrite };

// Places in the list of descriptors beside the Plan. Stdio::kDescriptors appends three more.
inline constexpr std::uint32_t kWorkspaceDescriptor = 0;
inline constexpr std::uint32_t kHomeDescriptor = 1;
inline constexpr std::uint32_t kStdioDescriptor = 2;  // the first of three

// Two files in the root that prove the Landlock layers by trying: the first opens for reading only where the inner
// layer is missing, the second only where the outer one is.
inline constexpr const char* kInnerCanary = "/.ringfence-canary";
inline constexpr const char* kOuterCanary = "/.ringfence-canary-outer";

// ---- mounts, obeyed in order inside a fresh tmpfs that becomes the root and is read-only at the end. Targets are
// absolute inside the fence. Whoever obeys makes missing parents and a missing mount point (a directory or an empty
// file, as what is mounted there), 0755 and of root, without following a symbolic link: a private home is written by
// earlier runs. ---------

struct MakeDirectory {
  std::string target;
  std::uint32_t mode = 0755;
  bool ownedByRun = false;
};
struct MakeFile {
  std::string target;
  std::string content;
  std::uint32_t mode = 0644;
  bool ownedByRun = false;
};
struct MakeSymlink {
  std::string target;
  std::string content;
};
struct MountTmpfs {
  std::string target;
  Bytes size;
  std::uint32_t inodes = 0;
  std::uint32_t mode = 01777;
  bool ownedByRun = false;
  bool noExec = false;
};
struct MountProc {
  std::string target;
};
struct MountDevpts {
  std::string target;
};
// A node of the host: that of the same name (/dev/null, zero, full, random, urandom, tty), or the one at `source`,
// which the policy gives to this run (an NPU).
struct BindDevice {
  std::string target;
  std::string source = {};
};
// A path of the host, opened with the caller's rights (fsuid, groups), O_PATH, symbolic links resolved as the caller.
struct BindPath {
  std::string source;
  std::string target;
  Access access = Access::kReadOnly;
  bool idmapped = false;  // exchange the caller's and the run's ids (identity "own")
  bool optional = false;  // absent source: skipped and noted, not a failure
  bool noExec = false;
};
// A descriptor that the client opened.
struct BindDescriptor {
  std::uint32_t index = 0;
  std::string target;
  Access access = Access::kReadOnly;
  bool idmapped = false;
};
enum class MaskKind { kReadOnly, kEmpty };
// A `forbid` inside what is granted: kReadOnly binds the object over itself read-only (or, where it is absent, an empty
// read-only node so that it cannot be made later); kEmpty puts an empty unreadable node in its place. Absent targets of
// kEmpty are skipped. `glob` masks are expanded once under `target`, at most `maxMatches`; what was cut is noted.
struct MaskPath {
  std::string target;
  std::string glob;  // "" or a pattern relative to target: "**/.env*"
  MaskKind kind = MaskKind::kEmpty;
  std::uint32_t maxMatches = 256;
  std::string origin;  // "file:line" of the rule
};

using MountStep = std::variant<MakeDirectory, MakeFile, MakeSymlink, MountTmpfs, MountProc, MountDevpts, BindDevice,
                               BindPath, BindDescriptor, MaskPath>;

// ---- the other walls
// --------------------------------------------------------------------------------------------------

struct Identity {
  std::uint32_t uid = 0;  // never 0
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary groups inside
  std::uint32_t callerUid = 0;        // whose rights open sources; whose ids an idmapped mount exchanges
  std::uint32_t callerGid = 0;
  std::vector<std::uint32_t> callerGroups;
  // Nobody's id outside. Owns the run's user namespace, so the kernel charges it for what is counted over all
  // namespaces: inotify, queued signals, message queues. 0: root, and then one run can take what root has of them.
  std::uint32_t accountUid = 0;
};

// Path inside the fence. A path that does not exist has no rule (its optional bind was skipped); of a path that is no
// directory only the rights in kLandlockFileRights (sandbox/plan/landlock_access.h) count.
struct LandlockRule {
  std::string path;
  std::uint64_t access = 0;
};
struct Landlock {
  bool enabled = false;
  std::uint32_t abi = 0;  // the ABI that the rights below are cut to
  std::uint64_t handledFs = 0;
  std::uint64_t handledNet = 0;
  std::uint64_t scoped = 0;
  std::vector<LandlockRule> outer;  // domain of a warden: parent of the agent's
  std::vector<LandlockRule> inner;
};

struct ResourceLimits {
  std::optional<CpuPercent> cpu;
  std::optional<Bytes> memory;
  std::optional<std::uint32_t> pids;
  std::optional<Bytes> ioWrite;  // to each disk, in a second
};

struct RlimitSetting {
  int resource = 0;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};  // UINT64_MAX: unlimited

// Where what was denied is told to the agent, and at which limit it was stopped, a JSON object a line: in the run's own
// /run, written by its guards and the daemon, for the agent to read.
inline constexpr const char* kDenialsFile = "/run/ringfence/denials";

// Where a run with an egress finds its proxy (HTTP CONNECT, SOCKS5h) on 127.0.0.1, and below which path the base URL of
// the credential number N of its policy is.
inline constexpr std::uint16_t kEgressPort = 9480;
inline constexpr const char* kCredentialPrefix = "/.ringfence/credential/";

// Programs of ours that stand beside a run. Rules reach them from the daemon (sandbox/wire/guard.h).
struct Guards {
  bool warden = false;  // hears of the calls that `seccomp` notifies
  bool egress = false;  // is the network behind the run's own; needs the net wall
  // Nobody's id outside and no run's, for the egress alone. Needed where there is one; 0: none was free.
  std::uint32_t egressUid = 0;
  bool operator==(const Guards&) const = default;
};

enum class Stdio {
  kDescriptors,  // three client descriptors, at the end of the descriptor list: 0, 1, 2
  kTerminal,     // a pty of the run's own; its master goes to the keeper
  kCaptured,     // 0 is /dev/null, 1 and 2 go to the keeper's bounded output ring
};

// A wall that is not as strong as it could be: shown wherever the run is shown.
struct Weakening {
  Wall wall;
  std::string reason;
  bool operator==(const Weakening&) const = default;
};

// One key of the policy and the mechanism that enforces it, for --dry-run.
struct EnforcedKey {
  std::string key;
  std::string mechanism;
  std::string origin;
};

struct Plan {
  RunId run;
  std::string policyName;
  std::string policyHash;
  policy::PriorityClass priority = policy::PriorityClass::kBackground;
  std::string hostname;
  // Strength wanted for each wall, by Wall.
  policy::Walls walls;
  std::vector<MountStep> mounts;
  Identity identity;
  Landlock landlock;
  SharedSeccompTable seccomp;
  Guards guards;
  bool hasDenials = false;  // there is a kDenialsFile
  ResourceLimits limits;
  std::vector<RlimitSetting> rlimits;
  std::vector<std::string> command;      // argv; [0] is what the program sees as its name
  std::string executable;                // absolute path inside the fence
  std::vector<std::string> environment;  // "K=V"
  std::string workingDirectory;          // inside the fence
  Stdio stdio = Stdio::kDescriptors;
  std::uint16_t terminalRows = 24;
  std::uint16_t terminalColumns = 80;
  std::vector<Weakening> weakened;
  std::vector<EnforcedKey> enforced;
};

// SHA-256 in hexadecimal of explain(plan) without the run id.
std::string planHash(const Plan& plan);

}  // namespace ringfence::sandbox
