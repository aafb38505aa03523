#include "sdk/base/output_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "sdk/base/io.h"

namespace ringfence {
namespace {

constexpr std::uint64_t kMagic = 0x52464f5554303031;  // "RFOUT001"
constexpr std::uint64_t kHeaderBytes = 4096;
constexpr std::uint64_t kMaxChunk = 256 << 10;

struct Header {
  std::uint64_t magic;
  std::uint64_t capacity;
  std::atomic<std::uint64_t> written;
  std::atomic<std::uint64_t> ended;
};
static_assert(sizeof(Header) <= kHeaderBytes && std::atomic<std::uint64_t>::is_always_lock_free);

Header* headerOf(const SharedMap& map) { return static_cast<Header*>(map.get()); }
char* bytesOf(const SharedMap& map) { return static_cast<char*>(map.get()) + kHeaderBytes; }

Result<std::uint64_t> capacityOf(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return posixError(errno, "looking at an output ring");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size <= kHeaderBytes) return Error{ErrorCode::kInvalid, "not an output ring: too small"};
  return size - kHeaderBytes;
}

Result<SharedMap> mapRing(int fd, std::uint64_t capacity, SharedMap::Access access) {
  return SharedMap::make(fd, kHeaderBytes + capacity, access, "an output ring");
}

// One that is there.
Result<SharedMap> mapKnown(int fd, std::uint64_t capacity, SharedMap::Access access) {
  SharedMap map = RF_TRY(mapRing(fd, capacity, access));
  if (headerOf(map)->magic != kMagic || headerOf(map)->capacity != capacity)
    return Error{ErrorCode::kInvalid, "not an output ring"};
  return map;
}

}  // namespace

Result<OutputRingWriter> OutputRingWriter::create(Bytes capacity) {
  UniqueFd fd(memfd_create("ringfence-output", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return posixError(errno, "making an output ring");
  if (ftruncate(fd.get(), static_cast<off_t>(kHeaderBytes + capacity.count)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return posixError(errno, "sizing an output ring");
  }
  SharedMap map = RF_TRY(mapRing(fd.get(), capacity.count, SharedMap::Access::kReadAndWrite));
  headerOf(map)->magic = kMagic;
  headerOf(map)->capacity = capacity.count;
  return OutputRingWriter(std::move(fd), std::move(map), capacity.count);
}

Result<OutputRingWriter> OutputRingWriter::continueFrom(UniqueFd fd) {
  const std::uint64_t capacity = RF_TRY(capacityOf(fd.get()));
  SharedMap map = RF_TRY(mapKnown(fd.get(), capacity, SharedMap::Access::kReadAndWrite));
  return OutputRingWriter(std::move(fd), std::move(map), capacity);
}

void OutputRingWriter::append(std::string_view bytes) {
  Header* header = headerOf(map_);
  while (!bytes.empty()) {
    const std::uint64_t written = header->written.load(std::memory_order_relaxed);
    const std::uint64_t at = written % capacity_;
    const std::uint64_t count = std::min<std::uint64_t>(bytes.size(), capacity_ - at);
    std::memcpy(bytesOf(map_) + at, bytes.data(), count);
    header->written.store(written + count, std::memory_order_release);
    bytes.remove_prefix(count);
  }
}

std::uint64_t OutputRingWriter::written() const { return headerOf(map_)->written.load(std::memory_order_relaxed); }

void OutputRingWriter::end() { headerOf(map_)->ended.store(1, std::memory_order_release); }

Result<OutputRingReader> OutputRingReader::open(UniqueFd fd) {
  const std::uint64_t capacity = RF_TRY(capacityOf(fd.get()));
  SharedMap map = RF_TRY(mapKnown(fd.get(), capacity, SharedMap::Access::kRead));
  return OutputRingReader(std::move(fd), std::move(map), capacity);
}

OutputRingReader::Chunk OutputRingReader::read() {
  Chunk chunk;
  const Header* header = headerOf(map_);
  const bool ended = header->ended.load(std::memory_order_acquire) != 0;
  const std::uint64_t written = header->written.load(std::memory_order_acquire);
  const std::uint64_t oldest = written > capacity_ ? written - capacity_ : 0;
  if (position_ < oldest) {
    chunk.skipped = started_ ? oldest - position_ : 0;
    position_ = oldest;
  }
  started_ = true;
  const std::uint64_t count = std::min(written - position_, kMaxChunk);
  for (std::uint64_t copied = 0; copied < count;) {
    const std::uint64_t at = (position_ + copied) % capacity_;
    const std::uint64_t part = std::min(count - copied, capacity_ - at);
    chunk.bytes.append(bytesOf(map_) + at, part);
    copied += part;
  }
  // What the writer overwrote while we copied is dropped from the front.
  const std::uint64_t now = header->written.load(std::memory_order_acquire);
  const std::uint64_t overwritten = now > capacity_ ? now - capacity_ : 0;
  if (overwritten > position_) {
    const std::uint64_t lost = std::min(overwritten - position_, count);
    chunk.bytes.erase(0, lost);
    chunk.skipped += lost;
  }
  position_ += count;
  chunk.ended = ended && position_ == written;
  return chunk;
}

// ---- copies

std::uint64_t OutputRingHead::bytesOfCopy() const { return kHeaderBytes + std::min(written, capacity); }

Result<OutputRingHead> lookAtOutputRing(int fd) {
  const std::uint64_t capacity = RF_TRY(capacityOf(fd));
  std::uint64_t words[3] = {};  // magic, capacity, written
  if (::pread(fd, words, sizeof words, 0) != static_cast<ssize_t>(sizeof words) || words[0] != kMagic ||
      words[1] != capacity) {
    return Error{ErrorCode::kInvalid, "not an output ring"};
  }
  return OutputRingHead{capacity, words[2]};
}

Result<void> copyOutputRing(int ring, int file) {
  const OutputRingHead head = RF_TRY(lookAtOutputRing(ring));
  // A ring that was never full begins at its start, and one that was full keeps its size: byte n stays at n % capacity.
  const std::uint64_t kept = std::min(head.written, head.capacity);
  const std::uint64_t words[4] = {kMagic, kept, head.written, 1};
  std::string header(kHeaderBytes, '\0');
  std::memcpy(header.data(), words, sizeof words);
  RF_TRY(writeAll(file, header, "the copy of an output ring"));
  off_t from = static_cast<off_t>(kHeaderBytes);
  const off_t end = from + static_cast<off_t>(kept);
  while (from < end) {
    const ssize_t sent = ::sendfile(file, ring, &from, static_cast<std::size_t>(end - from));
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return posixError(errno, "copying an output ring");
    if (sent == 0) return Error{ErrorCode::kInternal, "an output ring ended before its end"};
  }
  return {};
}

Result<UniqueFd> emptyOutputRing() {
  OutputRingWriter ring = RF_TRY(OutputRingWriter::create(Bytes{1}));
  ring.end();
  if (::fchmod(ring.fd(), 0600) != 0) return posixError(errno, "closing an output ring to others");
  return openAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(ring.fd()), O_RDONLY);
}

}  // namespace ringfence
