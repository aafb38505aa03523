#include "sandbox/warden/open_at_once.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <utility>

#include "policy/triggers.h"
#include "sandbox/warden/file_system.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kTmpfile = O_TMPFILE & ~std::uint64_t{O_DIRECTORY};
constexpr std::uint64_t kNeverAtOnce = O_PATH | kTmpfile | O_ASYNC;
// Of what is opened, what can be changed afterwards: all of it is said again when one is.
constexpr std::uint64_t kSettable = O_APPEND | O_DIRECT | O_NOATIME;
// By its very names, and from what the kernel has in memory alone: what must be fetched first may take as long as its
// server likes.
constexpr std::uint64_t kWalk = kResolveNoMagicLinks | kResolveNoSymlinks | kResolveCached;
constexpr std::uint64_t kWalkLinks = kResolveNoMagicLinks | kResolveCached;

constexpr std::string_view kNull = "/dev/null";
const dev_t kNullDevice = makedev(1, 3);

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

bool onlyReads(std::uint64_t flags) { return (flags & O_ACCMODE) == O_RDONLY; }

// For writing a FIFO may be met by surprise: either it has a reader, and then it is what its caller would have got too,
// or it is not opened at all.
bool mayBeAtOnce(const PathCall& call) {
  if (!isOpen(call.call) || call.resolve != 0 || (call.flags & kNeverAtOnce) != 0) return false;
  if (onlyReads(call.flags)) return (call.flags & (O_CREAT | O_EXCL | O_TRUNC)) == 0;
  const std::uint64_t access = call.flags & O_ACCMODE;
  if ((call.mode & kSetIdBits) != 0 || (access != O_WRONLY && access != O_RDWR)) return false;
  return (call.flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL) && (call.flags & O_DIRECTORY) == 0;
}

// Where opening means more than a file.
bool isSpecialPlace(std::string_view path) {
  return path.starts_with("/dev/") || path.starts_with("/proc/") || path.starts_with("/sys/");
}

// Whether it says each directory once and by its name: what is judged is then what is walked.
bool isStraightBelow(std::string_view text) {
  for (;;) {
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view name = text.substr(0, end);
    if (name.empty() || name == "." || name == "..") return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

bool isStraight(std::string_view path) { return path.starts_with('/') && isStraightBelow(path.substr(1)); }

// Of a directory, where one is asked for, "directory/" is the directory and "." what the path is relative to.
std::string_view textOf(const PathCall& call) {
  std::string_view text = call.path.text;
  if ((call.flags & O_DIRECTORY) == 0) return text;
  if (text.ends_with('/')) text.remove_suffix(1);
  return text == "." && call.path.base ? std::string_view() : text;
}

OrErrno<std::string> nameOf(const PathCall& call) {
  const std::string_view text = textOf(call);
  if (!call.path.base) return std::string(text);
  std::string name = RF_OR_ERRNO(pathOf(*call.path.base));
  if (name.empty()) return Errno{ENOENT};
  if (!text.empty() && !name.ends_with('/')) name += '/';
  name += text;
  return name;
}

int pin(const PathCall& call, std::uint64_t walk) {
  return openHow(call.path.directory(), call.path.text.c_str(),
                 {.flags = O_PATH | (call.flags & O_DIRECTORY), .resolve = walk});
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

std::optional<OpensAtOnce::Known> OpensAtOnce::find(const Below& below) {
  const std::lock_guard lock(mutex_);
  const auto found = below_.find(below);
  return found == below_.end() ? std::nullopt : std::optional(found->second);
}

void OpensAtOnce::know(const Wanted& wanted, Known known) {
  if (wanted.name.size() > kMaxKnownName) return;
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnownOpens) known_.clear();
  known_.insert_or_assign(wanted, std::move(known));
}

// What has the name that the folder gave it. Not where links led there: those may be turned.
void OpensAtOnce::know(Below below, const Wanted& wanted) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(wanted);
  if (found == known_.end() || found->second.way == Way::kWithLinks || found->second.allowed->entry) return;
  if (below_.size() >= kMaxKnownOpens) below_.clear();
  below_.insert_or_assign(std::move(below), found->second);
}

std::shared_ptr<const AllowedOpen> OpensAtOnce::judge(const Wanted& wanted, std::string path) const {
  static const auto kUnrecorded = std::make_shared<const AllowedOpen>();
  std::vector<policy::Action> targets;
  const auto add = [&](policy::Operation operation) {
    targets.push_back({.operation = operation, .target = path, .argv = {}});
  };
  if (wanted.access != O_RDONLY) add(policy::Operation::kWrite);
  if (wanted.access != O_WRONLY) add(policy::Operation::kRead);
  const Ruling ruling = rules_->rule(targets);
  if (ruling.decision != policy::Decision::kAllow) return nullptr;
  if (!ruling.recorded) return kUnrecorded;
  GuardedAction action;
  action.action = std::move(targets[ruling.target]);
  if (policy::obeyedBy(action.action.target)) return nullptr;  // Of these it is told who changed them.
  action.what = guardedCallName(wanted.call);
  return std::make_shared<const AllowedOpen>(AllowedOpen{.entry = EntryForm(std::move(action), ruling.verdict.rule)});
}

// For reading, and in no special place, whatever the folder is called: those are in the root alone.
std::optional<OpensAtOnce::Below> OpensAtOnce::belowOf(const PathCall& call) {
  const SharedFolder& base = call.path.base;
  if (!onlyReads(call.flags) || !base || !base->plain || base->isRoot) return std::nullopt;
  const std::string_view text = textOf(call);
  if (!text.empty() && !isStraightBelow(text)) return std::nullopt;
  return Below{.folder = base->number, .text = std::string(text)};
}

std::optional<OpenedAtOnce> OpensAtOnce::open(const PathCall& call) {
  if (!mayBeAtOnce(call)) return std::nullopt;
  auto below = belowOf(call);
  UniqueFd pinned;
  if (below) {
    if (const auto known = find(*below)) {
      if (auto opened = openAgain(call, *known)) return opened;
    }
    if ((call.flags & O_DIRECTORY) == 0) {
      // What is not there needs no name.
      const int fd = pin(call, kWalk);
      if (fd == -ENOENT) return OpenedAtOnce{.error = ENOENT};
      pinned.reset(fd);
    }
  }
  auto name = nameOf(call);
  if (!name) return std::nullopt;
  const Wanted wanted{.name = std::move(*name), .call = call.call, .access = call.flags & O_ACCMODE};
  if (wanted.name == kNull) return openNull(call, wanted);
  if (isSpecialPlace(wanted.name) || !isStraight(wanted.name)) return std::nullopt;
  auto opened = openByName(call, wanted, std::move(pinned));
  if (below && opened && opened->error == 0) know(std::move(*below), wanted);
  return opened;
}

std::optional<OpenedAtOnce> OpensAtOnce::openByName(const PathCall& call, const Wanted& wanted, UniqueFd pinned) {
  auto known = find(wanted);
  const bool folder = (call.flags & O_DIRECTORY) != 0;
  const bool plain = known && (known->way == Way::kFixed || (folder && known->way == Way::kByName));
  const bool directly = !onlyReads(call.flags) || (plain && !pinned);
  return directly ? openDirectly(call, wanted, std::move(known))
                  : openPinned(call, wanted, std::move(known), std::move(pinned));
}

// For reading, what was given before under this name. Nothing: it is another one now.
std::optional<OpenedAtOnce> OpensAtOnce::openAgain(const PathCall& call, const Known& known) {
  const bool directly = known.way == Way::kFixed || (call.flags & O_DIRECTORY) != 0;
  const std::uint64_t flags = call.flags & ~std::uint64_t{O_NOFOLLOW};
  const int opened =
      directly ? openHow(call.path.directory(), call.path.text.c_str(), {.flags = flags | O_NOCTTY, .resolve = kWalk})
               : pin(call, kWalk);
  if (opened == -ENOENT) return OpenedAtOnce{.error = ENOENT};
  UniqueFd file(opened);
  if (!file) return std::nullopt;
  const auto found = lookAtFile(file.get());
  if (!found || found->identity != known.file) return std::nullopt;
  if (!directly) {
    file.reset(openHow(AT_FDCWD, handleOf(file.get()).c_str(), {.flags = flags}));
    if (!file) return std::nullopt;
  }
  return OpenedAtOnce{.file = std::move(file), .mode = found->mode, .flags = call.flags, .allowed = known.allowed};
}

// For one that is not known.
std::shared_ptr<const AllowedOpen> OpensAtOnce::prove(const Wanted& wanted, const FileLook& found, int pinned,
                                                      Way way) {
  auto path = pathOf(pinned);
  if (!path || path->empty()) return nullptr;
  if (way == Way::kWithLinks ? isSpecialPlace(*path) : *path != wanted.name) return nullptr;
  auto allowed = judge(wanted, std::move(*path));
  if (!allowed || !found.identity) return allowed;
  if (way == Way::kByName && isReadOnly(pinned)) way = Way::kFixed;
  know(wanted, {.file = *found.identity, .allowed = allowed, .way = way});
  return allowed;
}

std::optional<OpenedAtOnce> OpensAtOnce::openPinned(const PathCall& call, const Wanted& wanted,
                                                    std::optional<Known> known, UniqueFd pinned) {
  const bool follows = (call.flags & O_NOFOLLOW) == 0;
  Way way = follows && known && known->way == Way::kWithLinks ? Way::kWithLinks : Way::kByName;
  if (!pinned && way == Way::kByName) {
    const int fd = pin(call, kWalk);
    if (fd == -ENOENT) return OpenedAtOnce{.error = ENOENT};
    if (fd == -ELOOP && follows) way = Way::kWithLinks;
    pinned.reset(fd);
  }
  // Where links lead to nothing, they may lead to what is its caller's own.
  if (!pinned && way == Way::kWithLinks) pinned.reset(pin(call, kWalkLinks));
  if (!pinned) return std::nullopt;
  const auto found = lookAtFile(pinned.get());
  if (!found || !(S_ISREG(found->mode) || S_ISDIR(found->mode))) return std::nullopt;
  if (fileSystemOf(pinned.get(), found->device) != FileSystemKind::kLocal) return std::nullopt;
  const auto allowed =
      known && found->identity == known->file ? std::move(known->allowed) : prove(wanted, *found, pinned.get(), way);
  if (!allowed) return std::nullopt;
  UniqueFd file(openHow(AT_FDCWD, handleOf(pinned.get()).c_str(), {.flags = call.flags & ~std::uint64_t{O_NOFOLLOW}}));
  if (!file) return std::nullopt;
  return OpenedAtOnce{.file = std::move(file), .mode = found->mode, .flags = call.flags, .allowed = allowed};
}

std::optional<OpenedAtOnce> OpensAtOnce::openDirectly(const PathCall& call, const Wanted& wanted,
                                                      std::optional<Known> known) {
  std::shared_ptr<const AllowedOpen> allowed;
  if (known) {
    allowed = known->allowed;
  } else if (isPlainPlace(wanted.name)) {
    allowed = judge(wanted, wanted.name);
  }
  if (!allowed) return std::nullopt;
  const bool reads = onlyReads(call.flags);
  std::uint64_t flags = (call.flags & ~std::uint64_t{O_CREAT | O_EXCL | O_NOFOLLOW | O_TRUNC}) | O_NOCTTY;
  // A directory waits for nobody, and neither does a file where the run can make no FIFO.
  if (!reads) flags |= O_NONBLOCK;
  UniqueFd file(openHow(call.path.directory(), call.path.text.c_str(), {.flags = flags, .resolve = kWalk}));
  if (!file) return std::nullopt;
  const auto found = lookAtFile(file.get());
  if (!found || !(S_ISREG(found->mode) || (reads ? S_ISDIR(found->mode) : S_ISFIFO(found->mode)))) return std::nullopt;
  if (fileSystemOf(file.get(), found->device) != FileSystemKind::kLocal) return std::nullopt;
  if (!known || found->identity != known->file) {
    const auto path = pathOf(file.get());
    if (!path || *path != wanted.name) return std::nullopt;
    const Way way = reads && isReadOnly(file.get()) ? Way::kFixed : Way::kByName;
    if (found->identity && !S_ISFIFO(found->mode))
      know(wanted, {.file = *found->identity, .allowed = allowed, .way = way});
  }
  return OpenedAtOnce{.file = std::move(file), .mode = found->mode, .flags = flags, .allowed = std::move(allowed)};
}

std::optional<OpenedAtOnce> OpensAtOnce::openNull(const PathCall& call, const Wanted& wanted) {
  auto allowed = judge(wanted, wanted.name);
  if (!allowed || allowed->entry || (call.flags & O_DIRECTORY) != 0) return std::nullopt;
  const std::uint64_t flags = (call.flags & ~std::uint64_t{O_CREAT | O_NOFOLLOW | O_TRUNC}) | O_NOCTTY | O_NONBLOCK;
  UniqueFd file(openHow(call.path.directory(), call.path.text.c_str(), {.flags = flags, .resolve = kWalk}));
  if (!file) return std::nullopt;
  const auto found = lookAtFile(file.get());
  if (!found || !S_ISCHR(found->mode) || found->itself != kNullDevice) return std::nullopt;
  return OpenedAtOnce{.file = std::move(file), .mode = found->mode, .flags = flags, .allowed = std::move(allowed)};
}

int OpenedAtOnce::settle(std::uint64_t asked) const {
  // To a FIFO it means nothing.
  if ((asked & O_TRUNC) != 0 && S_ISREG(mode) && ::ftruncate(file.get(), 0) != 0) return errno;
  // It was opened so that it could not block.
  if ((asked & O_NONBLOCK) == (flags & O_NONBLOCK)) return 0;
  return ::fcntl(file.get(), F_SETFL, static_cast<int>(asked & kSettable)) == 0 ? 0 : errno;
}

// A program that is being written cannot be run, and a FIFO has a writer: not for longer than the caller has it open.
Handover OpenedAtOnce::handover() const {
  if (onlyReads(flags) || S_ISCHR(mode)) return Handover::kAtOnce;
  return !S_ISREG(mode) || (mode & 0111) != 0 ? Handover::kAfterClosing : Handover::kAtOnce;
}

}  // namespace ringfence::sandbox
