// What folders held when a walk read them, so that a later walk need not read those that nobody has changed since: of a
// launch of the same workspace that is most of the work. A folder is known again by its device, its inode and the time
// of its last change, which the kernel sets whenever a name in it is made, moved or removed, and nobody else can.
//
// Remembered is only what such a time can be trusted for: a folder of a file system of this machine's own kernel (a
// user's or a server's tells what it likes), last changed a second or more before it was read.
//
// Not guaranteed: where the clock is set back, a change may get the very time of the last one.
#pragma once

#include <sys/stat.h>

#include <bitset>
#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxKnownFolders = 4096;
inline constexpr std::size_t kMaxKnownNames = 16'384;
inline constexpr std::size_t kMaxWatchedNames = 32;  // of one folder

// First bytes of the names that a walk looks for. Other names are not remembered, except those of folders and those
// that are watched.
using FirstBytes = std::bitset<256>;

struct FolderStamp {
  std::uint64_t device = 0, inode = 0;
  std::int64_t seconds = 0, nanoseconds = 0;
  bool operator==(const FolderStamp&) const = default;

  static FolderStamp of(const struct stat& status);
  // That a change from now on gives it another time.
  bool isSettled(const timespec& now) const;
};

struct KnownFolder {
  struct Name {
    std::string name;
    unsigned char kind = 0;  // of dirent: a folder's, or any but a symbolic link's
  };
  FolderStamp stamp;
  std::uint32_t count = 0;  // of all that is in it
  std::vector<Name> names;
  // Of what is no folder, the names that the memory watches, links as well; absent: not known, or too many.
  std::optional<std::vector<std::string>> watched;
};

class FolderMemory {
 public:
  using IsWatched = bool (*)(std::string_view name);
  // `watched`: names that somebody looks for who is no walk of patterns; null: none. The same for all whose news it
  // absorbs.
  explicit FolderMemory(IsWatched watched = nullptr) : isWatched_(watched) {}

  // What was remembered for first bytes that lack one of these is forgotten.
  void lookFor(const FirstBytes& first);
  const FirstBytes& lookedFor() const { return first_; }
  bool isWatched(std::string_view name) const { return isWatched_ != nullptr && isWatched_(name); }
  const KnownFolder* find(const FolderStamp& stamp) const;
  // Where there is no room, it comes in the place of all others.
  void learn(KnownFolder folder);

  // What was learned since the last call, as a text of this size at most; what does not fit is learned again.
  std::string takeNews(std::size_t maxSize);
  // From a text of takeNews(). One that is broken, or more than there is room for, leaves nothing remembered.
  void absorb(std::string_view news);

  std::size_t size() const { return folders_.size(); }

 private:
  void clear();
  void restart(const FirstBytes& first);
  bool put(KnownFolder folder);

  IsWatched isWatched_;
  FirstBytes first_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, KnownFolder> folders_;  // by device and inode
  std::vector<std::pair<std::uint64_t, std::uint64_t>> news_;
  std::size_t names_ = 0;
};

// Whether times of change on it can be trusted. Does not ask a file system that might not answer any more than reading
// from it does.
bool keepsTimesOfChange(int folder);

}  // namespace ringfence::sandbox
