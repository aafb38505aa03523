// The bounded output of a detached run: a file in memory with a header and a ring of bytes. One writer (the launcher),
// any number of readers, each with a descriptor of its own; a reader that fell behind skips to the oldest byte still
// there.
//
// Layout: 4096 bytes of header {magic u64, capacity u64, written u64 (all bytes ever), ended u64}, then `capacity`
// bytes; byte number n of the stream is at n % capacity. The writer stores bytes before it advances `written`; the
// reader checks `written` again after copying and drops what was overwritten meanwhile. Readers do not trust capacity
// beyond the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sdk/base/result.h"
#include "sdk/base/shared_map.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"

namespace ringfence {

class OutputRingWriter {
 public:
  static Result<OutputRingWriter> create(Bytes capacity);
  // Continues a ring that another process began.
  static Result<OutputRingWriter> continueFrom(UniqueFd fd);

  void append(std::string_view bytes);
  void end();  // nothing will follow
  std::uint64_t written() const;
  int fd() const { return fd_.get(); }

 private:
  OutputRingWriter(UniqueFd fd, SharedMap map, std::uint64_t capacity)
      : fd_(std::move(fd)), map_(std::move(map)), capacity_(capacity) {}
  UniqueFd fd_;
  SharedMap map_;
  std::uint64_t capacity_ = 0;
};

class OutputRingReader {
 public:
  // Fails with kInvalid when the descriptor is no ring. Reads from the oldest byte kept.
  static Result<OutputRingReader> open(UniqueFd fd);

  struct Chunk {
    std::string bytes;          // empty: nothing new
    std::uint64_t skipped = 0;  // bytes lost because the reader was too slow
    bool ended = false;         // the writer is done and everything was read
  };
  Chunk read();

 private:
  OutputRingReader(UniqueFd fd, SharedMap map, std::uint64_t capacity)
      : fd_(std::move(fd)), map_(std::move(map)), capacity_(capacity) {}
  UniqueFd fd_;
  SharedMap map_;
  std::uint64_t capacity_ = 0;
  std::uint64_t position_ = 0;
  bool started_ = false;
};

struct OutputRingHead {
  std::uint64_t capacity = 0;
  std::uint64_t written = 0;  // all bytes ever
  // The size of the file that copyOutputRing makes.
  std::uint64_t bytesOfCopy() const;
};
// Fails with kInvalid when the descriptor is no ring, or one that was cut short.
Result<OutputRingHead> lookAtOutputRing(int fd);

// Writes what an ended ring holds into an empty file, which is then an ended ring of just that size. Blocks as long as
// the file does.
Result<void> copyOutputRing(int ring, int file);

// An ended ring that holds nothing, for root alone to write.
Result<UniqueFd> emptyOutputRing();

}  // namespace ringfence
