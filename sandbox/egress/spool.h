// What waits for a client to take it, in the order in which it came. All spools of a run share one pool, which says how
// much more may be kept for a run that is held. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace ringfence::sandbox {

// Of one connection. An answer of a model is some hundred KiB; a download that is larger waits at its server, as it
// would for a slow client.
inline constexpr std::size_t kMostSpooled = 8 * 1024 * 1024;
// Of a run. Part of the memory of its egress (kEgressLimits of the launcher), of which an eighth may go to this.
inline constexpr std::size_t kMostSpooledOfRun = 32 * 1024 * 1024;

struct SpoolPool {
  std::size_t most = kMostSpooledOfRun;
  std::size_t used = 0;
  std::size_t peak = 0;  // of `used`, since whoever reads it set it last
  std::size_t room() const { return most > used ? most - used : 0; }
};

class Spool {
 public:
  // `pool` is borrowed.
  explicit Spool(SpoolPool& pool) : pool_(&pool) {}
  Spool(Spool&& other) noexcept;
  Spool& operator=(Spool&&) = delete;
  ~Spool();

  // Takes all of it, whatever room there is: whoever appends has asked before, or cannot leave it out.
  void append(std::string_view bytes);
  // How much more a spool of a run that is held may take.
  std::size_t room() const;
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // The next bytes, not all of them; empty when nothing waits. Valid until the next call.
  std::string_view front() const;
  // That many of front() were taken.
  void consume(std::size_t count);

 private:
  SpoolPool* pool_;
  std::deque<std::string> pieces_;
  std::size_t taken_ = 0;  // of the first piece
  std::size_t size_ = 0;
};

}  // namespace ringfence::sandbox
