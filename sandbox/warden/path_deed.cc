#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "sandbox/warden/deeds.h"
#include "sdk/base/io.h"
#include "sdk/base/sha256.h"

namespace ringfence::sandbox {
namespace {

// PreparedDeed content in place of what is in a file.
class GiveContent final : public Deed {
 public:
  GiveContent(std::string content, CloseOnExec closeOnExec) : content_(std::move(content)), closeOnExec_(closeOnExec) {}
  Lasting lasting() const override { return Lasting::kNothing; }
  Effect perform() override {
    auto file = sealedMemfd("ringfence-content", content_);
    if (!file) return Effect::failed(file.error().sysErrno != 0 ? file.error().sysErrno : EIO);
    // One that can only be read, as was asked for.
    Effect effect;
    effect.kind = Effect::Kind::kFd;
    effect.fd.reset(::open(handleOf(file->get()).c_str(), O_RDONLY | O_CLOEXEC));
    if (!effect.fd) return Effect::failed(errno);
    effect.closeOnExec = closeOnExec_;
    return effect;
  }
  OrErrno<std::unique_ptr<Deed>> rewritten(const Caller&, std::size_t, const Rewrite&) override {
    return Errno{EACCES};
  }

 private:
  std::string content_;
  CloseOnExec closeOnExec_;
};

bool isOpen(GuardedCall call) {
  return call == GuardedCall::kOpen || call == GuardedCall::kOpenat || call == GuardedCall::kOpenat2 ||
         call == GuardedCall::kCreat;
}

PathCall again(const PathCall& call) {
  PathCall copy;
  copy.call = call.call;
  copy.path = call.path;
  copy.second = call.second;
  copy.last = call.last;
  copy.flags = call.flags;
  copy.mode = call.mode;
  copy.resolve = call.resolve;
  copy.umask = call.umask;
  copy.device = call.device;
  copy.owner = call.owner;
  copy.group = call.group;
  copy.length = call.length;
  copy.times = call.times;
  copy.text = call.text;
  copy.value = call.value;
  return copy;
}

std::string octal(std::uint64_t mode) {
  std::array<char, 16> text{};
  (void)std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

std::string number(std::uint32_t id) { return id == ~std::uint32_t{0} ? "unchanged" : std::to_string(id); }

std::string timeText(const std::optional<std::array<timespec, 2>>& times) {
  if (!times) return "now";
  std::string text;
  for (const timespec& time : *times)
    text += (text.empty() ? "" : " ") + std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
  return text;
}

std::string detailOf(const PathCall& call) {
  switch (call.call) {
    case GuardedCall::kChmod:
    case GuardedCall::kFchmod:
    case GuardedCall::kFchmodat:
    case GuardedCall::kFchmodat2: return octal(call.mode);
    case GuardedCall::kChown:
    case GuardedCall::kFchown:
    case GuardedCall::kLchown:
    case GuardedCall::kFchownat: return "owner " + number(call.owner) + " group " + number(call.group);
    case GuardedCall::kTruncate: return "to " + std::to_string(call.length) + " bytes";
    case GuardedCall::kSymlink:
    case GuardedCall::kSymlinkat: return "to " + call.text;
    case GuardedCall::kRenameat2:
      return (call.flags & RENAME_EXCHANGE) != 0 ? "and back: each in place of the other" : "";
    case GuardedCall::kSetxattr:
    case GuardedCall::kLsetxattr:
    case GuardedCall::kFsetxattr:
      return call.text + ", " + std::to_string(call.value.size()) + " bytes, sha256 " +
             sha256Hex(call.value).substr(0, 32);
    case GuardedCall::kRemovexattr:
    case GuardedCall::kLremovexattr:
    case GuardedCall::kFremovexattr: return "without " + call.text;
    case GuardedCall::kUtime:
    case GuardedCall::kUtimes:
    case GuardedCall::kFutimesat:
    case GuardedCall::kUtimensat: return timeText(call.times);
    default: return {};
  }
}

}  // namespace

Effect Effect::of(long result) {
  if (result < 0) return failed(errno);
  Effect effect;
  effect.value = result;
  return effect;
}

GuardedAction Deed::describe(std::size_t target) const {
  GuardedAction action{.second = second_, .object = object()};
  if (target < targets_.size()) action.action = targets_[target];
  return action;
}

void PathDeed::judge(policy::Operation operation, std::string path) {
  if (path.empty()) return;
  targets_.push_back({.operation = operation, .target = std::move(path), .argv = {}});
}

std::string PathDeed::detail(std::size_t target) const {
  std::string text = detailOf(call_);
  if (target == 1 && !second_.empty()) text = "from " + targets_.front().target + (text.empty() ? "" : ", " + text);
  if (text.size() <= kMaxGuardText / 2) return text;
  return text.substr(0, kMaxGuardText / 2) + "… (sha256 " + sha256Hex(text).substr(0, 32) + ")";
}

std::string PathDeed::object() const {
  struct stat status {};
  if (pinned() < 0 || ::fstat(pinned(), &status) != 0) return {};
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

OrErrno<std::unique_ptr<Deed>> PathDeed::rewritten(const Caller& caller, std::size_t target, const Rewrite& rewrite) {
  if (rewrite.content && isOpen(call_.call) && (call_.flags & (O_ACCMODE | O_TRUNC | O_PATH)) == O_RDONLY) {
    const auto onExec = (call_.flags & O_CLOEXEC) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
    return std::unique_ptr<Deed>(std::make_unique<GiveContent>(*rewrite.content, onExec));
  }
  if (!rewrite.path) return Errno{EACCES};
  PathCall call = again(call_);
  const bool second = !second_.empty() && target + 1 == targets_.size();
  (second ? call.second : call.path) = RF_OR_ERRNO(givenPath(*rewrite.path));
  call.resolve = 0;
  return preparePathCall(caller, std::move(call));
}

ScopedUmask::ScopedUmask(std::uint32_t mask) : old_(::umask(static_cast<mode_t>(mask))) {}
ScopedUmask::~ScopedUmask() { (void)::umask(old_); }

}  // namespace ringfence::sandbox
