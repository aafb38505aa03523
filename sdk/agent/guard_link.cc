#include "sdk/agent/guard_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <thread>

#include "sdk/agent/answer_fields.h"
#include "sdk/agent/dial.h"
#include "sdk/base/io.h"

namespace ringfence {
namespace {

using agent::textIn;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Bytes kMaxPacket{64 << 10};
constexpr milliseconds kPause{100};  // until a connection or a request is tried again

bool wouldBlock(const Error& error) { return error.sysErrno == EAGAIN || error.sysErrno == EWOULDBLOCK; }

}  // namespace

void GuardLink::start(const std::string& id, std::string body) {
  asked_.try_emplace(id, Asked{std::move(body)});
  if (socket_ || connect()) sendAll();
}

std::optional<std::string> GuardLink::take(const std::string& id) {
  pump();
  const auto found = asked_.find(id);
  if (found == asked_.end() || !found->second.answer) return std::nullopt;
  std::optional<std::string> answer = std::move(found->second.answer);
  asked_.erase(found);
  return answer;
}

void GuardLink::waitUntil(Time until) const {
  Time next = until;
  if (!socket_) next = std::min(next, connectAt_);
  for (const auto& [id, asked] : asked_) {
    if (socket_ && asked.call == 0 && !asked.answer) next = std::min(next, asked.sendAt);
  }
  const milliseconds left = std::max(std::chrono::ceil<milliseconds>(next - steady_clock::now()), milliseconds{0});
  if (!socket_) return std::this_thread::sleep_for(left);
  pollfd poll{socket_.get(), POLLIN, 0};
  (void)::poll(&poll, 1, static_cast<int>(std::min<milliseconds::rep>(left.count(), 1 << 30)));
}

void GuardLink::pump() {
  if (!socket_ && !connect()) return;
  sendAll();
  readAll();
}

// The answer to its hello is read with the others.
bool GuardLink::connect() {
  if (steady_clock::now() < connectAt_) return false;
  connectAt_ = steady_clock::now() + kPause;
  auto socket = agent::dial(path_);
  if (!socket) return trouble_ = socket.error().message, false;
  const auto greeted = sendPacket(socket->get(), "{\"id\":" + std::to_string(++call_) + ",\"hello\":{\"protocol\":1}}",
                                  {}, MSG_DONTWAIT);
  if (!greeted) return trouble_ = greeted.error().message, false;
  socket_ = *std::move(socket);
  for (auto& [id, asked] : asked_) asked.call = 0;
  return true;
}

void GuardLink::drop(std::string why) {
  trouble_ = std::move(why);
  socket_.reset();
  for (auto& [id, asked] : asked_) asked.call = 0;
}

void GuardLink::sendAll() {
  const Time now = steady_clock::now();
  for (auto& [id, asked] : asked_) {
    if (asked.call != 0 || asked.answer || asked.sendAt > now) continue;
    const auto sent = sendPacket(
        socket_.get(), "{\"id\":" + std::to_string(call_ + 1) + ",\"guard\":" + asked.body + "}", {}, MSG_DONTWAIT);
    if (!sent && wouldBlock(sent.error())) {
      asked.sendAt = now + kPause;
      return;
    }
    // It may have said why before it closed.
    if (!sent) return;
    asked.call = ++call_;
  }
}

bool GuardLink::isWaiting() const {
  return std::ranges::any_of(asked_, [](const auto& one) { return !one.second.answer; });
}

void GuardLink::readAll() {
  while (socket_ && isWaiting()) {
    auto packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
    if (!packet && wouldBlock(packet.error())) return;
    // Said once by a socket that was closed before all was read.
    if (!packet && packet.error().sysErrno == ECONNRESET)
      packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
    if (!packet) return drop("the daemon did not answer: " + packet.error().message);
    if (packet->bytes.empty()) return drop("the daemon closed the connection");
    accept(packet->bytes);
  }
}

// What is refused as invalid is its answer; the daemon closes the connection then, and the others are asked again over
// another. What is refused for the moment is asked again.
void GuardLink::accept(const std::string& packet) {
  const auto parsed = nlohmann::json::parse(packet, nullptr, false);
  if (!parsed.is_object()) return drop("the daemon sent no answer");
  const std::string call = textIn(parsed, "id");
  const auto error = parsed.find("error");
  const bool isError = error != parsed.end() && error->is_object();
  const std::string code = isError ? textIn(*error, "code") : "";
  for (auto& [id, asked] : asked_) {
    if (asked.call == 0 || call != std::to_string(asked.call)) continue;
    if (code == "busy" || code == "unavailable") {
      trouble_ = textIn(*error, "message");
      asked.call = 0;
      asked.sendAt = steady_clock::now() + kPause;
      return;
    }
    asked.answer = packet;
    if (!isError) trouble_.clear();
    return;
  }
  if (isError) drop(textIn(*error, "message"));
}

}  // namespace ringfence
