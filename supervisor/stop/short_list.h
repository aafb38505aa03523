// A list of a bounded length that needs no heap.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace ringfence::supervisor::stop {

template <typename T, std::size_t kCapacity>
class ShortList {
 public:
  // False: there is no room for one more.
  bool add(const T& one) {
    if (size_ == kCapacity) return false;
    items_[size_++] = one;
    return true;
  }
  template <typename Which>
  void removeIf(Which which) {
    size_ = static_cast<std::size_t>(std::remove_if(begin(), end(), which) - begin());
  }
  void clear() { size_ = 0; }

  T* begin() { return items_.data(); }
  T* end() { return items_.data() + size_; }
  const T* begin() const { return items_.data(); }
  const T* end() const { return items_.data() + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  friend bool operator==(const ShortList& one, const ShortList& other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end());
  }

 private:
  std::array<T, kCapacity> items_{};
  std::size_t size_ = 0;
};

}  // namespace ringfence::supervisor::stop
