#include "sandbox/warden/open_at_once.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <utility>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/file_system.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kTmpfile = O_TMPFILE & ~std::uint64_t{O_DIRECTORY};
constexpr std::uint64_t kNeverAtOnce = O_PATH | kTmpfile | O_ASYNC;
// Of what is opened, what can be changed afterwards: all of it is said again when one is.
constexpr std::uint64_t kSettable = O_APPEND | O_DIRECT | O_NOATIME;

// Directories with plain files in them, by a hash of their name. Two of the same one cost time and nothing else.
std::array<std::atomic<std::size_t>, 256> plainPlaces{};

std::size_t placeOf(std::string_view path) {
  return std::hash<std::string_view>{}(path.substr(0, path.find_last_of('/') + 1)) | 1;
}

// Only for writing: a FIFO that is met by surprise either has a reader, and then it is what its caller would have got
// too, or is not opened at all. To open one for reading without waiting would be seen by its writer.
bool mayBeAtOnce(const PathCall& call) {
  const std::uint64_t access = call.flags & O_ACCMODE;
  if ((call.flags & kNeverAtOnce) != 0 || call.resolve != 0 || (access != O_WRONLY && access != O_RDWR)) return false;
  return (call.flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
}

// Where opening means more than a file.
bool isSpecialPlace(std::string_view path) {
  return path.starts_with("/dev/") || path.starts_with("/proc/") || path.starts_with("/sys/");
}

class OpenedFile final : public PathDeed {
 public:
  struct Judged {
    std::shared_ptr<const Rules> by;
    Ruling ruling;
    std::vector<policy::Action> targets;
  };
  OpenedFile(PathCall call, UniqueFd file, mode_t mode, Judged judged)
      : PathDeed(std::move(call)), file_(std::move(file)), mode_(mode), judged_(std::move(judged)) {
    targets_ = std::move(judged_.targets);
  }
  Ruling rule(const Rules& rules) const override {
    if (&rules != std::exchange(judged_.by, nullptr).get()) return PathDeed::rule(rules);
    return std::move(judged_.ruling);
  }
  Lasting lasting() const override { return (call_.flags & O_TRUNC) != 0 ? Lasting::kChange : Lasting::kNothing; }
  Effect perform() override {
    // To a FIFO it means nothing.
    if ((call_.flags & O_TRUNC) != 0 && S_ISREG(mode_) && ::ftruncate(file_.get(), 0) != 0)
      return Effect::failed(errno);
    // It was opened so that it could not block.
    const bool settled = (call_.flags & O_NONBLOCK) != 0 ||
                         ::fcntl(file_.get(), F_SETFL, static_cast<int>(call_.flags & kSettable)) == 0;
    if (!settled) return Effect::failed(errno);
    Effect effect;
    effect.kind = Effect::Kind::kFd;
    effect.fd = std::move(file_);
    effect.closeOnExec = (call_.flags & O_CLOEXEC) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
    // A program that is being written cannot be run, and a FIFO has a writer: not for longer than the caller has it
    // open.
    const bool seen = !S_ISREG(mode_) || (mode_ & 0111) != 0;
    effect.handover = seen ? Handover::kAfterClosing : Handover::kAtOnce;
    return effect;
  }

 protected:
  int pinned() const override { return file_.get(); }

 private:
  UniqueFd file_;
  mode_t mode_;
  mutable Judged judged_;  // said once: a verdict is many words
};

OrErrno<std::string> nameOf(const CopiedPath& path) {
  if (!path.base) return path.text;
  std::string name = RF_OR_ERRNO(pathOf(path.base.get()));
  if (name != "/") name += '/';
  return name + path.text;
}

}  // namespace

void knowAsPlain(std::string_view path) {
  const std::size_t place = placeOf(path);
  plainPlaces[place / 2 % plainPlaces.size()].store(place, std::memory_order_relaxed);
}

std::unique_ptr<Deed> openAtOnce(PathCall& call, const std::shared_ptr<const Rules>& rules) {
  if (!mayBeAtOnce(call)) return nullptr;
  auto name = nameOf(call.path);
  if (!name || isSpecialPlace(*name)) return nullptr;
  const std::size_t place = placeOf(*name);
  if (plainPlaces[place / 2 % plainPlaces.size()].load(std::memory_order_relaxed) != place) return nullptr;
  OpenedFile::Judged judged{.by = rules, .ruling = {}, .targets = {}};
  judged.targets.push_back({.operation = policy::Operation::kWrite, .target = *name, .argv = {}});
  if ((call.flags & O_ACCMODE) == O_RDWR) {
    judged.targets.push_back({.operation = policy::Operation::kRead, .target = *name, .argv = {}});
  }
  judged.ruling = rules->rule(judged.targets);
  if (judged.ruling.decision != policy::Decision::kAllow) return nullptr;
  // From what the kernel has in memory alone: what must be fetched first may take as long as its server likes.
  const std::uint64_t flags =
      (call.flags & ~std::uint64_t{O_CREAT | O_EXCL | O_NOFOLLOW | O_TRUNC}) | O_NONBLOCK | O_NOCTTY;
  UniqueFd file(openHow(call.path.directory(), call.path.text.c_str(),
                        {.flags = flags, .resolve = kResolveNoMagicLinks | kResolveNoSymlinks | kResolveCached}));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return nullptr;
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) return nullptr;
  if (fileSystemOf(file.get(), status.st_dev) != FileSystemKind::kLocal) return nullptr;
  // What was opened is judged by the name that it has now; the rules were asked about no other one.
  auto found = pathOf(file.get());
  if (!found || *found != *name) return nullptr;
  return std::make_unique<OpenedFile>(std::move(call), std::move(file), status.st_mode, std::move(judged));
}

}  // namespace ringfence::sandbox
