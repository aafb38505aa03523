#include "supervisor/stop/branches.h"

#include <sys/stat.h>

#include <algorithm>

#include "sandbox/kernel/mount_table.h"
#include "sandbox/kernel/run_owner.h"
#include "sdk/base/io.h"
#include "supervisor/stop/kernel_reading.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr std::array<const char*, Branches::kCount> kBranches = {kBackgroundBranch, kInteractiveBranch};

int writeOnce(int fd, const char* value) {
  ssize_t put = 0;
  do put = ::pwrite(fd, value, std::strlen(value), 0);
  while (put < 0 && errno == EINTR);
  return put < 0 ? errno : 0;
}

// A file with lines "key 0" or "key 1".
Branches::Answer answerIn(int events, std::string_view key) {
  std::array<char, 256> text;
  const ssize_t got = readFromStart(events, text.data(), text.size());
  if (got <= 0) return Branches::Answer::kUnknown;
  std::string_view rest(text.data(), static_cast<std::size_t>(got));
  const std::size_t at = rest.find(key);
  if (at == rest.npos || at + key.size() + 1 >= rest.size()) return Branches::Answer::kUnknown;
  return rest[at + key.size() + 1] == '1' ? Branches::Answer::kYes : Branches::Answer::kNo;
}

// Writes to each run of a branch; returns the first errno that does not say that the run is gone.
int writeToRuns(int branch, const char* file, const char* value) {
  int problem = 0;
  const int listed = forEachDirectory(branch, [&](const char* run) {
    const UniqueFd group = openQuietly(branch, run, O_PATH | O_DIRECTORY);
    const int error = group ? writeKnob(group.get(), file, value) : errno;
    if (error != 0 && !isGone(error) && problem == 0) problem = error;
  });
  return problem != 0 ? problem : isGone(listed) ? 0 : listed;
}

// Of v1 and of v2. The least ones are for kernels on which nothing is idle.
constexpr const char *kMostShares = "262144", *kMostWeight = "10000";
constexpr const char *kUsualShares = "1024", *kUsualWeight = "100";
constexpr const char *kLeastShares = "2", *kLeastWeight = "1";

// nullptr: as it is. Where it cannot be written, or is not there, a stop takes longer, and holds.
void share(const std::string& branch, const char* idle, const char* shares, const char* weight) {
  const UniqueFd group = openQuietly(AT_FDCWD, branch.c_str(), O_PATH | O_DIRECTORY);
  if (!group) return;
  if (idle != nullptr) (void)writeKnob(group.get(), "cpu.idle", idle);
  if (shares != nullptr) (void)writeKnob(group.get(), "cpu.shares", shares);
  if (weight != nullptr) (void)writeKnob(group.get(), "cpu.weight", weight);
}

}  // namespace

bool isBelowBranch(std::string_view groups, std::string_view cgroupRoot) {
  for (std::size_t at = groups.find(cgroupRoot); at != groups.npos; at = groups.find(cgroupRoot, at + 1)) {
    if (at == 0 || groups[at - 1] != '/') continue;
    for (const std::string_view branch : kBranches) {
      const std::string_view rest = groups.substr(at + cgroupRoot.size());
      const std::string_view after = rest.substr(std::min(branch.size(), rest.size()), 1);
      if (rest.starts_with(branch) && (after == "/" || after == "\n")) return true;
    }
  }
  return false;
}

int writeKnob(int group, const char* file, const char* value) {
  const UniqueFd knob = openQuietly(group, file, O_WRONLY);
  return knob ? writeOnce(knob.get(), value) : errno;
}

Result<Branches::Mounts> Branches::findMounts() {
  Mounts mounts;
  for (const auto& mount : RF_TRY(sandbox::readMountTable(AT_FDCWD, "/proc/self/mounts"))) {
    if (mount.type == "cgroup2" && mounts.unified.empty()) mounts.unified = mount.target;
    const bool hasProcessor = std::ranges::find(mount.options, "cpu") != mount.options.end();
    if (mount.type == "cgroup" && hasProcessor) mounts.processor = mount.target;
  }
  if (mounts.unified.empty())
    return Error{ErrorCode::kUnsupported, "no cgroup2 file system is mounted, so nothing can be frozen or killed"};
  if (mounts.processor.empty()) mounts.processor = mounts.unified;
  return mounts;
}

Result<Branches> Branches::open(const Mounts& mounts, const std::string& name) {
  if (name.empty() || name.find_first_of("/. \n") != name.npos)
    return Error{ErrorCode::kInvalid, "control group root `" + name + "`: letters, digits and - only"};
  UniqueFd mount = RF_TRY(openAt(AT_FDCWD, mounts.unified, O_RDONLY | O_DIRECTORY));
  Branches branches(std::move(mount), mounts.processor + "/" + name);
  for (std::size_t i = 0; i < kCount; ++i) {
    Branch& branch = branches.branches_[i];
    branch.name = name + kBranches[i];
    if (const int error = branches.openBranch(branch); error != 0)
      return posixError(error, "opening the control group " + mounts.unified + "/" + branch.name);
  }
  return branches;
}

int Branches::openBranch(Branch& branch) const {
  if (::mkdirat(mount_.get(), branch.name.c_str(), 0755) != 0 && errno != EEXIST) return errno;
  branch.directory = openQuietly(mount_.get(), branch.name.c_str(), O_RDONLY | O_DIRECTORY);
  if (!branch.directory) return errno;
  branch.freeze = openQuietly(branch.directory.get(), "cgroup.freeze", O_RDWR);
  if (!branch.freeze) return errno;
  branch.events = openQuietly(branch.directory.get(), "cgroup.events", O_RDONLY);
  return branch.events ? 0 : errno;
}

int Branches::write(Branch& branch, const char* value) const {
  const int error = branch.freeze ? writeOnce(branch.freeze.get(), value) : ENODEV;
  if (!isGone(error)) return error;
  const int opened = openBranch(branch);
  return opened != 0 ? opened : writeOnce(branch.freeze.get(), value);
}

int Branches::freeze() {
  int problem = 0;
  for (Branch& branch : branches_) {
    if (const int error = write(branch, "1"); error != 0 && problem == 0) problem = error;
  }
  return problem;
}

int Branches::thaw() {
  int problem = 0;
  for (Branch& branch : branches_) {
    if (const int error = write(branch, "0"); error != 0 && problem == 0) problem = error;
  }
  return problem;
}

int Branches::freezeRuns() {
  int problem = 0;
  for (const Branch& branch : branches_) {
    if (const int error = writeToRuns(branch.directory.get(), "cgroup.freeze", "1"); problem == 0) problem = error;
  }
  return problem;
}

int Branches::killRuns() {
  int problem = 0;
  for (const Branch& branch : branches_) {
    if (const int error = writeToRuns(branch.directory.get(), "cgroup.kill", "1"); problem == 0) problem = error;
  }
  return problem;
}

// One descriptor for all of it: whose it is, and what is ended, is the same group, whoever makes another one of that
// name meanwhile.
void Branches::killRunsOf(OwnKills& kills) {
  for (OwnKill& kill : kills) kill.left = 0;
  const auto endOne = [&](int branch, const char* run) {
    const UniqueFd group = openQuietly(branch, run, O_RDONLY | O_DIRECTORY);
    OwnKill* const kill = group ? kills.find(sandbox::readRunOwner(group.get())) : nullptr;
    if (kill == nullptr) return;
    const UniqueFd events = openQuietly(group.get(), "cgroup.events", O_RDONLY);
    if (events ? answerIn(events.get(), "populated") == Answer::kNo : isGone(errno)) return;
    ++kill->left;
    (void)writeKnob(group.get(), "cgroup.kill", "1");  // Who is still there is seen when it is looked at again.
  };
  for (const Branch& branch : branches_) {
    (void)forEachDirectory(branch.directory.get(), [&](const char* run) { endOne(branch.directory.get(), run); });
  }
}

void Branches::hurry() {
  share(idle_, "0", kMostShares, kMostWeight);
  share(other_, nullptr, kMostShares, kMostWeight);
}

void Branches::yieldAgain() {
  share(idle_, nullptr, kLeastShares, kLeastWeight);
  share(idle_, "1", nullptr, nullptr);
  share(other_, nullptr, kUsualShares, kUsualWeight);
}

// `any`: the answer of one that decides for both.
Branches::Answer Branches::event(const char* key, Answer any) {
  Answer all = any == Answer::kYes ? Answer::kNo : Answer::kYes;
  for (const Branch& branch : branches_) {
    const Answer answer = answerIn(branch.events.get(), key);
    if (answer == any) return any;
    if (answer == Answer::kUnknown) all = Answer::kUnknown;
  }
  return all;
}

Branches::Answer Branches::isFrozen() { return event("frozen", Answer::kNo); }
Branches::Answer Branches::isPopulated() { return event("populated", Answer::kYes); }

Branches::Answer Branches::isToldToFreeze() {
  Answer all = Answer::kNo;
  for (const Branch& branch : branches_) {
    char told = 0;
    if (readFromStart(branch.freeze.get(), &told, 1) != 1) all = Answer::kUnknown;
    if (told == '1') return Answer::kYes;
  }
  return all;
}

}  // namespace ringfence::supervisor::stop
