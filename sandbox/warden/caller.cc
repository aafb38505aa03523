#include "sandbox/warden/caller.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "sandbox/kernel/process_chain.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kFirstRead = 256;  // most paths
constexpr std::size_t kPage = 4096;
constexpr Bytes kMaxFdInfo = kibibytes(4);
constexpr Bytes kMaxStat = kibibytes(4);
constexpr int kTerminalField = 4;  // of /proc/PID/stat, counted after the name

// The root, and through which mount: a mount is of one namespace. Where the kernel or the file system does not say
// that, the device and inode of the mount namespace and of the root.
struct View {
  std::optional<FolderIdentity> root;
  std::array<std::pair<dev_t, ino_t>, 2> numbers{};
  bool operator==(const View&) const = default;
};

std::optional<View> viewOf(int proc, const std::string& process) {
  View view;
  const std::array links{"root", "ns/mnt"};
  view.root = lookAtFolder(proc, (process + links[0]).c_str());
  if (view.root) return view;
  for (std::size_t i = 0; i < links.size(); ++i) {
    struct stat status {};
    if (::fstatat(proc, (process + links[i]).c_str(), &status, 0) != 0) return std::nullopt;
    view.numbers[i] = {status.st_dev, status.st_ino};
  }
  return view;
}

}  // namespace

OrErrno<std::string> Caller::text(std::uint64_t address, std::size_t limit, int tooLong) const {
  std::string result;
  std::array<char, kFirstRead> first;
  // To the end of the page at most: nearly all texts end before it, and two pages are read one by one.
  const std::size_t wanted = std::min({limit, first.size(), kPage - static_cast<std::size_t>(address % kPage)});
  std::size_t got = notifier_->readMemory(thread(), address, {first.data(), wanted});
  if (const void* end = std::memchr(first.data(), 0, got); end != nullptr) {
    return std::string(first.data(), static_cast<std::size_t>(static_cast<const char*>(end) - first.data()));
  }
  if (got < wanted) return Errno{EFAULT};
  if (wanted == limit) return Errno{tooLong};
  result.assign(first.data(), got);
  result.resize(limit);
  got += notifier_->readMemory(thread(), address + wanted, {result.data() + wanted, limit - wanted});
  const std::size_t end = result.find('\0', wanted);
  if (end != std::string::npos && end < got) {
    result.resize(end);
    return result;
  }
  return Errno{got < limit ? EFAULT : tooLong};
}

OrErrno<std::string> Caller::path(std::uint64_t address) const {
  auto result = text(address, PATH_MAX, ENAMETOOLONG);
  if (result && result->empty()) return Errno{ENOENT};
  return result;
}

OrErrno<std::string> Caller::bytes(std::uint64_t address, std::size_t count) const {
  std::string result(count, '\0');
  if (notifier_->readMemory(thread(), address, result) != count) return Errno{EFAULT};
  return result;
}

std::string Caller::linkOf(int descriptor) const {
  return descriptor == AT_FDCWD ? name("cwd") : name("fd/") + std::to_string(descriptor);
}

OrErrno<UniqueFd> Caller::base(int descriptor) const {
  UniqueFd fd(::openat(proc_, linkOf(descriptor).c_str(), O_PATH | O_CLOEXEC));
  if (!fd) return Errno{errno == ENOENT && descriptor != AT_FDCWD ? EBADF : errno};
  return fd;
}

OrErrno<SharedFolder> Caller::folder(int descriptor) const {
  auto folder = openFolder(proc_, linkOf(descriptor));
  if (!folder && folder.error().value == ENOENT && descriptor != AT_FDCWD) return Errno{EBADF};
  return folder;
}

OrErrno<UniqueFd> Caller::object(int descriptor) const {
  UniqueFd fd = RF_OR_ERRNO(base(descriptor < 0 ? -1 : descriptor));
  auto info = readFileAt(proc_, name("fdinfo/") + std::to_string(descriptor), kMaxFdInfo);
  if (!info) return Errno{EBADF};
  const std::size_t flags = info->find("flags:");
  if (flags == std::string::npos) return Errno{EBADF};
  if ((std::strtoul(info->c_str() + flags + 6, nullptr, 8) & O_PATH) != 0) return Errno{EBADF};
  return fd;
}

OrErrno<ThreadStatus> Caller::status() const {
  auto status = readThreadStatus(proc_, thread());
  if (!status) return Errno{ESRCH};
  return std::move(*status);
}

OrErrno<dev_t> Caller::terminal() const {
  auto text = readFileAt(proc_, name("stat"), kMaxStat);
  if (!text) return Errno{ESRCH};
  // The name before it is the process's choice, parentheses and blanks included.
  std::size_t at = text->rfind(')');
  for (int field = 0; field < kTerminalField && at != std::string::npos; ++field) at = text->find(' ', at + 1);
  if (at == std::string::npos) return Errno{ESRCH};
  const auto number = static_cast<unsigned>(std::strtol(text->c_str() + at, nullptr, 10));
  // As the kernel packs it there: 12 bits of major number, 20 of minor.
  return makedev((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00));
}

bool Caller::seesWhatWeSee() const {
  // This process changes neither of its own.
  static const auto kOurs = viewOf(proc_, "self/");
  const auto theirs = viewOf(proc_, name(""));
  return kOurs && theirs && *theirs == *kOurs;
}

}  // namespace ringfence::sandbox
