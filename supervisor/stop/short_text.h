// Text of a bounded length that needs no heap: what ringfence-stop holds between a trigger and the latch.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace ringfence::supervisor::stop {

template <std::size_t kCapacity>
class ShortText {
 public:
  ShortText() = default;
  explicit ShortText(std::string_view text) { append(text); }

  // What does not fit is cut off.
  ShortText& append(std::string_view text) {
    const std::size_t taken = std::min(text.size(), kCapacity - size_);
    std::copy_n(text.data(), taken, bytes_.data() + size_);
    size_ += taken;
    return *this;
  }
  std::string_view view() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  friend bool operator==(const ShortText& one, const ShortText& other) { return one.view() == other.view(); }

 private:
  std::array<char, kCapacity> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace ringfence::supervisor::stop
