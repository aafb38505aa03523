#include "sandbox/launcher/given_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "sandbox/kernel/abi.h"
#include "sandbox/kernel/mounts.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kAttributes =
    abi::kMountAttrReadOnly | abi::kMountAttrNoSuid | abi::kMountAttrNoDev | abi::kMountAttrNoExec;

// Where it makes no difference to what is read who opened it, and nobody else is asked.
constexpr std::array<std::string_view, 5> kLocal = {"ext4", "xfs", "btrfs", "tmpfs", "overlay"};

bool isPlain(int given, const struct stat& status, int flags) {
  if (!S_ISREG(status.st_mode) || (flags & O_ACCMODE) != O_RDONLY || (flags & O_PATH) != 0) return false;
  return std::ranges::find(kLocal, filesystemName(given)) != kLocal.end();
}

}  // namespace

UniqueFd openedReadOnly(int given) {
  struct stat before {};
  struct stat after {};
  const int flags = ::fcntl(given, F_GETFL);
  if (flags < 0 || ::fstat(given, &before) != 0 || !isPlain(given, before, flags)) return {};
  const off_t position = ::lseek(given, 0, SEEK_CUR);
  const auto tree = cloneMount(given, "the standard input");
  if (position < 0 || !tree || !setTreeAttributes(tree->get(), {kAttributes, -1}, "the standard input")) return {};
  const std::string link = "/proc/self/fd/" + std::to_string(tree->get());
  // Whoever has a lease on it is not waited for.
  UniqueFd opened(::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!opened || ::fstat(opened.get(), &after) != 0) return {};
  if (before.st_dev != after.st_dev || before.st_ino != after.st_ino) return {};
  if (::lseek(opened.get(), position, SEEK_SET) != position || ::fcntl(opened.get(), F_SETFL, flags) != 0) return {};
  return opened;
}

}  // namespace ringfence::sandbox
