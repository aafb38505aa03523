#include "sdk/base/shared_map.h"

#include <sys/mman.h>

#include <cerrno>
#include <string>

namespace ringfence {

Result<SharedMap> SharedMap::make(int fd, std::size_t bytes, Access access, std::string_view what) {
  const int rights = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* begin = ::mmap(nullptr, bytes, rights, MAP_SHARED, fd, 0);
  if (begin == MAP_FAILED) return posixError(errno, "mapping " + std::string(what));
  return SharedMap(begin, bytes);
}

SharedMap::~SharedMap() {
  if (begin_ != nullptr) (void)::munmap(begin_, bytes_);
}

}  // namespace ringfence
