#include "sandbox/wire/action_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sandbox/wire/describe_guard.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kMagic = 0x5246414354303031;  // "RFACT001"
constexpr std::uint64_t kHeaderBytes = 4096;
constexpr std::uint64_t kLengthBytes = 4;

struct Header {
  std::uint64_t magic;
  std::uint64_t capacity;
  std::atomic<std::uint64_t> written;
  std::atomic<std::uint64_t> taken;
};
static_assert(sizeof(Header) <= kHeaderBytes && std::atomic<std::uint64_t>::is_always_lock_free);

Header* headerOf(const SharedMap& map) { return static_cast<Header*>(map.get()); }
char* bytesOf(const SharedMap& map) { return static_cast<char*>(map.get()) + kHeaderBytes; }

Result<SharedMap> mapRing(int fd, std::uint64_t bytes) {
  return SharedMap::make(fd, bytes, SharedMap::Access::kReadAndWrite, "a ring of actions");
}

Error notARing() { return {ErrorCode::kInvalid, "not a ring of actions"}; }

}  // namespace

Result<ActionRing> ActionRing::create(Bytes capacity) {
  UniqueFd fd(memfd_create("ringfence-actions", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return posixError(errno, "making a ring of actions");
  if (ftruncate(fd.get(), static_cast<off_t>(kHeaderBytes + capacity.count)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return posixError(errno, "sizing a ring of actions");
  }
  SharedMap map = RF_TRY(mapRing(fd.get(), kHeaderBytes + capacity.count));
  headerOf(map)->capacity = capacity.count;
  headerOf(map)->magic = kMagic;
  return ActionRing(std::move(fd), std::move(map), capacity.count);
}

Result<ActionRing> ActionRing::open(UniqueFd fd) {
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return posixError(errno, "looking at a ring of actions");
  const int seals = fcntl(fd.get(), F_GET_SEALS);
  // Whoever holds the other end could cut it under our hands.
  if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW)) return notARing();
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size <= kHeaderBytes + kLengthBytes) return notARing();
  SharedMap map = RF_TRY(mapRing(fd.get(), size));
  const std::uint64_t capacity = size - kHeaderBytes;
  if (headerOf(map)->magic != kMagic || headerOf(map)->capacity != capacity) return notARing();
  return ActionRing(std::move(fd), std::move(map), capacity);
}

void ActionRing::copyIn(std::uint64_t at, std::string_view bytes) {
  char* base = bytesOf(map_);
  const std::uint64_t offset = at % capacity_;
  const auto first = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), capacity_ - offset));
  std::memcpy(base + offset, bytes.data(), first);
  std::memcpy(base, bytes.data() + first, bytes.size() - first);
}

void ActionRing::copyOut(std::uint64_t at, char* to, std::size_t count) const {
  const char* base = bytesOf(map_);
  const std::uint64_t offset = at % capacity_;
  const auto first = static_cast<std::size_t>(std::min<std::uint64_t>(count, capacity_ - offset));
  std::memcpy(to, base + offset, first);
  std::memcpy(to + first, base, count - first);
}

ActionRing::Put ActionRing::put(std::string_view entry) {
  Header* header = headerOf(map_);
  const std::uint64_t written = header->written.load(std::memory_order_relaxed);
  const std::uint64_t taken = header->taken.load(std::memory_order_acquire);
  const std::uint64_t used = written - taken;
  const std::uint64_t needed = kLengthBytes + entry.size();
  if (entry.size() > kMaxRingEntry.count || used > capacity_ || needed > capacity_ - used) return Put::kFull;
  const auto length = static_cast<std::uint32_t>(entry.size());
  const char prefix[kLengthBytes] = {static_cast<char>(length & 0xff), static_cast<char>((length >> 8) & 0xff),
                                     static_cast<char>((length >> 16) & 0xff), static_cast<char>(length >> 24)};
  copyIn(written, {prefix, kLengthBytes});
  copyIn(written + kLengthBytes, entry);
  header->written.store(written + needed, std::memory_order_seq_cst);
  // Asked after the entry is there: a reader that empties the ring meanwhile has either seen it or is told.
  return header->taken.load(std::memory_order_seq_cst) == written ? Put::kFirst : Put::kDone;
}

std::uint64_t ActionRing::taken() const { return headerOf(map_)->taken.load(std::memory_order_relaxed); }

Result<std::optional<std::string>> ActionRing::read(std::uint64_t& at) const {
  const std::uint64_t written = headerOf(map_)->written.load(std::memory_order_seq_cst);
  const std::uint64_t used = written - at;
  if (used == 0) return std::optional<std::string>();
  unsigned char prefix[kLengthBytes] = {};
  std::uint64_t length = 0;
  if (used >= kLengthBytes && used <= capacity_) {
    copyOut(at, reinterpret_cast<char*>(prefix), kLengthBytes);
    length =
        prefix[0] | std::uint64_t{prefix[1]} << 8 | std::uint64_t{prefix[2]} << 16 | std::uint64_t{prefix[3]} << 24;
  }
  if (used < kLengthBytes || used > capacity_ || length > kMaxRingEntry.count || length > used - kLengthBytes) {
    at = written;
    return notARing();
  }
  std::string entry(static_cast<std::size_t>(length), '\0');
  copyOut(at + kLengthBytes, entry.data(), entry.size());
  at += kLengthBytes + length;
  return std::optional<std::string>(std::move(entry));
}

void ActionRing::settle(std::uint64_t at) { headerOf(map_)->taken.store(at, std::memory_order_seq_cst); }

Result<std::optional<std::string>> ActionRing::take() {
  std::uint64_t at = taken();
  const std::uint64_t before = at;
  auto entry = read(at);
  if (at != before) settle(at);
  return entry;
}

bool ActionRing::empty() const {
  const Header* header = headerOf(map_);
  return header->taken.load(std::memory_order_seq_cst) == header->written.load(std::memory_order_seq_cst);
}

bool ActionRing::isHalfFree() const {
  const Header* header = headerOf(map_);
  const std::uint64_t taken = header->taken.load(std::memory_order_seq_cst);
  return header->written.load(std::memory_order_seq_cst) - taken <= capacity_ / 2;
}

template <typename A>
void describe(A& a, typename A::template Of<AllowedAction>& value) {
  auto& [action, rule, boottime] = value;
  a("action", action)("rule", rule)("boottime", boottime);
}

std::string encodeEntry(const AllowedAction& allowed) {
  Writer writer(nullptr);
  writer("allowed", allowed);
  return std::move(writer).take();
}

EntryForm::EntryForm(GuardedAction action, std::string rule) {
  AllowedAction allowed{.action = std::move(action), .rule = std::move(rule), .boottime = Microseconds{0}};
  allowed.action.chain = {{.pid = 0, .name = {}}};
  bytes_ = encodeEntry(allowed);
  // Where they are is told by what changes with them.
  const auto placeOf = [&](const std::string& other) {
    return static_cast<std::size_t>(std::ranges::mismatch(bytes_, other).in1 - bytes_.begin());
  };
  allowed.boottime = Microseconds{-1};
  time_ = placeOf(encodeEntry(allowed));
  allowed.boottime = Microseconds{0};
  allowed.action.chain.front().pid = -1;
  pid_ = placeOf(encodeEntry(allowed));
}

std::string EntryForm::entry(std::int32_t pid, Microseconds boottime) const {
  std::string bytes = bytes_;
  const auto put = [&bytes](std::size_t at, std::uint64_t value, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<char>((value >> (8 * i)) & 0xff);
  };
  put(pid_, static_cast<std::uint32_t>(pid), sizeof pid);
  put(time_, static_cast<std::uint64_t>(boottime.count()), sizeof(std::uint64_t));
  return bytes;
}

Result<AllowedAction> decodeEntry(std::string_view entry) {
  Reader reader(entry, nullptr);
  AllowedAction allowed;
  reader("allowed", allowed);
  if (!reader.error()) reader.expectEnd();
  if (reader.error()) return *reader.error();
  return allowed;
}

}  // namespace ringfence::sandbox
