// Whole reads and writes over descriptors, with bounds and messages; and descriptor passing over a SEQPACKET socket.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"

namespace ringfence {

// Opens with O_CLOEXEC added; `directory` is AT_FDCWD or a directory descriptor. Fails with errno's code and the path.
Result<UniqueFd> openAt(int directory, const std::string& path, int flags, unsigned mode = 0);

// Reads to the end of file. Fails with kInvalid when there are more than `limit` bytes. Blocks as the descriptor does.
Result<std::string> readAll(int fd, Bytes limit, std::string_view what);
Result<std::string> readFileAt(int directory, const std::string& path, Bytes limit);
// Writes everything or fails; EINTR is retried.
Result<void> writeAll(int fd, std::string_view bytes, std::string_view what);
// One write(2) of the whole text into an existing file (cgroup and proc files take nothing else).
Result<void> writeFileAt(int directory, const std::string& path, std::string_view bytes);

struct Packet {
  std::string bytes;
  std::vector<UniqueFd> fds;
};

// The most descriptors that one packet carries (SCM_MAX_FD of the kernel).
inline constexpr std::size_t kMaxPacketFds = 253;

// Sends one packet with descriptors. Fails with kBusy when the socket is full and does not block.
Result<void> sendPacket(int socket, std::string_view bytes, std::span<const int> fds = {}, int flags = 0);
// Receives one packet. Empty bytes and no error: the peer closed. Fails with kInvalid when the packet is longer than
// `limit` or carried more descriptors than fit (they are closed). Received descriptors are close-on-exec.
Result<Packet> receivePacket(int socket, Bytes limit, int flags = 0);

// An unnamed file in memory holding `bytes`, sealed against change, positioned at its start.
Result<UniqueFd> sealedMemfd(const char* name, std::string_view bytes);
// All of such a file, wherever it is positioned. Fails with kInvalid when it is not sealed, empty or longer
// than `limit`.
Result<std::string> readSealedMemfd(int fd, Bytes limit, std::string_view what);

}  // namespace ringfence
