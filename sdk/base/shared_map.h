// Sole owner of a mapping of a file that others map as well; undone in the destructor. Not thread-safe.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "sdk/base/result.h"

namespace ringfence {

class SharedMap {
 public:
  enum class Access { kRead, kReadAndWrite };
  // Of the file's first bytes. Fails with errno's code and `what` it is.
  static Result<SharedMap> make(int fd, std::size_t bytes, Access access, std::string_view what);
  SharedMap(SharedMap&& other) noexcept : begin_(std::exchange(other.begin_, nullptr)), bytes_(other.bytes_) {}
  SharedMap& operator=(SharedMap&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SharedMap();

  // Of one that was made to be read, nothing may be written.
  void* get() const { return begin_; }

 private:
  SharedMap(void* begin, std::size_t bytes) : begin_(begin), bytes_(bytes) {}

  void* begin_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace ringfence
