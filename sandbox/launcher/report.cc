#include "sandbox/launcher/report.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace ringfence::sandbox {
namespace {

struct Header {
  std::uint32_t kind;
  std::int32_t value;
  std::int32_t extra;
};

constexpr std::size_t kMaxReportFds = 16;

void takeControl(msghdr& message, Report& report) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
      report.senderPid = credentials.pid;
    } else if (header->cmsg_type == SCM_RIGHTS) {
      const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
        report.fds.emplace_back(fd);
      }
    }
  }
}

}  // namespace

Result<void> sendReport(int socket, std::uint32_t kind, std::int32_t value, std::int32_t extra, std::string_view text,
                        std::span<const int> fds, int flags) {
  const Header header{kind, value, extra};
  std::string packet(reinterpret_cast<const char*>(&header), sizeof header);
  packet += text;
  return sendPacket(socket, packet, fds, flags);
}

std::optional<std::string_view> textOf(std::string_view packet, OrderKind kind) {
  Header header{};
  if (packet.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, packet.data(), sizeof header);
  if (header.kind != static_cast<std::uint32_t>(kind)) return std::nullopt;
  return packet.substr(sizeof header);
}

Result<Report> receiveReport(int socket, int flags) {
  // The size first: a report is small as a rule, and the buffer is cleared each time.
  char probe = 0;
  ssize_t size = 0;
  do size = ::recv(socket, &probe, 1, MSG_PEEK | MSG_TRUNC | flags);
  while (size < 0 && errno == EINTR);
  if (size < 0) return posixError(errno, "receiving a report");
  if (size > static_cast<ssize_t>(kMaxReport.count)) return Error{ErrorCode::kInvalid, "a report is too long"};
  std::string bytes(static_cast<std::size_t>(size), '\0');
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxReportFds * sizeof(int)) + CMSG_SPACE(sizeof(ucred))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do got = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return posixError(errno, "receiving a report");
  Report report;
  takeControl(message, report);
  if (got == 0) return report;
  if (got < static_cast<ssize_t>(sizeof(Header)) || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Error{ErrorCode::kInvalid, "a report is malformed"};
  }
  Header header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  report.kind = header.kind;
  report.value = header.value;
  report.extra = header.extra;
  report.text = bytes.substr(sizeof header);
  return report;
}

}  // namespace ringfence::sandbox
