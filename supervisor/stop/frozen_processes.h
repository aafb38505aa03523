// Processes that were seen in the freeze with all of their threads. As long as their branch is told to be frozen
// nothing but their end takes them out of it, and none of them can make another process or thread, so a reading need
// not look at them again. Pure, without the heap. What is beyond its room is not kept, and is looked at again.
#pragma once

#include <array>
#include <cstddef>

namespace ringfence::supervisor::stop {

class FrozenProcesses {
 public:
  bool contains(int pid) const { return slots_[slotOf(pid)] == pid; }
  void add(int pid) {
    int& slot = slots_[slotOf(pid)];
    if (slot == pid || kept_ == kMost) return;
    slot = pid;
    ++kept_;
  }
  void clear() {
    slots_.fill(0);
    kept_ = 0;
  }

 private:
  static constexpr std::size_t kSlots = 16384;
  static constexpr std::size_t kMost = kSlots * 3 / 4;  // so that a search always ends, and soon

  // Where it is, or the empty one where it belongs.
  std::size_t slotOf(int pid) const {
    std::size_t at = static_cast<unsigned>(pid) % kSlots;
    while (slots_[at] != 0 && slots_[at] != pid) at = (at + 1) % kSlots;
    return at;
  }

  std::array<int, kSlots> slots_{};
  std::size_t kept_ = 0;
};

}  // namespace ringfence::supervisor::stop
