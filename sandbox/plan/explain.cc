// The Plan as text: one fact a line, in an order that depends on nothing but the Plan.
#include <algorithm>
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "policy/words.h"
#include "sandbox/plan/landlock_access.h"
#include "sandbox/plan/make_plan.h"
#include "sandbox/plan/walls.h"
#include "sdk/base/sha256.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

// What a person reads of a text that somebody else chose.
struct Shown {
  std::string_view text;
};

Shown shown(std::string_view text) { return {text}; }

struct Octal {
  std::uint32_t mode = 0;
};

struct List {
  const std::vector<std::uint32_t>& numbers;
};

struct LandlockRights {
  std::uint64_t bits = 0;
};

// Each launch hashes this text while it waits for it: everything goes into one string, and nothing is made for a part.
void add(std::string& out, std::string_view text) { out += text; }

void add(std::string& out, Shown shown) {
  const auto isPlain = [](char c) { return c >= ' ' && c <= '~' && c != '\\'; };
  if (std::ranges::all_of(shown.text, isPlain))
    out += shown.text;
  else
    out += escapeForDisplay(shown.text);
}

template <std::integral Number>
void add(std::string& out, Number number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void add(std::string& out, Octal octal) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, octal.mode, 8).ptr;
  out += '0';
  if (octal.mode != 0) out.append(digits, end);
}

void add(std::string& out, List list) {
  for (std::size_t i = 0; i < list.numbers.size(); ++i) {
    if (i > 0) out += ',';
    add(out, list.numbers[i]);
  }
  if (list.numbers.empty()) out += "none";
}

void add(std::string& out, LandlockRights access) {
  static constexpr std::pair<std::uint64_t, std::string_view> kNames[] = {
      {kLandlockReadFile, "read-file"},     {kLandlockReadDir, "read-dir"},        {kLandlockExecute, "execute"},
      {kLandlockWriteFile, "write-file"},   {kLandlockTruncate, "truncate"},       {kLandlockMakeReg, "make-reg"},
      {kLandlockMakeDir, "make-dir"},       {kLandlockMakeSym, "make-sym"},        {kLandlockMakeSock, "make-sock"},
      {kLandlockMakeFifo, "make-fifo"},     {kLandlockMakeChar, "make-char"},      {kLandlockMakeBlock, "make-block"},
      {kLandlockRemoveFile, "remove-file"}, {kLandlockRemoveDir, "remove-dir"},    {kLandlockRefer, "refer"},
      {kLandlockIoctlDev, "ioctl-dev"},     {kLandlockResolveUnix, "resolve-unix"}};
  bool isFirst = true;
  for (const auto& [bit, name] : kNames) {
    if ((access.bits & bit) == 0) continue;
    if (!std::exchange(isFirst, false)) out += ',';
    out += name;
  }
  if (isFirst) out += "nothing";
}

std::string_view nameOf(Access access) { return access == Access::kReadWrite ? "rw" : "ro"; }

std::string_view nameOf(Stdio stdio) {
  switch (stdio) {
    case Stdio::kDescriptors: return "descriptors of the client";
    case Stdio::kTerminal: return "a terminal of its own";
    case Stdio::kCaptured: return "captured";
  }
  return "unknown";
}

std::string_view when(bool holds, std::string_view text) { return holds ? text : std::string_view(); }

constexpr std::string_view kRunVariable = "RINGFENCE_RUN=";
// The run's id is in its environment too: without it the plan of equal requests is equal.
enum class RunIdIs { kShown, kLeftOut };

class Explainer {
 public:
  explicit Explainer(RunIdIs id) : id_(id) { text_.reserve(kibibytes(32).count); }

  template <typename... Parts>
  void line(const Parts&... parts) {
    (add(text_, parts), ...);
    text_ += '\n';
  }
  std::string take() { return std::move(text_); }

  void addHead(const Plan& plan) {
    line("policy ", shown(plan.policyName), " ", plan.policyHash);
    line("priority ", wordOf(plan.priority));
    line("hostname ", shown(plan.hostname));
    for (std::size_t index = 0; index < kWallCount; ++index) {
      const Wall wall = static_cast<Wall>(index);
      line("wall ", wallName(wall), " ", wordOf(strengthOf(plan.walls, wall)));
    }
    for (const Weakening& weakening : plan.weakened)
      line("weakened ", wallName(weakening.wall), ": ", shown(weakening.reason));
  }

  void operator()(const MakeDirectory& step) {
    line("directory ", shown(step.target), " ", Octal{step.mode}, when(step.ownedByRun, " of the run"));
  }
  void operator()(const MakeFile& step) {
    line("file ", shown(step.target), " ", Octal{step.mode}, " ", step.content.size(), " bytes sha256 ",
         sha256Hex(step.content).substr(0, 16), when(step.ownedByRun, " of the run"));
  }
  void operator()(const MakeSymlink& step) { line("link ", shown(step.target), " -> ", shown(step.content)); }
  void operator()(const MountTmpfs& step) {
    line("tmpfs ", shown(step.target), " ", Octal{step.mode}, " size ", step.size.count, " inodes ", step.inodes,
         when(step.noExec, " noexec"), when(step.ownedByRun, " of the run"));
  }
  void operator()(const MountProc& step) { line("proc ", shown(step.target)); }
  void operator()(const MountDevpts& step) { line("devpts ", shown(step.target)); }
  void operator()(const BindDevice& step) {
    line("device ", shown(step.target), when(!step.source.empty(), " from "), shown(step.source));
  }
  void operator()(const BindPath& step) {
    const bool isElsewhere = step.source != step.target;
    line("bind ", nameOf(step.access), " ", shown(step.target), when(isElsewhere, " from "),
         shown(isElsewhere ? std::string_view(step.source) : std::string_view()), when(step.idmapped, " idmapped"),
         when(step.optional, " optional"), when(step.noExec, " noexec"));
  }
  void operator()(const BindDescriptor& step) {
    line("bind ", nameOf(step.access), " ", shown(step.target), " from descriptor ", step.index,
         when(step.idmapped, " idmapped"));
  }
  void operator()(const MaskPath& step) {
    add(text_, step.kind == MaskKind::kEmpty ? "mask empty " : "mask read-only ");
    add(text_, shown(step.target));
    if (!step.glob.empty()) {
      add(text_, " matching ");
      add(text_, shown(step.glob));
      add(text_, " at most ");
      add(text_, step.maxMatches);
    }
    line(when(!step.origin.empty(), " by "), shown(step.origin));
  }

  void addLandlock(const Landlock& landlock) {
    if (!landlock.enabled) return line("landlock off");
    line("landlock abi ", landlock.abi, " handled ", LandlockRights{landlock.handledFs}, " net ", landlock.handledNet,
         " scoped ", landlock.scoped);
    for (const LandlockRule& rule : landlock.outer)
      line("landlock outer ", shown(rule.path), " ", LandlockRights{rule.access});
    for (const LandlockRule& rule : landlock.inner)
      line("landlock inner ", shown(rule.path), " ", LandlockRights{rule.access});
  }

  void addLimits(const Plan& plan) {
    const ResourceLimits& limits = plan.limits;
    const auto limit = [](const auto& value) { return value ? std::to_string(*value) : std::string("none"); };
    const auto edge = [](std::uint64_t value) {
      return value == UINT64_MAX ? std::string("unlimited") : std::to_string(value);
    };
    line("limit cpu ", limits.cpu ? std::to_string(limits.cpu->percent) + "%" : std::string("none"));
    line("limit memory ", limits.memory ? std::to_string(limits.memory->count) : std::string("none"));
    line("limit pids ", limit(limits.pids));
    if (limits.ioWrite) line("limit io_write ", std::to_string(limits.ioWrite->count) + " a second");
    for (const RlimitSetting& setting : plan.rlimits)
      line("rlimit ", rlimitName(setting.resource), " ", edge(setting.soft), " ", edge(setting.hard));
  }

  void addIdentity(const Identity& identity) {
    line("identity uid ", identity.uid, " gid ", identity.gid, " groups ", List{identity.groups});
    line("caller uid ", identity.callerUid, " gid ", identity.callerGid, " groups ", List{identity.callerGroups});
  }

  void addCommand(const Plan& plan) {
    line("executable ", shown(plan.executable));
    for (const std::string& word : plan.command) line("argument ", shown(word));
    for (const std::string& variable : plan.environment) {
      if (id_ == RunIdIs::kShown || !variable.starts_with(kRunVariable)) line("environment ", shown(variable));
    }
    line("directory ", shown(plan.workingDirectory));
    line("stdio ", nameOf(plan.stdio));
    if (plan.stdio == Stdio::kTerminal) line("terminal ", plan.terminalRows, "x", plan.terminalColumns);
  }

  void addEnforced(const EnforcedKey& key) {
    add(text_, "enforced ");
    add(text_, shown(key.key));
    add(text_, ": ");
    add(text_, shown(key.mechanism));
    if (key.origin.empty()) return line();
    line(" (", shown(key.origin), ")");
  }

 private:
  RunIdIs id_;
  std::string text_;
};

std::string body(const Plan& plan, RunIdIs id) {
  Explainer explainer(id);
  explainer.addHead(plan);
  explainer.addIdentity(plan.identity);
  for (const MountStep& step : plan.mounts) std::visit(explainer, step);
  explainer.addLandlock(plan.landlock);
  explainer.line("seccomp ", plan.seccomp->rules.size(), " rules sha256 ", seccompHash(plan.seccomp));
  if (plan.guards.warden) explainer.line("guard warden");
  if (plan.guards.egress) explainer.line("guard egress");
  explainer.addLimits(plan);
  explainer.addCommand(plan);
  for (const EnforcedKey& key : plan.enforced) explainer.addEnforced(key);
  return explainer.take();
}

}  // namespace

std::string explain(const Plan& plan) { return "run " + plan.run.text() + "\n" + body(plan, RunIdIs::kShown); }

std::string planHash(const Plan& plan) { return sha256Hex(body(plan, RunIdIs::kLeftOut)); }

}  // namespace ringfence::sandbox
