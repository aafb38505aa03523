#include "sandbox/warden/allowed_execs.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "sandbox/warden/exec_head.h"
#include "sandbox/warden/exec_unwrap.h"

namespace ringfence::sandbox {
namespace {

// Longer ones are judged each time.
constexpr std::size_t kMaxArguments = 64;
constexpr std::size_t kMaxBytes = 4096;

// Where its environment is differs from one call to the next.
bool isSame(const ExecCopy& one, const ExecCopy& other) {
  return one.call == other.call && one.path == other.path && one.argv == other.argv && !one.argvCut && !other.argvCut &&
         one.flags == other.flags && one.directory == other.directory;
}

ExecObject unopened(const ExecObject& object) {
  return {.fd = {},
          .fixed = object.fixed,
          .device = object.device,
          .inode = object.inode,
          .path = object.path,
          .head = object.head,
          .argv = object.argv,
          .loads = object.loads};
}

// What a dynamic loader loads is found by a path of its own, which may lead elsewhere the next time.
bool loadsAnother(const ExecObject& program) {
  return std::ranges::any_of(unwrapCommand(program.path, program.argv), [](const UnwrappedCommand& inner) {
    return inner.loadedInside && inner.argv.front().find('/') != std::string::npos;
  });
}

bool isShort(const ExecCopy& copy) {
  std::size_t bytes = copy.path.size();
  for (const std::string& argument : copy.argv) bytes += argument.size();
  return copy.argv.size() <= kMaxArguments && bytes <= kMaxBytes;
}

}  // namespace

std::shared_ptr<const AllowedExec>& AllowedExecs::placeOf(const ExecCopy& copy) {
  const std::hash<std::string> hash;
  std::size_t sum = hash(copy.path);
  for (const std::string& argument : copy.argv) sum = sum * 31 + hash(argument);
  return places_[sum % places_.size()];
}

std::shared_ptr<const AllowedExec> AllowedExecs::find(const ExecCopy& copy, const Rules& rules) {
  std::shared_ptr<const AllowedExec> found;
  {
    const std::lock_guard lock(mutex_);
    found = placeOf(copy);
  }
  if (!found || found->rules != rules.serial() || !isSame(found->copy, copy)) return nullptr;
  struct statx status {};
  const auto known = knownAt(copy.path, status);
  const bool same = known && known->path == found->program.path && status.stx_ino == found->program.inode &&
                    makedev(status.stx_dev_major, status.stx_dev_minor) == found->program.device;
  return same ? found : nullptr;
}

void AllowedExecs::keep(const ExecCase& allowed, const Rules& rules, const Ruling& ruling,
                        const policy::Action& action) {
  const std::vector<ExecObject>& chain = allowed.program.chain;
  if (allowed.kept || allowed.copy.argvCut || chain.size() != 1 || !chain.front().fixed) return;
  if (!isShort(allowed.copy) || loadsAnother(chain.front())) return;
  auto kept = std::make_shared<const AllowedExec>(AllowedExec{
      .rules = rules.serial(),
      .copy = allowed.copy,
      .program = unopened(chain.front()),
      .entry =
          EntryForm({.action = action, .what = std::string(guardedCallName(allowed.copy.call))}, ruling.verdict.rule)});
  const std::lock_guard lock(mutex_);
  placeOf(allowed.copy) = std::move(kept);
}

ExecCase againOf(const AllowedExec& allowed, const Notification& call, const ExecCopy& copy) {
  ExecCase again{.call = call, .copy = copy, .program = {}, .kept = {}};
  again.program.chain.push_back(unopened(allowed.program));
  return again;
}

}  // namespace ringfence::sandbox
