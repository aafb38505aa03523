// What a file says about itself, and its length: changed on the pinned object.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/deeds.h"

namespace ringfence::sandbox {
namespace {

class ChangeAttributes final : public PathDeed {
 public:
  ChangeAttributes(PathCall call, UniqueFd object, mode_t type)
      : PathDeed(std::move(call)), object_(std::move(object)), type_(type) {}
  int prepare() {
    auto path = pathOf(object_.get());
    if (!path) return path.error().value;
    judge(policy::Operation::kWrite, std::move(*path));
    return 0;
  }
  Effect perform() override {
    const std::string handle = handleOf(object_.get());
    const char* path = handle.c_str();
    switch (call_.call) {
      case GuardedCall::kTruncate: return Effect::of(::truncate(path, call_.length));
      case GuardedCall::kChmod:
      case GuardedCall::kFchmod:
      case GuardedCall::kFchmodat:
      case GuardedCall::kFchmodat2: return changedMode(path);
      case GuardedCall::kChown:
      case GuardedCall::kFchown:
      case GuardedCall::kLchown:
      case GuardedCall::kFchownat:
        return Effect::of(::fchownat(object_.get(), "", call_.owner, call_.group, AT_EMPTY_PATH));
      case GuardedCall::kSetxattr:
      case GuardedCall::kLsetxattr:
      case GuardedCall::kFsetxattr:
        return Effect::of(::setxattr(path, call_.text.c_str(), call_.value.data(), call_.value.size(),
                                     static_cast<int>(call_.flags)));
      case GuardedCall::kRemovexattr:
      case GuardedCall::kLremovexattr:
      case GuardedCall::kFremovexattr: return Effect::of(::removexattr(path, call_.text.c_str()));
      default:
        return Effect::of(::utimensat(object_.get(), "", call_.times ? call_.times->data() : nullptr, AT_EMPTY_PATH));
    }
  }

 protected:
  int pinned() const override { return object_.get(); }

 private:
  Effect changedMode(const char* path) {
    if (S_ISLNK(type_)) return Effect::failed(EOPNOTSUPP);
    return Effect::of(::chmod(path, static_cast<mode_t>(call_.mode & 07777)));
  }

  UniqueFd object_;
  mode_t type_;
};

}  // namespace

PreparedDeed prepareAttributes(const Caller& caller, PathCall call) {
  const bool mode = call.call == GuardedCall::kChmod || call.call == GuardedCall::kFchmod ||
                    call.call == GuardedCall::kFchmodat || call.call == GuardedCall::kFchmodat2;
  if (mode && (call.mode & kSetIdBits) != 0) return Errno{EPERM};
  UniqueFd object;
  if (call.object) {
    object = std::move(call.object);
  } else {
    object = RF_OR_ERRNO(pinObject(caller, call.path, call.last));
  }
  struct stat status {};
  if (::fstat(object.get(), &status) != 0) return Errno{errno};
  return prepared<ChangeAttributes>(std::move(call), std::move(object), status.st_mode & S_IFMT);
}

}  // namespace ringfence::sandbox
