#include "supervisor/launch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "sandbox/plan/display.h"
#include "sandbox/plan/grants.h"
#include "sandbox/plan/paths.h"
#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/sha256.h"
#include "sdk/base/text.h"
#include "supervisor/core/homes.h"
#include "supervisor/private_homes.h"

namespace ringfence::supervisor {
namespace {

constexpr char kDefaultPolicy[] = "coding";
constexpr int kNotStarted = 125, kDenied = 4;

api::Refusal refusal(const char* code, std::string token, std::string message, int exitCode = kNotStarted) {
  return {code, std::move(message), std::move(token), static_cast<std::uint32_t>(exitCode), {}, 0};
}

api::Refusal refusal(const Error& error, std::string token) {
  api::Refusal refused = api::refusalOf(error);
  refused.token = std::move(token);
  refused.exitCode = kNotStarted;
  return refused;
}

api::Refusal invalidPolicy(const std::vector<policy::Diagnostic>& diagnostics) {
  api::Refusal refused = refusal("policy", "policy", policy::renderText(diagnostics), 6);
  refused.json = policy::renderJson(diagnostics);
  return refused;
}

policy::SourceText sourceOf(const api::PolicyText& text) { return {text.file, text.text}; }

// Asks no file system: one of a user's own may never answer.
Result<struct statx> lookAt(int fd, const std::string& what) {
  struct statx about {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &about) < 0)
    return posixError(errno, "looking at " + what);
  return about;
}

// A terminal of the caller's shows what is typed after the run; a directory leads out of the fence.
Result<void> checkStandardDescriptor(int fd, const std::string& what) {
  const struct statx about = RF_TRY(lookAt(fd, what));
  const auto kind = about.stx_mode & S_IFMT;
  const bool isStream = kind == S_IFREG || kind == S_IFIFO || kind == S_IFCHR || kind == S_IFSOCK;
  const int flags = ::fcntl(fd, F_GETFL);
  if (!isStream || flags < 0 || (flags & O_PATH) != 0)
    return Error{ErrorCode::kInvalid, what + " is no file, pipe, socket or character device that can be handed over"};
  const auto major = about.stx_rdev_major;
  constexpr unsigned kConsoles = 4, kTty = 5, kFirstPty = 136, kLastPty = 143;
  if (kind == S_IFCHR && (major == kConsoles || major == kTty || (major >= kFirstPty && major <= kLastPty)))
    return Error{ErrorCode::kInvalid, what + " is a terminal; ask for one of the run's own instead"};
  return {};
}

// The path that a person reads in the log must be the object that is mounted.
Result<void> checkWorkspace(int fd, const std::string& claimed) {
  const struct statx about = RF_TRY(lookAt(fd, "the workspace's descriptor"));
  if (!S_ISDIR(about.stx_mode)) return Error{ErrorCode::kInvalid, claimed + " is no directory"};
  std::string actual(4097, '\0');
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), actual.data(), actual.size());
  if (length < 0) return posixError(errno, "asking for the workspace's path");
  actual.resize(static_cast<std::size_t>(length));
  if (actual == claimed) return {};
  return Error{ErrorCode::kInvalid, "the workspace's descriptor is " + escapeForDisplay(actual) +
                                        ", the request says " + escapeForDisplay(claimed)};
}

std::map<std::string, std::string> readSymlinks(DIR* root) {
  std::map<std::string, std::string> links;
  while (const dirent* entry = ::readdir(root)) {
    if (entry->d_type != DT_LNK) continue;
    char target[4096];
    const ssize_t length = ::readlinkat(::dirfd(root), entry->d_name, target, sizeof target);
    if (length > 0 && length < static_cast<ssize_t>(sizeof target))
      links["/" + std::string(entry->d_name)] = std::string(target, static_cast<std::size_t>(length));
  }
  return links;
}

// "coder" for /usr/bin/coder: for people, so never the form of an id.
std::string defaultName(const std::vector<std::string>& argv) {
  const std::string& program = argv.front();
  std::string name = escapeForDisplay(program.substr(program.rfind('/') + 1)).substr(0, api::kMaxNameLength);
  if (!isValidUtf8(name) || name.empty() || RunId::parse(name)) return "run";
  return name;
}

// Where a person's own policies and adapters, their phrase and their shims are: who could write there would decide what
// the next run may do, or what runs when its person types the name of an agent.
std::vector<std::string> ownSettings(const sandbox::LaunchRequest& launch) {
  std::vector<std::string> places;
  const auto add = [&](const std::string& folder) {
    if (sandbox::isNormalPath(folder) && folder != "/")
      places.push_back(sandbox::throughRootLinks(launch, folder) + "/ringfence");
  };
  add(launch.caller.home + "/.config");
  add(launch.caller.home + "/.local/share");
  const auto moved = launch.callerEnvironment.find("XDG_CONFIG_HOME");
  if (moved != launch.callerEnvironment.end()) add(moved->second);
  return places;
}

sandbox::LaunchRequest launchRequest(const api::RunRequest& request, const RunId& run, const std::string& name,
                                     sandbox::CallerAccount account, std::uint32_t ownUid, const LaunchWorld& world) {
  sandbox::LaunchRequest launch;
  launch.run = run;
  launch.name = name;
  launch.caller = std::move(account);
  launch.ownUid = ownUid;
  launch.accountUid = accountUid(world.config.uids, run);
  launch.egressUid = egressUid(world.config.uids, world.state, run, ownUid).value_or(0);
  launch.workspace = request.workspace;
  launch.workingDirectory = request.workingDirectory.empty() ? request.workspace : request.workingDirectory;
  launch.command = request.argv;
  launch.executable = request.executable;
  launch.installTree = request.installTree;
  launch.callerEnvironment.insert(request.environment.begin(), request.environment.end());
  for (const auto& [key, value] : request.extraEnvironment) launch.extraEnvironment[key] = value;
  launch.extraPaths = request.extraPaths;
  launch.rootSymlinks = world.memory.rootSymlinks();
  launch.protectedPaths = {world.config.stateDir, world.config.runDir};
  launch.protectedPaths.insert(launch.protectedPaths.end(), world.config.policyDirs.begin(),
                               world.config.policyDirs.end());
  for (std::string& settings : ownSettings(launch)) launch.protectedPaths.push_back(std::move(settings));
  launch.stdio = request.stdio;
  launch.terminalRows = request.rows;
  launch.terminalColumns = request.columns;
  return launch;
}

// What a plan failed on: makePlan's message begins with a wall's name when a wall is what is missing.
std::string tokenOf(const Error& error) {
  if (error.code == ErrorCode::kDenied) return "policy";
  for (std::size_t wall = 0; wall < sandbox::kWallCount; ++wall) {
    const char* name = sandbox::wallName(static_cast<sandbox::Wall>(wall));
    if (error.message.starts_with(name)) return name;
  }
  return "plan";
}

// A program of ours runs in the command's place, behind the same walls, and becomes the command when the agent's files
// are ready: what the rules say of the command was judged before, and a warden judges it again.
void startThrough(const api::AdapterUse& adapter, sandbox::Plan& plan) {
  plan.environment.push_back("RINGFENCE_ADAPTER=" + adapter.settings);
  plan.environment.push_back("RINGFENCE_PROGRAM=" + plan.executable);
  plan.executable = adapter.start;
}

// A hard limit of this machine that is lower than the plan's stays: nothing may raise it, and lower is stricter.
void clampToHardLimits(std::vector<sandbox::RlimitSetting>& settings) {
  for (sandbox::RlimitSetting& setting : settings) {
    rlimit ours{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(setting.resource), &ours) < 0 || ours.rlim_max == RLIM_INFINITY)
      continue;
    setting.hard = std::min<std::uint64_t>(setting.hard, ours.rlim_max);
    setting.soft = std::min(setting.soft, setting.hard);
  }
}

}  // namespace

const LaunchMemory::Outcome& LaunchMemory::load(policy::Sources sources, const std::string& name) {
  if (!outcome_ || name != name_ || sources != sources_) {
    outcome_ = policy::load(sources, name);
    sources_ = std::move(sources);
    name_ = name;
  }
  return *outcome_;
}

const std::map<std::string, std::string>& LaunchMemory::rootSymlinks() {
  struct stat status {};
  timespec now{};
  const bool isSeen = ::stat("/", &status) == 0 && ::clock_gettime(CLOCK_REALTIME, &now) == 0;
  const auto stamp = sandbox::FolderStamp::of(status);
  if (isSeen && rootStamp_ == stamp) return rootSymlinks_;
  rootStamp_.reset();
  rootSymlinks_.clear();
  DIR* root = ::opendir("/");
  if (root == nullptr) return rootSymlinks_;
  rootSymlinks_ = readSymlinks(root);
  if (isSeen && stamp.isSettled(now) && sandbox::keepsTimesOfChange(::dirfd(root))) rootStamp_ = stamp;
  (void)::closedir(root);  // Only read from.
  return rootSymlinks_;
}

namespace {

// What the person allows for this run alone: as if the policy said it, below every `forbid`.
void allowHosts(policy::Network& network, const std::vector<api::HostGrant>& grants) {
  for (const api::HostGrant& grant : grants) {
    const bool bare = grant.host.find(':') != std::string::npos && grant.port;
    std::string text = bare ? "[" + grant.host + "]" : grant.host;
    if (grant.port) text += ":" + std::to_string(*grant.port);
    network.allow.push_back(
        {.host = grant.host, .port = grant.port, .why = "", .origin = {"--allow-host", 0, std::move(text)}});
  }
}

// What a person gives a run by hand is heeded as if a file of theirs said it, so the system's locks hold for it too.
std::optional<api::Refusal> refusedByLocks(const api::RunRequest& request, const policy::Loaded& loaded) {
  const bool writes = std::ranges::any_of(
      request.extraPaths, [](const sandbox::ExtraPath& extra) { return extra.access == sandbox::Access::kReadWrite; });
  for (const auto& [isGiven, option, key] : {std::tuple(!request.allowHosts.empty(), "--allow-host", "network.allow"),
                                             std::tuple(writes, "--write", "files.write")}) {
    const auto lock = loaded.locked.find(key);
    if (!isGiven || lock == loaded.locked.end()) continue;
    return refusal("denied", "policy",
                   std::string(option) + " cannot be given: the system locks `" + key + "` at " +
                       escapeForDisplay(lock->second.file) + ":" + std::to_string(lock->second.line),
                   kDenied);
  }
  return std::nullopt;
}

void leaveOutEnded(ChosenPolicy& chosen, Microseconds wall) {
  std::erase_if(chosen.document.grants, [&](const policy::Grant& grant) {
    const auto end = policy::endOf(grant);
    if (!end || wall < *end) return false;
    chosen.notes.push_back(grant.origin.file + ":" + std::to_string(grant.origin.line) + ": this grant ended at " +
                           grant.until);
    return true;
  });
}

}  // namespace

std::variant<ChosenPolicy, api::Refusal> choosePolicy(const api::RunRequest& request, const LaunchWorld& world) {
  if (!world.policies.unlisted().empty()) return invalidPolicy(world.policies.unlisted());
  policy::Sources sources = world.policies.inForce();
  for (const api::PolicyText& text : request.userPolicies) sources.user.push_back(sourceOf(text));
  if (request.policyFile) sources.file = sourceOf(*request.policyFile);
  if (request.projectPolicy) {
    sources.project = sourceOf(*request.projectPolicy);
    const auto trusted = world.state.trusted.find({world.caller.peer.uid, request.projectPolicy->file});
    sources.projectTrusted =
        trusted != world.state.trusted.end() && trusted->second == sha256Hex(request.projectPolicy->text);
  }
  const auto& loaded = world.memory.load(std::move(sources), request.policy.empty() ? kDefaultPolicy : request.policy);
  if (const auto* diagnostics = std::get_if<std::vector<policy::Diagnostic>>(&loaded))
    return invalidPolicy(*diagnostics);
  if (auto refused = refusedByLocks(request, std::get<policy::Loaded>(loaded))) return *std::move(refused);
  ChosenPolicy chosen{std::get<policy::Loaded>(loaded).document, {}};
  allowHosts(chosen.document.network, request.allowHosts);
  leaveOutEnded(chosen, world.wall);
  for (const policy::Diagnostic& warning : std::get<policy::Loaded>(loaded).warnings) {
    chosen.notes.push_back(warning.file + ":" + std::to_string(warning.line) + ": " + warning.message);
  }
  for (const BrokenPolicy& broken : world.policies.broken()) {
    if (broken.inForce == Instead::kLastGood) chosen.notes.push_back(describe(broken));
  }
  return chosen;
}

std::variant<Prepared, api::Refusal> prepareLaunch(const api::RunRequest& request, std::vector<UniqueFd> fds,
                                                   const ChosenPolicy& chosen, const RunId& run,
                                                   const LaunchWorld& world) {
  const std::size_t wanted = !request.dryRun && request.stdio == sandbox::Stdio::kDescriptors ? 4 : 1;
  if (fds.size() != wanted) {
    return refusal("invalid", "workspace",
                   "a run comes with " + std::to_string(wanted) + " descriptors, not " + std::to_string(fds.size()));
  }
  if (auto checked = checkWorkspace(fds[0].get(), request.workspace); !checked)
    return refusal(checked.error(), "workspace");
  for (std::size_t i = 1; i < wanted; ++i) {
    const std::string what = "standard descriptor " + std::to_string(i - 1);
    if (auto checked = checkStandardDescriptor(fds[i].get(), what); !checked) return refusal(checked.error(), "stdio");
  }
  auto account = accountFor(request.asUser, world.caller, chosen.document.groups, world.accounts);
  if (!account) return refusal(account.error(), "account");
  const auto ownUid = unusedUid(world.config.uids, world.state);
  if (!ownUid) return refusal("unavailable", "uid", "every id of --uid-range is in use by a live run; end one first");

  const std::string name = request.name.empty() ? defaultName(request.argv) : request.name;
  sandbox::LaunchRequest launch = launchRequest(request, run, name, *account, *ownUid, world);
  const GivenAccelerators npus(AcceleratorKind::kNpu, chosen.document.limits.npu, world.nodesOf);
  const GivenAccelerators gpus(AcceleratorKind::kGpu, chosen.document.limits.gpu, world.nodesOf);
  launch.npus = npus.inside(world.config.meterRoot);
  launch.gpus = gpus.inside(world.config.meterRoot);
  auto plan = sandbox::makePlan(chosen.document, launch, world.features);
  if (!plan) {
    api::Refusal refused = refusal(plan.error(), tokenOf(plan.error()));
    if (plan.error().code == ErrorCode::kDenied) refused.exitCode = kDenied;
    return refused;
  }
  clampToHardLimits(plan->rlimits);
  if (request.adapter && !request.adapter->start.empty()) startThrough(*request.adapter, *plan);
  Prepared prepared{std::move(*plan), name,         request.workspace, account->home, {},
                    chosen.notes,     npus.share(), gpus.share()};
  if (const std::string display = sandbox::displayGiven(chosen.document, launch); !display.empty())
    prepared.plan.weakened.push_back({sandbox::Wall::kMount, std::string(sandbox::kDisplayGiven) + display});
  for (const GivenAccelerators* given : {&npus, &gpus}) given->note(prepared.plan.identity, prepared.notes);
  if (request.dryRun) return prepared;
  if (world.isHomeLeaving(account->uid, homeDirectoryName(chosen.document.name))) {
    return refusal("busy", "home",
                   "the private home of this policy is being removed by 'ringfence prune'; try again in a moment");
  }
  auto opened = openPrivateHome(world.config.stateDir, *account, chosen.document.name);
  if (!opened) return refusal(opened.error(), "home");
  prepared.fds = std::move(fds);
  prepared.fds.insert(prepared.fds.begin() + sandbox::kHomeDescriptor, std::move(*opened));
  return prepared;
}

api::Document describePlan(const Prepared& prepared) {
  const sandbox::Plan& plan = prepared.plan;
  JsonWriter json;
  json.beginObject()
      .key("policy")
      .beginObject()
      .field("name", plan.policyName)
      .field("hash", plan.policyHash)
      .endObject();
  json.field("plan_hash", sandbox::planHash(plan));
  json.key("weakened").beginArray();
  for (const sandbox::Weakening& one : plan.weakened) {
    json.beginObject().field("wall", sandbox::wallName(one.wall)).field("reason", one.reason).endObject();
  }
  json.endArray().key("enforced").beginArray();
  for (const sandbox::EnforcedKey& key : plan.enforced) {
    json.beginObject().field("key", key.key).field("mechanism", key.mechanism).field("origin", key.origin).endObject();
  }
  json.endArray().key("notes").beginArray();
  for (const std::string& note : prepared.notes) json.value(note);
  json.endArray().endObject();
  return {std::move(json).take(), sandbox::explain(plan)};
}

}  // namespace ringfence::supervisor
