// Messages to the kernel's network configuration: built front to back, sent as one batch, each one answered.
//
//   NetlinkMessage address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, "adding 10.77.0.1");
//   address.append(header).attribute(IFA_LOCAL, bytes);
//   RF_TRY(NetlinkSocket::open(NETLINK_ROUTE)).send({address});
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

class NetlinkMessage {
 public:
  // `what` names the message in an error.
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string what);

  // A header of the message's family, before any attribute.
  template <typename Header>
  NetlinkMessage& append(const Header& header) {
    return appendBytes({reinterpret_cast<const char*>(&header), sizeof header});
  }
  NetlinkMessage& attribute(std::uint16_t type, std::string_view bytes);
  NetlinkMessage& attribute32(std::uint16_t type, std::uint32_t bigEndian);  // in network byte order, as given
  NetlinkMessage& text(std::uint16_t type, const char* zeroTerminated);
  // What is added between the two is inside the attribute.
  std::size_t beginNest(std::uint16_t type);
  void endNest(std::size_t begun);

  const std::string& what() const { return what_; }

 private:
  friend class NetlinkSocket;
  NetlinkMessage& appendBytes(std::string_view bytes);

  std::string bytes_;
  std::string what_;
};

class NetlinkSocket {
 public:
  // In the network namespace of the caller. Fails with kUnsupported when the kernel lacks the protocol.
  static Result<NetlinkSocket> open(int protocol);
  // All in one send. Fails with what the kernel said of the first one that it refused.
  Result<void> send(std::vector<NetlinkMessage> messages);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace ringfence::sandbox
