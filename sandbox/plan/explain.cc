// The Plan as text: one fact a line, in an order that depends on nothing but the Plan.
#include <string>
#include <string_view>

#include "policy/words.h"
#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/make_plan.h"
#include "sandbox/plan/walls.h"
#include "sdk/base/sha256.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

std::string shown(const std::string& text) { return escapeForDisplay(text); }

std::string octal(std::uint32_t mode) {
  std::string digits;
  for (; mode != 0; mode >>= 3) digits.insert(digits.begin(), static_cast<char>('0' + (mode & 7)));
  return "0" + digits;
}

std::string list(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (const std::uint32_t number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text.empty() ? "none" : text;
}

const char* nameOf(Access access) { return access == Access::kReadWrite ? "rw" : "ro"; }

const char* nameOf(Stdio stdio) {
  switch (stdio) {
    case Stdio::kDescriptors: return "descriptors of the client";
    case Stdio::kTerminal: return "a terminal of its own";
    case Stdio::kCaptured: return "captured";
  }
  return "unknown";
}

struct StepText {
  std::string operator()(const MakeDirectory& step) const {
    return "directory " + shown(step.target) + " " + octal(step.mode) + (step.ownedByRun ? " of the run" : "");
  }
  std::string operator()(const MakeFile& step) const {
    return "file " + shown(step.target) + " " + octal(step.mode) + " " + std::to_string(step.content.size()) +
           " bytes sha256 " + sha256Hex(step.content).substr(0, 16) + (step.ownedByRun ? " of the run" : "");
  }
  std::string operator()(const MakeSymlink& step) const {
    return "link " + shown(step.target) + " -> " + shown(step.content);
  }
  std::string operator()(const MountTmpfs& step) const {
    return "tmpfs " + shown(step.target) + " " + octal(step.mode) + " size " + std::to_string(step.size.count) +
           " inodes " + std::to_string(step.inodes) + (step.noExec ? " noexec" : "") +
           (step.ownedByRun ? " of the run" : "");
  }
  std::string operator()(const MountProc& step) const { return "proc " + shown(step.target); }
  std::string operator()(const MountDevpts& step) const { return "devpts " + shown(step.target); }
  std::string operator()(const BindDevice& step) const { return "device " + shown(step.target); }
  std::string operator()(const BindPath& step) const {
    return std::string("bind ") + nameOf(step.access) + " " + shown(step.target) +
           (step.source == step.target ? "" : " from " + shown(step.source)) + (step.idmapped ? " idmapped" : "") +
           (step.optional ? " optional" : "") + (step.noExec ? " noexec" : "");
  }
  std::string operator()(const BindDescriptor& step) const {
    return std::string("bind ") + nameOf(step.access) + " " + shown(step.target) + " from descriptor " +
           std::to_string(step.index) + (step.idmapped ? " idmapped" : "");
  }
  std::string operator()(const MaskPath& step) const {
    return std::string("mask ") + (step.kind == MaskKind::kEmpty ? "empty " : "read-only ") + shown(step.target) +
           (step.glob.empty() ? "" : " matching " + shown(step.glob) + " at most " + std::to_string(step.maxMatches)) +
           (step.origin.empty() ? "" : " by " + shown(step.origin));
  }
};

std::string accessText(std::uint64_t access) {
  static constexpr std::pair<std::uint64_t, const char*> kNames[] = {
      {kLandlockReadFile, "read-file"},     {kLandlockReadDir, "read-dir"},        {kLandlockExecute, "execute"},
      {kLandlockWriteFile, "write-file"},   {kLandlockTruncate, "truncate"},       {kLandlockMakeReg, "make-reg"},
      {kLandlockMakeDir, "make-dir"},       {kLandlockMakeSym, "make-sym"},        {kLandlockMakeSock, "make-sock"},
      {kLandlockMakeFifo, "make-fifo"},     {kLandlockMakeChar, "make-char"},      {kLandlockMakeBlock, "make-block"},
      {kLandlockRemoveFile, "remove-file"}, {kLandlockRemoveDir, "remove-dir"},    {kLandlockRefer, "refer"},
      {kLandlockIoctlDev, "ioctl-dev"},     {kLandlockResolveUnix, "resolve-unix"}};
  std::string text;
  text.reserve(192);
  for (const auto& [bit, name] : kNames) {
    if ((access & bit) == 0) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text.empty() ? "nothing" : text;
}

std::string limitText(std::uint64_t value) { return value == UINT64_MAX ? "unlimited" : std::to_string(value); }

constexpr std::string_view kRunVariable = "RINGFENCE_RUN=";
// The run's id is in its environment too: without it the plan of equal requests is equal.
enum class RunIdIs { kShown, kLeftOut };

class Explainer {
 public:
  explicit Explainer(RunIdIs id) : id_(id) { text_.reserve(kibibytes(16).count); }

  void line(std::string_view text) {
    text_ += text;
    text_ += '\n';
  }
  std::string take() { return std::move(text_); }

  void addHead(const Plan& plan) {
    line("policy " + shown(plan.policyName) + " " + plan.policyHash);
    line("priority " + std::string(wordOf(plan.priority)));
    line("hostname " + shown(plan.hostname));
    for (std::size_t index = 0; index < kWallCount; ++index) {
      const Wall wall = static_cast<Wall>(index);
      line(std::string("wall ") + wallName(wall) + " " + wordOf(strengthOf(plan.walls, wall)));
    }
    for (const Weakening& weakening : plan.weakened) {
      line(std::string("weakened ") + wallName(weakening.wall) + ": " + shown(weakening.reason));
    }
  }

  void addLandlock(const Landlock& landlock) {
    if (!landlock.enabled) return line("landlock off");
    line("landlock abi " + std::to_string(landlock.abi) + " handled " + accessText(landlock.handledFs) + " net " +
         std::to_string(landlock.handledNet) + " scoped " + std::to_string(landlock.scoped));
    for (const LandlockRule& rule : landlock.outer)
      line("landlock outer " + shown(rule.path) + " " + accessText(rule.access));
    for (const LandlockRule& rule : landlock.inner)
      line("landlock inner " + shown(rule.path) + " " + accessText(rule.access));
  }

  void addLimits(const Plan& plan) {
    const ResourceLimits& limits = plan.limits;
    line("limit cpu " + (limits.cpu ? std::to_string(limits.cpu->percent) + "%" : "none"));
    line("limit memory " + (limits.memory ? std::to_string(limits.memory->count) : "none"));
    line("limit pids " + (limits.pids ? std::to_string(*limits.pids) : "none"));
    for (const RlimitSetting& setting : plan.rlimits) {
      line(std::string("rlimit ") + rlimitName(setting.resource) + " " + limitText(setting.soft) + " " +
           limitText(setting.hard));
    }
  }

  void addIdentity(const Identity& identity) {
    line("identity uid " + std::to_string(identity.uid) + " gid " + std::to_string(identity.gid) + " groups " +
         list(identity.groups));
    line("caller uid " + std::to_string(identity.callerUid) + " gid " + std::to_string(identity.callerGid) +
         " groups " + list(identity.callerGroups));
  }

  void addCommand(const Plan& plan) {
    line("executable " + shown(plan.executable));
    for (const std::string& word : plan.command) line("argument " + shown(word));
    for (const std::string& variable : plan.environment) {
      if (id_ == RunIdIs::kShown || !variable.starts_with(kRunVariable)) line("environment " + shown(variable));
    }
    line("directory " + shown(plan.workingDirectory));
    line(std::string("stdio ") + nameOf(plan.stdio));
    if (plan.stdio == Stdio::kTerminal) {
      line("terminal " + std::to_string(plan.terminalRows) + "x" + std::to_string(plan.terminalColumns));
    }
  }

 private:
  RunIdIs id_;
  std::string text_;
};

std::string body(const Plan& plan, RunIdIs id) {
  Explainer explainer(id);
  explainer.addHead(plan);
  explainer.addIdentity(plan.identity);
  for (const MountStep& step : plan.mounts) explainer.line(std::visit(StepText{}, step));
  explainer.addLandlock(plan.landlock);
  explainer.line("seccomp " + std::to_string(plan.seccomp->rules.size()) + " rules sha256 " +
                 seccompHash(plan.seccomp));
  if (plan.guards.warden) explainer.line("guard warden");
  if (plan.guards.egress) explainer.line("guard egress");
  explainer.addLimits(plan);
  explainer.addCommand(plan);
  for (const EnforcedKey& key : plan.enforced) {
    explainer.line("enforced " + shown(key.key) + ": " + shown(key.mechanism) +
                   (key.origin.empty() ? "" : " (" + shown(key.origin) + ")"));
  }
  return explainer.take();
}

}  // namespace

std::string explain(const Plan& plan) { return "run " + plan.run.text() + "\n" + body(plan, RunIdIs::kShown); }

std::string planHash(const Plan& plan) { return sha256Hex(body(plan, RunIdIs::kLeftOut)); }

}  // namespace ringfence::sandbox
