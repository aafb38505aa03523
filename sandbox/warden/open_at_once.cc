#include "sandbox/warden/open_at_once.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <utility>

#include "sandbox/warden/file_system.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kTmpfile = O_TMPFILE & ~std::uint64_t{O_DIRECTORY};
constexpr std::uint64_t kNeverAtOnce = O_PATH | kTmpfile | O_ASYNC;
// Of what is opened, what can be changed afterwards: all of it is said again when one is.
constexpr std::uint64_t kSettable = O_APPEND | O_DIRECT | O_NOATIME;

// Directories with plain files in them, by a hash of their name. Two of the same one cost time and nothing else.
std::array<std::atomic<std::size_t>, 256> plainPlaces{};

std::size_t directoryOf(std::string_view path) {
  return std::hash<std::string_view>{}(path.substr(0, path.find_last_of('/') + 1)) | 1;
}

bool isPlainPlace(std::string_view path) {
  const std::size_t directory = directoryOf(path);
  return plainPlaces[directory / 2 % plainPlaces.size()].load(std::memory_order_relaxed) == directory;
}

bool isOpen(GuardedCall call) {
  return call == GuardedCall::kOpen || call == GuardedCall::kOpenat || call == GuardedCall::kOpenat2 ||
         call == GuardedCall::kCreat;
}

// Only for writing: a FIFO that is met by surprise either has a reader, and then it is what its caller would have got
// too, or is not opened at all. To open one for reading without waiting would be seen by its writer.
bool mayBeAtOnce(const PathCall& call) {
  const std::uint64_t access = call.flags & O_ACCMODE;
  if (!isOpen(call.call) || call.resolve != 0 || (call.flags & kNeverAtOnce) != 0) return false;
  if ((call.mode & kSetIdBits) != 0 || (access != O_WRONLY && access != O_RDWR)) return false;
  return (call.flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL) && (call.flags & O_DIRECTORY) == 0;
}

// Where opening means more than a file.
bool isSpecialPlace(std::string_view path) {
  return path.starts_with("/dev/") || path.starts_with("/proc/") || path.starts_with("/sys/");
}

// Whether it says each directory once and by its name: what is judged is then what is walked.
bool isStraight(std::string_view path) {
  for (std::size_t slash = 0; slash < path.size();) {
    const std::size_t next = std::min(path.find('/', slash + 1), path.size());
    const std::string_view name = path.substr(slash + 1, next - slash - 1);
    if (name.empty() || name == "." || name == "..") return false;
    slash = next;
  }
  return path.starts_with('/');
}

OrErrno<std::string> nameOf(const CopiedPath& path) {
  if (!path.base) return path.text;
  std::string name = RF_OR_ERRNO(pathOf(path.base.get()));
  if (name.empty()) return Errno{ENOENT};
  if (name != "/") name += '/';
  return name + path.text;
}

}  // namespace

void knowAsPlain(std::string_view path) {
  const std::size_t directory = directoryOf(path);
  plainPlaces[directory / 2 % plainPlaces.size()].store(directory, std::memory_order_relaxed);
}

std::optional<OpensAtOnce::Known> OpensAtOnce::find(const Wanted& wanted) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(wanted);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void OpensAtOnce::know(Wanted wanted, Known known) {
  if (wanted.name.size() > kMaxKnownName) return;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnownOpens) known_.clear();
  known_.insert_or_assign(std::move(wanted), std::move(known));
}

std::shared_ptr<const AllowedOpen> OpensAtOnce::judge(const Wanted& wanted) const {
  std::vector<policy::Action> targets{{.operation = policy::Operation::kWrite, .target = wanted.name, .argv = {}}};
  if (wanted.access == O_RDWR) {
    targets.push_back({.operation = policy::Operation::kRead, .target = wanted.name, .argv = {}});
  }
  const Ruling ruling = rules_->rule(targets);
  if (ruling.decision != policy::Decision::kAllow) return nullptr;
  GuardedAction action;
  action.action = std::move(targets[ruling.target]);
  action.what = guardedCallName(wanted.call);
  return std::make_shared<const AllowedOpen>(
      AllowedOpen{.entry = EntryForm(std::move(action), ruling.verdict.rule), .recorded = ruling.recorded});
}

std::optional<OpenedAtOnce> OpensAtOnce::open(const PathCall& call) {
  if (!mayBeAtOnce(call)) return std::nullopt;
  auto name = nameOf(call.path);
  if (!name || isSpecialPlace(*name) || !isStraight(*name)) return std::nullopt;
  Wanted wanted{.name = std::move(*name), .call = call.call, .access = call.flags & O_ACCMODE};
  const auto known = find(wanted);
  std::shared_ptr<const AllowedOpen> allowed;
  if (known) {
    allowed = known->allowed;
  } else if (isPlainPlace(wanted.name)) {
    allowed = judge(wanted);
  }
  if (!allowed) return std::nullopt;
  // From what the kernel has in memory alone: what must be fetched first may take as long as its server likes.
  const std::uint64_t flags =
      (call.flags & ~std::uint64_t{O_CREAT | O_EXCL | O_NOFOLLOW | O_TRUNC}) | O_NONBLOCK | O_NOCTTY;
  UniqueFd file(openHow(call.path.directory(), call.path.text.c_str(),
                        {.flags = flags, .resolve = kResolveNoMagicLinks | kResolveNoSymlinks | kResolveCached}));
  if (!file) return std::nullopt;
  const auto found = lookAtFile(file.get());
  if (!found || (!S_ISREG(found->mode) && !S_ISFIFO(found->mode))) return std::nullopt;
  if (fileSystemOf(file.get(), found->device) != FileSystemKind::kLocal) return std::nullopt;
  if (!known || found->identity != known->file) {
    const auto path = pathOf(file.get());
    if (!path || *path != wanted.name) return std::nullopt;
    if (found->identity && S_ISREG(found->mode))
      know(std::move(wanted), {.file = *found->identity, .allowed = allowed});
  }
  return OpenedAtOnce{.file = std::move(file), .mode = found->mode, .allowed = std::move(allowed)};
}

int OpenedAtOnce::settle(std::uint64_t flags) const {
  // To a FIFO it means nothing.
  if ((flags & O_TRUNC) != 0 && S_ISREG(mode) && ::ftruncate(file.get(), 0) != 0) return errno;
  // It was opened so that it could not block.
  if ((flags & O_NONBLOCK) != 0) return 0;
  return ::fcntl(file.get(), F_SETFL, static_cast<int>(flags & kSettable)) == 0 ? 0 : errno;
}

// A program that is being written cannot be run, and a FIFO has a writer: not for longer than the caller has it open.
Handover OpenedAtOnce::handover() const {
  return !S_ISREG(mode) || (mode & 0111) != 0 ? Handover::kAfterClosing : Handover::kAtOnce;
}

}  // namespace ringfence::sandbox
