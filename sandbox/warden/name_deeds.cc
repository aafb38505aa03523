// Making, moving and removing names: in pinned directories, by the last name alone.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "sandbox/warden/deeds.h"

namespace ringfence::sandbox {
namespace {

// What is there under a bare name. 0 or errno.
int look(const Place& place, struct stat& status) {
  const std::string bare = place.name.substr(0, place.name.find_last_not_of('/') + 1);
  return ::fstatat(place.directory.get(), bare.empty() ? "/" : bare.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ? 0
                                                                                                                : errno;
}

class MakeName final : public PathDeed {
 public:
  MakeName(PathCall call, Place place) : PathDeed(std::move(call)), place_(std::move(place)) {}
  int prepare() {
    struct stat status {};
    // What a program hears of a name that is taken comes before what it may do, as from the kernel.
    if (place_.isSpecial() || look(place_, status) == 0) return EEXIST;
    auto path = pathOf(place_);
    if (!path) return path.error().value;
    judge(policy::Operation::kWrite, std::move(*path));
    return 0;
  }
  Effect perform() override {
    const ScopedUmask umask(call_.umask);
    const int directory = place_.directory.get();
    const char* name = place_.name.c_str();
    const auto mode = static_cast<mode_t>(call_.mode);
    switch (call_.call) {
      case GuardedCall::kMkdir:
      case GuardedCall::kMkdirat: return Effect::of(::mkdirat(directory, name, mode));
      case GuardedCall::kMknod:
      case GuardedCall::kMknodat: return Effect::of(::mknodat(directory, name, mode, call_.device));
      default: return Effect::of(::symlinkat(call_.text.c_str(), directory, name));
    }
  }

 protected:
  int pinned() const override { return place_.directory.get(); }

 private:
  Place place_;
};

class MakeLink final : public PathDeed {
 public:
  MakeLink(PathCall call, UniqueFd source, Place place)
      : PathDeed(std::move(call)), source_(std::move(source)), place_(std::move(place)) {}
  int prepare() {
    struct stat status {};
    if (place_.isSpecial() || look(place_, status) == 0) return EEXIST;
    auto to = pathOf(place_);
    if (!to) return to.error().value;
    auto from = pathOf(source_.get());
    if (!from) return from.error().value;
    // Under its new name it can be changed, so the old one counts too.
    second_ = *to;
    judge(policy::Operation::kWrite, std::move(*from));
    judge(policy::Operation::kWrite, std::move(*to));
    return 0;
  }
  Effect perform() override {
    return Effect::of(::linkat(AT_FDCWD, handleOf(source_.get()).c_str(), place_.directory.get(), place_.name.c_str(),
                               AT_SYMLINK_FOLLOW));
  }

 protected:
  int pinned() const override { return source_.get(); }

 private:
  UniqueFd source_;
  Place place_;
};

class RemoveName final : public PathDeed {
 public:
  RemoveName(PathCall call, Place place) : PathDeed(std::move(call)), place_(std::move(place)) {}
  int prepare() {
    struct stat status {};
    if (const int error = look(place_, status); error != 0) return error;
    if (place_.isSpecial()) return 0;
    auto path = pathOf(place_);
    if (!path) return path.error().value;
    judge(policy::Operation::kWrite, std::move(*path));
    return 0;
  }
  Effect perform() override {
    return Effect::of(::unlinkat(place_.directory.get(), place_.name.c_str(), static_cast<int>(call_.flags)));
  }

 protected:
  int pinned() const override { return place_.directory.get(); }

 private:
  Place place_;
};

class MoveName final : public PathDeed {
 public:
  MoveName(PathCall call, Place from, Place to)
      : PathDeed(std::move(call)), from_(std::move(from)), to_(std::move(to)) {}
  int prepare() {
    if (from_.isSpecial() || to_.isSpecial()) return 0;
    struct stat status {};
    if (const int error = look(from_, status); error != 0) return error;
    auto from = pathOf(from_);
    if (!from) return from.error().value;
    auto to = pathOf(to_);
    if (!to) return to.error().value;
    second_ = *to;
    judge(policy::Operation::kWrite, std::move(*from));
    judge(policy::Operation::kWrite, std::move(*to));
    return 0;
  }
  Ruling rule(const Rules& rules) const override { return rules.ruleMove(targets_); }
  Effect perform() override {
    return Effect::of(::renameat2(from_.directory.get(), from_.name.c_str(), to_.directory.get(), to_.name.c_str(),
                                  static_cast<unsigned>(call_.flags)));
  }

 protected:
  int pinned() const override { return from_.directory.get(); }

 private:
  Place from_;
  Place to_;
};

PreparedDeed prepareMake(const Caller& caller, PathCall call) {
  const bool node = call.call == GuardedCall::kMknod || call.call == GuardedCall::kMknodat;
  if ((call.mode & kSetIdBits) != 0) return Errno{EPERM};
  // Devices need a right that nobody in a run has.
  if (node && (S_ISCHR(call.mode) || S_ISBLK(call.mode))) return Errno{EPERM};
  Place place = RF_OR_ERRNO(pinPlace(caller, call.path));
  const bool directory = call.call == GuardedCall::kMkdir || call.call == GuardedCall::kMkdirat;
  // The kernel's own answer to something else than a directory under a name with a slash behind it.
  struct stat status {};
  if (!directory && place.name.ends_with('/') && !place.isSpecial() && look(place, status) != 0) return Errno{ENOENT};
  return prepared<MakeName>(std::move(call), std::move(place));
}

}  // namespace

PreparedDeed prepareNames(const Caller& caller, PathCall call) {
  switch (call.call) {
    case GuardedCall::kUnlink:
    case GuardedCall::kUnlinkat:
    case GuardedCall::kRmdir: {
      Place place = RF_OR_ERRNO(pinPlace(caller, call.path));
      return prepared<RemoveName>(std::move(call), std::move(place));
    }
    case GuardedCall::kRename:
    case GuardedCall::kRenameat:
    case GuardedCall::kRenameat2: {
      Place from = RF_OR_ERRNO(pinPlace(caller, call.path));
      Place to = RF_OR_ERRNO(pinPlace(caller, call.second));
      return prepared<MoveName>(std::move(call), std::move(from), std::move(to));
    }
    case GuardedCall::kLink:
    case GuardedCall::kLinkat: {
      UniqueFd source;
      if (call.object) {
        source = std::move(call.object);
      } else {
        source = RF_OR_ERRNO(pinObject(caller, call.path, call.last));
      }
      Place place = RF_OR_ERRNO(pinPlace(caller, call.second));
      return prepared<MakeLink>(std::move(call), std::move(source), std::move(place));
    }
    default: return prepareMake(caller, std::move(call));
  }
}

}  // namespace ringfence::sandbox
