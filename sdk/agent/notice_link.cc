#include "sdk/agent/notice_link.h"

#include <sys/socket.h>

#include <cerrno>

#include "sdk/agent/answer_fields.h"
#include "sdk/agent/dial.h"
#include "sdk/base/io.h"

namespace ringfence {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Bytes kMaxPacket{64 << 10};
constexpr milliseconds kPause{100};          // until a connection is tried again
constexpr milliseconds kRefusedPause{2000};  // the same, when an older daemon does not know what was asked
constexpr std::size_t kMaxKeptNotices = 64;

}  // namespace

void NoticeLink::listen(const std::string& word) {
  if (!words_.insert(word).second || !socket_) return;
  if (!sayWhat(socket_.get())) socket_.reset();
}

std::deque<nlohmann::json> NoticeLink::take() {
  if (!words_.empty() && (socket_ || connect())) readAll();
  return std::exchange(queue_, {});
}

bool NoticeLink::sayWhat(int socket) const {
  const nlohmann::json listen = {{"id", 2}, {"listen", {{"to", words_}}}};
  return sendPacket(socket, listen.dump(), {}, MSG_DONTWAIT).has_value();
}

void NoticeLink::sayReady() const {
  if (socket_) (void)sendPacket(socket_.get(), R"({"id":3,"ready":{}})", {}, MSG_DONTWAIT);
}

// The answers to its hello and to what it listens for are read with the notices.
bool NoticeLink::connect() {
  if (steady_clock::now() < connectAt_) return false;
  connectAt_ = steady_clock::now() + kPause;
  auto socket = agent::dial(path_);
  if (!socket || !sendPacket(socket->get(), R"({"id":1,"hello":{"protocol":1}})", {}, MSG_DONTWAIT) ||
      !sayWhat(socket->get()))
    return false;
  socket_ = *std::move(socket);
  return true;
}

void NoticeLink::readAll() {
  while (socket_) {
    auto packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
    // Said once by a socket that was closed before all was read.
    if (!packet && packet.error().sysErrno == ECONNRESET)
      packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
    if (!packet && (packet.error().sysErrno == EAGAIN || packet.error().sysErrno == EWOULDBLOCK)) return;
    if (!packet || packet->bytes.empty()) return socket_.reset();
    accept(packet->bytes);
  }
}

void NoticeLink::accept(const std::string& packet) {
  auto parsed = nlohmann::json::parse(packet, nullptr, false);
  if (!parsed.is_object()) return socket_.reset();
  if (parsed.contains("error")) {
    connectAt_ = steady_clock::now() + kRefusedPause;
    return socket_.reset();
  }
  const nlohmann::json* notice = agent::objectIn(parsed, "notice");
  if (notice == nullptr) return;
  missed_ += agent::numberIn(*notice, "missed").value_or(0);
  queue_.push_back(*notice);
  if (queue_.size() <= kMaxKeptNotices) return;
  queue_.pop_front();
  ++missed_;
}

}  // namespace ringfence
