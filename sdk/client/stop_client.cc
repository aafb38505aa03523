#include "sdk/client/stop_client.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include "sdk/base/io.h"
#include "sdk/base/unique_fd.h"
#include "sdk/client/dial.h"

namespace ringfence::client {
namespace {

constexpr Bytes kMaxAnswer = kibibytes(256);
constexpr std::chrono::milliseconds kRestartTakes{2000};
constexpr std::chrono::milliseconds kRetryInterval{5};

// One that died has left its socket, and is started again by the daemon within a moment. Nothing was said to anybody
// yet, so that nothing is asked for twice.
Result<UniqueFd> reach(const std::string& socketPath, std::chrono::seconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + std::min<std::chrono::milliseconds>(kRestartTakes, patience);
  for (bool hasLeft = false;;) {
    auto socket = dial(socketPath, {static_cast<time_t>(patience.count()), 0});
    if (socket) return socket;
    const int cause = socket.error().sysErrno;
    hasLeft = hasLeft || cause == ECONNREFUSED;
    const bool isReplaced = hasLeft && (cause == ECONNREFUSED || cause == ENOENT);
    if (!isReplaced || std::chrono::steady_clock::now() >= deadline) return socket;
    std::this_thread::sleep_for(kRetryInterval);
  }
}

}  // namespace

std::string stopSocketPath() {
  const std::string control = controlSocketPath();
  return control.substr(0, control.rfind('/') + 1) + "stop.sock";
}

Result<std::string> askStop(const std::string& request, std::chrono::seconds patience) {
  return askStopAt(stopSocketPath(), request, patience);
}

Result<std::string> askStopAt(const std::string& socketPath, const std::string& request,
                              std::chrono::seconds patience) {
  const UniqueFd socket = RF_TRY(reach(socketPath, patience));
  const auto sent = sendPacket(socket.get(), request);
  // One that has no room for us answers why, and closes: that is read below.
  if (!sent && sent.error().sysErrno != EPIPE)
    return Error{ErrorCode::kUnavailable, socketPath + ": " + sent.error().message, sent.error().sysErrno};
  const ErrorCode unanswered = sent ? ErrorCode::kUncertain : ErrorCode::kUnavailable;
  for (int resets = 0;;) {
    auto packet = receivePacket(socket.get(), kMaxAnswer);
    if (packet && packet->bytes.empty()) return Error{unanswered, socketPath + ": closed without an answer"};
    if (packet) return std::move(packet->bytes);
    const Error& error = packet.error();
    if (error.sysErrno == ECONNRESET && resets++ == 0) continue;
    const std::string why =
        error.sysErrno == EAGAIN ? "no answer within " + std::to_string(patience.count()) + " s" : error.message;
    return Error{unanswered, socketPath + ": " + why, error.sysErrno};
  }
}

}  // namespace ringfence::client
