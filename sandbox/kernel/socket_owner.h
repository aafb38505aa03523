// Which processes hold a tcp connection, found from its two ends. For people to read, not to decide by: who made a
// connection may have handed it on, and who holds it may be gone a moment later.
//
//   const auto ends = parseConnectionEnds("tcp 10.77.0.1:43210 to 198.18.0.3:443");
//   const auto inode = findConnection(netDirectory, *ends);
//   const auto holders = findHolders(proc, pids, *inode, until);
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

struct ConnectionEnd {
  std::uint32_t address = 0;  // IPv4, in host byte order
  std::uint16_t port = 0;
  bool operator==(const ConnectionEnd&) const = default;
};
// As the socket of who made it sees them, before any rule sends it elsewhere.
struct ConnectionEnds {
  ConnectionEnd own, far;
  bool operator==(const ConnectionEnds&) const = default;
};

// "tcp 10.77.0.1:43210 to 198.18.0.3:443", exactly. Nothing: it is something else.
std::optional<ConnectionEnds> parseConnectionEnds(std::string_view text);

// The inode of that socket in the text of /proc/PID/net/tcp, or of tcp6 (where an IPv4 connection of an IPv6 socket
// is). Nothing: it is not there, or nobody holds it any more.
std::optional<std::uint64_t> findSocket(std::string_view table, const ConnectionEnds& ends);

// The same in a directory /proc/PID/net. Fails with kNotFound, and when the tables are longer than can be looked at.
Result<std::uint64_t> findConnection(int netDirectory, const ConnectionEnds& ends);

struct SocketHolder {
  int pid = 0;
  std::uint64_t startTime = 0;  // the kernel's ticks
};
struct SocketHolders {
  std::vector<SocketHolder> found;  // the one that was made first leads
  bool complete = true;             // false: there was not the time to look at all
};
// Which of `pids` have that socket open. `proc`: a directory /proc that counts as `pids` do. Who is gone meanwhile has
// nothing. Blocks for no process; looks until `until` at the latest.
SocketHolders findHolders(int proc, const std::vector<int>& pids, std::uint64_t inode,
                          std::chrono::steady_clock::time_point until);

}  // namespace ringfence::sandbox
