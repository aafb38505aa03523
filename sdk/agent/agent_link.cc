#include "sdk/agent/agent_link.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "sdk/agent/answer_fields.h"
#include "sdk/agent/dial.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Bytes kMaxPacket{64 << 10};
constexpr milliseconds kLastLook{50};
constexpr milliseconds kGiveUp{10'000};  // without a word; then another connection is tried
constexpr const char* kUnanswered = "the daemon did not answer: ";

Error lost(std::string what) { return {ErrorCode::kUnavailable, std::move(what), 0}; }

std::string randomPrefix() {
  char bytes[8] = {};
  // Without randomness ids are still those of one process, as the kernel would have it fail before it has any.
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) std::memset(bytes, 0, sizeof bytes);
  return encodeHex({bytes, sizeof bytes});
}

bool wouldBlock(const Error& error) { return error.sysErrno == EAGAIN || error.sysErrno == EWOULDBLOCK; }

}  // namespace

AgentLink::AgentLink(std::string path) : path_(std::move(path)), prefix_(randomPrefix()) {}

std::optional<std::string> AgentLink::ask(const char* verb, const std::string& body, Time until, Patience patience,
                                          std::string& trouble) {
  while (isReady(until, patience, trouble)) {
    if (silentSince_ && patience == Patience::kReturns) {
      trouble = std::string(kUnanswered) + "it was silent before";
      return std::nullopt;
    }
    refusal_.reset();
    const auto call = send(verb, body);
    if (!call && call.error().code == ErrorCode::kInvalid) {
      trouble = kUnanswered + call.error().message;
      return std::nullopt;
    }
    if (!call && isConnected() && !waitsFor(POLLOUT, until)) return fellSilent(trouble);
    if (!call) continue;
    while (isConnected() && !awaited_[*call]) {
      if (takeMore(until)) continue;
      awaited_.erase(*call);
      return fellSilent(trouble);
    }
    auto answer = answerTo(*call);
    if (!answer) answer = std::exchange(refusal_, std::nullopt);
    if (!answer) continue;
    trouble.clear();
    return answer;
  }
  return std::nullopt;
}

bool AgentLink::isReady(Time until, Patience patience, std::string& trouble) {
  for (;;) {
    const Time now = steady_clock::now();
    if (silentSince_ && now - *silentSince_ > kGiveUp) {
      drop("it said nothing");
      silentSince_ = now;  // Another one is believed when it answers.
    }
    if (isConnected() || connect(trouble)) {
      while (isConnected() && readOne()) {}
      if (isConnected()) return true;
    }
    trouble = kUnanswered + why_;
    if (patience == Patience::kReturns || now >= until) return false;
    std::this_thread::sleep_until(std::min(connectAt_, until));
  }
}

bool AgentLink::connect(std::string& trouble) {
  if (steady_clock::now() < connectAt_) return false;
  connectAt_ = steady_clock::now() + kRetry;
  auto socket = agent::dial(path_);
  if (!socket) return why_ = socket.error().message, false;
  socket_ = *std::move(socket);
  ++connection_;
  const auto greeted = send("hello", "{\"protocol\":1}");
  if (!greeted) return trouble = greeted.error().message, drop(trouble), false;
  awaited_.erase(*greeted);  // Its answer is read with the others.
  return true;
}

Result<std::uint64_t> AgentLink::send(const char* verb, const std::string& body) {
  const std::uint64_t call = ++call_;
  const std::string packet = "{\"id\":" + std::to_string(call) + ",\"" + verb + "\":" + body + "}";
  if (packet.size() > kMaxPacket.count) return Error{ErrorCode::kInvalid, "the request is too long"};
  const auto sent = sendPacket(socket_.get(), packet, {}, MSG_DONTWAIT);
  if (!sent && wouldBlock(sent.error())) return Error{ErrorCode::kBusy, sent.error().message};
  if (!sent) {
    const std::string why = sent.error().message;
    while (isConnected() && readOne()) {}  // It may have said why before it closed.
    if (isConnected()) drop(why);
    return lost(why_);
  }
  awaited_[call] = std::nullopt;
  return call;
}

std::optional<std::string> AgentLink::answerTo(std::uint64_t call) {
  const auto found = awaited_.find(call);
  if (found == awaited_.end() || !found->second) return std::nullopt;
  std::optional<std::string> answer = std::move(found->second);
  awaited_.erase(found);
  return answer;
}

bool AgentLink::takeMore(Time until) {
  if (!waitsFor(POLLIN, until)) return false;
  (void)readOne();
  return true;
}

// A moment longer, for the time may have been over while the process was frozen: what came meanwhile is there.
bool AgentLink::waitsFor(short events, Time until) const {
  const auto left = std::max(std::chrono::ceil<milliseconds>(until - steady_clock::now()), kLastLook);
  pollfd poll{socket_.get(), events, 0};
  return ::poll(&poll, 1, static_cast<int>(std::min<milliseconds::rep>(left.count(), 1 << 30))) == 1;
}

std::nullopt_t AgentLink::fellSilent(std::string& trouble) {
  if (!silentSince_) silentSince_ = steady_clock::now();
  trouble = std::string(kUnanswered) + "not in time";
  return std::nullopt;
}

// False: there is nothing now.
bool AgentLink::readOne() {
  auto packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
  // Said once by a socket that was closed before all was read.
  if (!packet && packet.error().sysErrno == ECONNRESET) packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
  if (!packet && wouldBlock(packet.error())) return false;
  if (!packet)
    drop(packet.error().message);
  else if (packet->bytes.empty())
    drop("it closed the connection");
  else
    accept(std::move(packet->bytes));
  return true;
}

void AgentLink::accept(std::string packet) {
  const auto parsed = nlohmann::json::parse(packet, nullptr, false);
  if (!parsed.is_object()) return drop("it sent no answer");
  silentSince_.reset();
  const std::uint64_t call = agent::numberIn(parsed, "id").value_or(0);
  const auto found = awaited_.find(call);
  const bool isAwaited = found != awaited_.end();
  const nlohmann::json* error = agent::objectIn(parsed, "error");
  const std::string code = error != nullptr ? agent::textIn(*error, "code") : "";
  const bool closes = error != nullptr && (call == 0 || code == "invalid");
  if (isAwaited)
    found->second = std::move(packet);  // Else it is to one that was given up.
  else if (closes)
    refusal_ = std::move(packet);
  if (!closes) return;
  drop(code + ": " + agent::textIn(*error, "message"));
  if (isAwaited) connectAt_ = {};  // The daemon is there.
}

void AgentLink::drop(std::string why) {
  why_ = std::move(why);
  socket_.reset();
  std::erase_if(awaited_, [](const auto& one) { return !one.second; });
  silentSince_.reset();
}

Result<std::optional<std::string>> AgentLink::pending() {
  if (!socket_) return lost("there is no connection");
  auto packet = receivePacket(socket_.get(), kMaxPacket, MSG_DONTWAIT);
  if (!packet && wouldBlock(packet.error())) return std::optional<std::string>();
  if (!packet) return packet.error();
  if (packet->bytes.empty()) return lost("the daemon closed the connection");
  return std::optional(std::move(packet->bytes));
}

}  // namespace ringfence
