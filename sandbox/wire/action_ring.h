// What a guard allowed by itself, on its way to the log: a file in memory that the guard writes before each effect and
// the daemon empties. Nothing is ever overwritten: where there is no room the effect waits. Outlives both sides. One
// writer, one reader; each believes nothing of what the other side wrote but its own counter.
//
// Layout: 4096 bytes of header {magic u64, capacity u64, written u64, taken u64: bytes ever}, then `capacity` bytes;
// byte number n of the stream is at n % capacity. An entry is its length (u32, little-endian) and that many bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sandbox/wire/guard.h"
#include "sdk/base/clock.h"
#include "sdk/base/result.h"
#include "sdk/base/shared_map.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

inline constexpr Bytes kActionRingCapacity = mebibytes(1);
inline constexpr Bytes kMaxRingEntry = kibibytes(64);

class ActionRing {
 public:
  static Result<ActionRing> create(Bytes capacity);
  // For either side. Fails with kInvalid when the descriptor is no such ring.
  static Result<ActionRing> open(UniqueFd fd);

  enum class Put { kDone, kFirst, kFull };  // kFirst: it was empty, so the reader is to be told
  // The writer's. An entry longer than kMaxRingEntry is kFull for ever: cut its texts before.
  Put put(std::string_view entry);
  // The reader's. Nothing: it is empty. Fails with kInvalid when what is there is no entry; it is empty afterwards.
  Result<std::optional<std::string>> take();
  // For a reader that lets go of an entry only when it is safe elsewhere: read() from taken() on moves `at` behind the
  // entry and changes nothing; settle() then lets go of all before `at`. After it, whatever is there must be read: the
  // writer has told nothing of it. Fails as take() does, with `at` behind all that is there.
  std::uint64_t taken() const;
  Result<std::optional<std::string>> read(std::uint64_t& at) const;
  void settle(std::uint64_t at);
  // Whether everything was taken.
  bool empty() const;
  bool isHalfFree() const;
  int fd() const { return fd_.get(); }

 private:
  ActionRing(UniqueFd fd, SharedMap map, std::uint64_t capacity)
      : fd_(std::move(fd)), map_(std::move(map)), capacity_(capacity) {}
  void copyIn(std::uint64_t at, std::string_view bytes);
  void copyOut(std::uint64_t at, char* to, std::size_t count) const;

  UniqueFd fd_;
  SharedMap map_;
  std::uint64_t capacity_ = 0;
};

// One entry.
struct AllowedAction {
  GuardedAction action;
  std::string rule;  // "files.workspace = \"rw\""
  Microseconds boottime{};
  bool operator==(const AllowedAction&) const = default;
};
std::string encodeEntry(const AllowedAction& allowed);
Result<AllowedAction> decodeEntry(std::string_view entry);

// Entries that differ in who acted and when alone: encoded once.
class EntryForm {
 public:
  EntryForm(GuardedAction action, std::string rule);
  // As encodeEntry() of that action and rule, with a chain of this one process without a name.
  std::string entry(std::int32_t pid, Microseconds boottime) const;

 private:
  std::string bytes_;
  std::size_t pid_ = 0;  // where it is in bytes_
  std::size_t time_ = 0;
};

}  // namespace ringfence::sandbox
