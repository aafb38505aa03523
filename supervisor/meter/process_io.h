// What processes read and wrote, from /proc/PID/io: also what goes to files through the page cache, which no control
// group of v1 counts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ringfence::supervisor {

struct ProcessIo {
  std::uint64_t readByCalls = 0, writtenByCalls = 0;  // whatever they read and write: pipes and terminals too
  std::uint64_t writtenToFiles = 0;  // on disks: pages that were made dirty, whenever the kernel writes them
  bool operator==(const ProcessIo&) const = default;
};

// Absent when a number is missing.
std::optional<ProcessIo> parseProcessIo(std::string_view text);

// Of all of them together, each with the children that it has waited for; who is gone counts with whoever waited, and
// is lost when nobody did, so that the sum may fall. Absent when one that is there cannot be read, or there are more
// than are looked at. `proc`: the directory.
std::optional<ProcessIo> sumProcessIo(int proc, std::span<const int> processes);

// The sums as a total that never falls: what a process takes with it is not given back.
class WrittenTotal {
 public:
  // `before`: what counts as written when the first sum comes; absent: all of that.
  explicit WrittenTotal(std::optional<std::uint64_t> before = std::nullopt) : last_(before) {}
  void add(std::uint64_t sum);
  std::uint64_t total() const { return total_; }

 private:
  std::optional<std::uint64_t> last_;
  std::uint64_t total_ = 0;
};

}  // namespace ringfence::supervisor
