#include "sdk/agent/agent_link.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Bytes kMaxPacket{64 << 10};
constexpr milliseconds kLastLook{50}, kFirstPause{10}, kLongestPause{200};

Error lost(std::string what) { return {ErrorCode::kUnavailable, std::move(what), 0}; }

std::string randomPrefix() {
  char bytes[8] = {};
  // Without randomness ids are still those of one process, as the kernel would have it fail before it has any.
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) std::memset(bytes, 0, sizeof bytes);
  return encodeHex({bytes, sizeof bytes});
}

milliseconds leftUntil(steady_clock::time_point until) {
  return std::max(std::chrono::ceil<milliseconds>(until - steady_clock::now()), milliseconds{0});
}

bool awaits(int socket, short events, milliseconds time) {
  pollfd poll{socket, events, 0};
  return ::poll(&poll, 1, static_cast<int>(std::min<milliseconds::rep>(time.count(), 1 << 30))) == 1;
}

}  // namespace

AgentLink::AgentLink(std::string path) : path_(std::move(path)), prefix_(randomPrefix()) {}

std::optional<std::string> AgentLink::ask(const char* verb, const std::string& body, Time until, std::string& trouble) {
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    auto answer = exchange(verb, body, until);
    if (answer) {
      trouble.clear();
      return *std::move(answer);
    }
    socket_.reset();
    trouble = "the daemon did not answer: " + answer.error().message;
    const milliseconds left = leftUntil(until);
    if (left.count() == 0) return std::nullopt;
    std::this_thread::sleep_for(std::min(pause, left));
  }
}

Result<std::string> AgentLink::exchange(const char* verb, const std::string& body, Time until) {
  if (!socket_) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return lost(path_ + " is too long for a socket");
    path_.copy(address.sun_path, path_.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return posixError(errno, "making a socket");
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return posixError(errno, "connecting to " + path_);
    socket_ = std::move(socket);
    (void)RF_TRY(answerTo("hello", "{\"protocol\":1}", until));
  }
  return answerTo(verb, body, until);
}

Result<std::string> AgentLink::answerTo(const char* verb, const std::string& body, Time until) {
  const std::string packet = "{\"id\":" + std::to_string(++call_) + ",\"" + verb + "\":" + body + "}";
  if (packet.size() > kMaxPacket.count) return lost("the request is too long");
  for (;;) {
    const auto sent = sendPacket(socket_.get(), packet, {}, MSG_DONTWAIT);
    if (sent || sent.error().sysErrno == EPIPE || sent.error().sysErrno == ECONNRESET) break;  // It may have said why.
    if (sent.error().sysErrno != EAGAIN || !awaits(socket_.get(), POLLOUT, leftUntil(until))) return sent.error();
  }
  for (;;) {
    std::string answer = RF_TRY(read(until));
    const auto parsed = nlohmann::json::parse(answer, nullptr, false);
    if (!parsed.is_object()) return lost("it sent no answer");
    const auto id = parsed.find("id");
    const bool isOurs = id == parsed.end() || *id == std::to_string(call_);
    const bool closes =
        parsed.contains("error") && parsed["error"].is_object() && parsed["error"].value("code", "") == "invalid";
    if (closes) socket_.reset();
    if (isOurs || closes || *id == "0") return answer;  // Else it is to one that was given up.
  }
}

Result<std::optional<std::string>> AgentLink::pending() {
  if (!socket_) return lost("there is no connection");
  auto packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
  if (!packet && (packet.error().sysErrno == EAGAIN || packet.error().sysErrno == EWOULDBLOCK))
    return std::optional<std::string>();
  if (!packet) return packet.error();
  if (packet->bytes.empty()) return lost("the daemon closed the connection");
  return std::optional(std::move(packet->bytes));
}

// Also when the time is over, for it may have been over while the process was frozen: what came meanwhile is there.
Result<std::string> AgentLink::read(Time until) {
  if (!awaits(socket_.get(), POLLIN, std::max(leftUntil(until), kLastLook))) return lost("not in time");
  auto packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
  // Said once by a socket that was closed before all was read.
  if (!packet && packet.error().sysErrno == ECONNRESET) packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
  if (!packet) return packet.error();
  if (packet->bytes.empty()) return lost("it closed the connection");
  return std::move(packet->bytes);
}

}  // namespace ringfence
