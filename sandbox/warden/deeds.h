// The deeds on paths, by family. Internal to prepare.cc.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "sandbox/kernel/guarded_calls.h"
#include "sandbox/warden/deed.h"
#include "sandbox/warden/resolve.h"

namespace ringfence::sandbox {

// A call on paths, all of it copied.
struct PathCall {
  GuardedCall call = GuardedCall::kUnknown;
  CopiedPath path;    // none for a call on a descriptor: `object` then
  CopiedPath second;  // of rename and link: the new name; of symlink nothing
  UniqueFd object;
  LastLink last = LastLink::kFollow;
  std::uint64_t flags = 0;  // open: as openat2 takes them; rename, unlink: of renameat2 and unlinkat
  std::uint64_t mode = 0;
  std::uint64_t resolve = 0;
  std::uint32_t umask = 0;  // of the caller, where something is made; of an open only when that is known
  std::uint64_t device = 0;
  uid_t owner = 0;
  gid_t group = 0;
  std::int64_t length = 0;
  std::optional<std::array<timespec, 2>> times;  // nothing: now
  std::string text;                              // what a link says; the name of an attribute
  std::string value;                             // of an attribute
};

// Set-id bits: never, whatever else the mode says. A file made inside must not be one outside.
inline constexpr std::uint64_t kSetIdBits = 06000;

OrErrno<PathCall> copyPathCall(const Caller& caller);
PreparedDeed prepareOpen(const Caller& caller, PathCall call);
PreparedDeed prepareNames(const Caller& caller, PathCall call);       // mkdir, unlink, rename and the like
PreparedDeed prepareAttributes(const Caller& caller, PathCall call);  // chmod, utime and the like, truncate
PreparedDeed preparePathCall(const Caller& caller, PathCall call);

// A deed on paths: what is put in its place is the same call with another path.
class PathDeed : public Deed {
 public:
  explicit PathDeed(PathCall call) : call_(std::move(call)) {}
  std::string object() const override;
  std::string detail(std::size_t target) const override;
  OrErrno<std::unique_ptr<Deed>> rewritten(const Caller& caller, std::size_t target, const Rewrite& rewrite) override;

 protected:
  virtual int pinned() const { return -1; }
  // An empty path is nobody's but the caller's: not judged.
  void judge(policy::Operation operation, std::string path);
  PathCall call_;
};

// One of that kind, or the errno that its prepare() gives.
template <typename Kind, typename... Parts>
PreparedDeed prepared(PathCall call, Parts&&... parts) {
  auto deed = std::make_unique<Kind>(std::move(call), std::forward<Parts>(parts)...);
  if (const int error = deed->prepare(); error != 0) return Errno{error};
  return std::unique_ptr<Deed>(std::move(deed));
}

// Sets the umask of this thread alone for as long as it lives; needs unshare(CLONE_FS).
class ScopedUmask {
 public:
  explicit ScopedUmask(std::uint32_t mask);
  ~ScopedUmask();
  ScopedUmask(const ScopedUmask&) = delete;
  ScopedUmask& operator=(const ScopedUmask&) = delete;

 private:
  mode_t old_;
};

}  // namespace ringfence::sandbox
