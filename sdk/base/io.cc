#include "sdk/base/io.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace ringfence {

Result<UniqueFd> openAt(int directory, const std::string& path, int flags, unsigned mode) {
  for (;;) {
    const int fd = ::openat(directory, path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return UniqueFd(fd);
    if (errno != EINTR) return posixError(errno, "opening " + path);
  }
}

Result<std::string> readAll(int fd, Bytes limit, std::string_view what) {
  std::string bytes;
  char chunk[16384];
  for (;;) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got == 0) return bytes;
    if (got < 0) {
      if (errno == EINTR) continue;
      return posixError(errno, "reading " + std::string(what));
    }
    bytes.append(chunk, static_cast<std::size_t>(got));
    if (bytes.size() > limit.count) {
      return Error{ErrorCode::kInvalid, std::string(what) + " is larger than " + formatBytes(limit)};
    }
  }
}

Result<std::string> readFileAt(int directory, const std::string& path, Bytes limit) {
  const UniqueFd fd = RF_TRY(openAt(directory, path, O_RDONLY));
  return readAll(fd.get(), limit, path);
}

Result<void> writeAll(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return posixError(errno, "writing " + std::string(what));
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> writeFileAt(int directory, const std::string& path, std::string_view bytes) {
  const UniqueFd fd = RF_TRY(openAt(directory, path, O_WRONLY));
  for (;;) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put == static_cast<ssize_t>(bytes.size())) return {};
    if (put >= 0) return Error{ErrorCode::kInternal, "writing " + path + ": only part was taken"};
    if (errno != EINTR) return posixError(errno, "writing " + path);
  }
}

Result<void> sendPacket(int socket, std::string_view bytes, std::span<const int> fds, int flags) {
  RF_CHECK(fds.size() <= kMaxPacketFds);
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPacketFds * sizeof(int))];
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    std::memset(control, 0, message.msg_controllen);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size())) return {};
    if (sent >= 0) return Error{ErrorCode::kInternal, "sending a packet: only part was taken"};
    if (errno != EINTR) return posixError(errno, "sending a packet");
  }
}

namespace {

constexpr std::size_t kUsualPacket = 2048;

std::vector<UniqueFd> takeFds(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<Packet> receivePacket(int socket, Bytes limit, int flags) {
  // Most packets are a small part of the limit; what a longer one needs is neither cleared nor touched before.
  char usual[kUsualPacket];
  const std::size_t more = limit.count > kUsualPacket ? static_cast<std::size_t>(limit.count) - kUsualPacket : 0;
  const auto rest = std::make_unique_for_overwrite<char[]>(more);
  iovec parts[] = {{usual, std::min<std::size_t>(kUsualPacket, static_cast<std::size_t>(limit.count))},
                   {rest.get(), more}};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPacketFds * sizeof(int))];
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = more > 0 ? 2 : 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  for (;;) {
    const ssize_t got = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    if (got < 0) {
      if (errno == EINTR) continue;
      return posixError(errno, "receiving a packet");
    }
    Packet packet;
    packet.fds = takeFds(message);
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      return Error{ErrorCode::kInvalid, "packet longer than " + formatBytes(limit)};
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0) return Error{ErrorCode::kInvalid, "packet with too many descriptors"};
    const auto size = static_cast<std::size_t>(got);
    packet.bytes.reserve(size);
    packet.bytes.assign(usual, std::min(size, kUsualPacket));
    if (size > kUsualPacket) packet.bytes.append(rest.get(), size - kUsualPacket);
    return packet;
  }
}

Result<UniqueFd> sealedMemfd(const char* name, std::string_view bytes) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return posixError(errno, "making a file in memory");
  RF_TRY(writeAll(fd.get(), bytes, name));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
    return posixError(errno, "sealing a file in memory");
  }
  return fd;
}

Result<std::string> readSealedMemfd(int fd, Bytes limit, std::string_view what) {
  constexpr int kNeeded = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  const std::string name(what);
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kNeeded) != kNeeded)
    return Error{ErrorCode::kInvalid, "the descriptor of " + name + " is no sealed memfd"};
  struct stat about {};
  if (::fstat(fd, &about) < 0) return posixError(errno, "looking at the memfd of " + name);
  if (about.st_size <= 0 || static_cast<std::uint64_t>(about.st_size) > limit.count) {
    return Error{ErrorCode::kInvalid, name + " in the memfd has " + std::to_string(about.st_size) + " bytes; 1 to " +
                                          formatBytes(limit) + " are taken"};
  }
  std::string text(static_cast<std::size_t>(about.st_size), '\0');
  // pread: the position of a descriptor that somebody else shares is theirs.
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t got = ::pread(fd, text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Error{ErrorCode::kInvalid, name + " in the memfd cannot be read"};
    at += static_cast<std::size_t>(got);
  }
  return text;
}

}  // namespace ringfence
