#include "sandbox/kernel/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kHeader = NLMSG_HDRLEN;
constexpr timeval kAnswerTime{5, 0};  // The kernel answers within the send; longer means that no answer comes.

void pad(std::string& bytes) { bytes.resize(NLMSG_ALIGN(bytes.size()), '\0'); }

}  // namespace

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string what)
    : bytes_(kHeader, '\0'), what_(std::move(what)) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  std::memcpy(bytes_.data(), &header, sizeof header);
}

NetlinkMessage& NetlinkMessage::appendBytes(std::string_view bytes) {
  bytes_ += bytes;
  pad(bytes_);
  return *this;
}

NetlinkMessage& NetlinkMessage::attribute(std::uint16_t type, std::string_view bytes) {
  nlattr header{};
  header.nla_type = type;
  header.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + bytes.size());
  bytes_.append(reinterpret_cast<const char*>(&header), sizeof header);
  return appendBytes(bytes);
}

NetlinkMessage& NetlinkMessage::attribute32(std::uint16_t type, std::uint32_t bigEndian) {
  return attribute(type, {reinterpret_cast<const char*>(&bigEndian), sizeof bigEndian});
}

NetlinkMessage& NetlinkMessage::text(std::uint16_t type, const char* zeroTerminated) {
  return attribute(type, {zeroTerminated, std::strlen(zeroTerminated) + 1});
}

std::size_t NetlinkMessage::beginNest(std::uint16_t type) {
  const std::size_t at = bytes_.size();
  attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
  return at;
}

void NetlinkMessage::endNest(std::size_t begun) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - begun);
  std::memcpy(bytes_.data() + begun, &length, sizeof length);
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd && errno == EPROTONOSUPPORT)
    return Error{ErrorCode::kUnsupported, "the kernel has no netlink protocol " + std::to_string(protocol), errno};
  if (!fd) return posixError(errno, "opening a netlink socket");
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime) != 0)
    return posixError(errno, "bounding the wait on a netlink socket");
  return NetlinkSocket(std::move(fd));
}

Result<void> NetlinkSocket::send(std::vector<NetlinkMessage> messages) {
  std::string batch;
  std::size_t answers = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    std::string& bytes = messages[i].bytes_;
    nlmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    header.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
    header.nlmsg_seq = static_cast<std::uint32_t>(i + 1);
    if ((header.nlmsg_flags & NLM_F_ACK) != 0) ++answers;
    std::memcpy(bytes.data(), &header, sizeof header);
    batch += bytes;
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(fd_.get(), batch.data(), batch.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
    return posixError(errno, messages.front().what());
  alignas(nlmsghdr) char buffer[8192];
  while (answers > 0) {
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return posixError(errno, "waiting for the kernel's answer to: " + messages.front().what());
    auto left = static_cast<std::size_t>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) continue;
      const auto* answer = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
      const std::size_t of = header->nlmsg_seq - 1;
      if (answer->error != 0) {
        return posixError(-answer->error, of < messages.size() ? messages[of].what() : "a netlink batch");
      }
      if (answers > 0) --answers;
    }
  }
  return {};
}

}  // namespace ringfence::sandbox
