#include "supervisor/api/agent_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "sdk/base/io.h"

namespace ringfence::supervisor::api {
namespace {

constexpr int kEventsPerCall = 16;
constexpr int kAcceptsPerCall = 8;
constexpr int kPacketsPerCall = 16;  // of one connection
constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63;
constexpr Microseconds kSecond{1'000'000};
constexpr Microseconds kPacketCost = kSecond / kMaxAgentRate;

bool wouldBlock(const Error& error) {
  return error.sysErrno == EAGAIN || error.sysErrno == EWOULDBLOCK || error.sysErrno == ENOBUFS;
}

}  // namespace

Result<AgentServer> AgentServer::create() { return AgentServer(RF_TRY(SocketWatch::create("the sockets of agents"))); }

Result<void> AgentServer::open(const RunId& run, UniqueFd listener) {
  if (runs_.contains(run)) return {};
  const std::uint64_t id = next_++ | kListenerBit;
  RF_TRY(sockets_.add(listener.get(), EPOLLIN, id));
  listeners_.emplace(id, run);
  Run opened;
  opened.listener = std::move(listener);
  runs_.emplace(run, std::move(opened));
  return {};
}

void AgentServer::close(const RunId& run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  // The keeper has the same socket, so that closing ours would not end the watch.
  sockets_.remove(found->second.listener.get());
  std::erase_if(listeners_, [&](const auto& one) { return one.second == run; });
  std::erase_if(connections_, [&](const auto& one) { return one.second.run == run; });
  runs_.erase(found);
}

std::vector<AgentServer::Asked> AgentServer::serve(Now now) {
  std::vector<Asked> asked;
  for (const auto& [id, events] : sockets_.ready(kEventsPerCall)) {
    if (const auto listener = listeners_.find(id); listener != listeners_.end()) {
      const RunId run = listener->second;
      accept(run, now);
      watchListener(id, runs_.at(run));
      continue;
    }
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    Connection& connection = found->second;
    Next next = (events & EPOLLOUT) != 0 ? flush(connection) : Next::kStays;
    if (next == Next::kStays && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
      next = receive(id, connection, now, asked);
    // Whoever hung up takes no answer any more, which the next one that is sent finds out: else it would wake the loop
    // for ever.
    if (next == Next::kStays && (events & (EPOLLHUP | EPOLLERR)) != 0) next = flush(connection);
    if (next == Next::kOver)
      drop(id);
    else
      settle(id, connection);
  }
  return asked;
}

void AgentServer::accept(const RunId& run, Now now) {
  Run& of = runs_.at(run);
  for (int i = 0; i < kAcceptsPerCall && mayRead(of, now); ++i) {
    UniqueFd socket(::accept4(of.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;  // None waits, or it is gone already; one that could not be had is tried again.
    of.until = std::max(of.until, now.monotonic) + kPacketCost;
    if (of.connections >= kMaxAgentConnections) {
      const AgentRefusal refusal{"busy", "this run has " + std::to_string(kMaxAgentConnections) +
                                             " connections to its socket already; close one and try again"};
      (void)sendPacket(socket.get(), encodeAgentAnswer(0, refusal), {}, MSG_DONTWAIT);  // Read or not: it closes.
      continue;
    }
    const Id id = next_++;
    Connection connection;
    connection.run = run;
    connection.socket = std::move(socket);
    connection.begun = now.monotonic;
    settle(id, connections_.emplace(id, std::move(connection)).first->second);
    ++of.connections;
  }
}

std::vector<AgentServer::Asked> AgentServer::drain(const RunId& run, Now now) {
  std::vector<Asked> asked;
  if (!runs_.contains(run)) return asked;
  accept(RunId(run), now);
  std::vector<Id> over;
  for (auto& [id, connection] : connections_) {
    if (connection.run == run && receive(id, connection, now, asked) == Next::kOver) over.push_back(id);
  }
  for (const Id id : over) drop(id);
  return asked;
}

// While its run has to wait, whoever connects waits in the backlog.
void AgentServer::watchListener(std::uint64_t id, Run& run) {
  const bool isWanted = !run.pausedUntil;
  if (isWanted == run.isWatched) return;
  if (sockets_.change(run.listener.get(), isWanted ? EPOLLIN : 0u, id)) run.isWatched = isWanted;
}

void AgentServer::push(Connection& connection, std::string packet) {
  connection.queued.count += packet.size();
  connection.queue.push_back(std::move(packet));
}

void AgentServer::forgetNotice(Connection& connection) {
  connection.noticed.count -= connection.noticeBytes.front().count;
  connection.noticeBytes.pop_front();
  connection.notices.pop_front();
}

// The time in which its packets are earned runs ahead of the clock by a second at most.
bool AgentServer::mayRead(Run& run, Now now) {
  if (std::max(run.until, now.monotonic) + kPacketCost <= now.monotonic + kSecond) return true;
  run.pausedUntil = now.monotonic + kSecond / 10;
  return false;
}

AgentServer::Next AgentServer::receive(Id id, Connection& connection, Now now, std::vector<Asked>& asked) {
  Run& run = runs_.at(connection.run);
  for (int i = 0; i < kPacketsPerCall; ++i) {
    if (connection.closing || connection.unanswered >= kMaxAgentUnanswered ||
        connection.queued.count >= kMaxAgentQueue.count || !mayRead(run, now))
      return Next::kStays;
    auto packet = receivePacket(connection.socket.get(), kMaxAgentPacket, MSG_DONTWAIT);
    if (!packet && wouldBlock(packet.error())) return Next::kStays;
    const auto units = packet ? 1 + packet->bytes.size() / kAgentRateUnit.count : 1;
    run.until = std::max(run.until, now.monotonic) + kPacketCost * static_cast<Microseconds::rep>(units);
    if (!packet && packet.error().code == ErrorCode::kInvalid) {
      refuseAndClose(connection, 0, packet.error().message, now);
      return flush(connection);
    }
    if (!packet || packet->bytes.empty()) return Next::kOver;  // An empty packet looks the same as the end.
    if (!packet->fds.empty()) {
      refuseAndClose(connection, 0, "descriptors are not taken here", now);
      return flush(connection);
    }
    if (handle(id, connection, packet->bytes, now, asked) == Next::kOver) return Next::kOver;
  }
  return Next::kStays;
}

AgentServer::Next AgentServer::handle(Id id, Connection& connection, std::string_view packet, Now now,
                                      std::vector<Asked>& asked) {
  auto call = decodeAgentCall(packet);
  if (!call) {
    refuseAndClose(connection, 0, call.error().message, now);
    return flush(connection);
  }
  const auto* hello = std::get_if<AgentHello>(&call->request);
  if (!connection.greeted || hello != nullptr) {
    if (hello == nullptr)
      refuseAndClose(connection, call->id, "the first packet must be hello", now);
    else if (hello->protocol != kAgentProtocol)
      refuseAndClose(connection, call->id, "protocol " + std::to_string(hello->protocol) + " is not spoken here; 1 is",
                     now);
    else
      push(connection, encodeAgentAnswer(call->id, AgentWelcome{connection.run.text()}));
    connection.greeted = true;
    return flush(connection);
  }
  ++connection.unanswered;
  asked.push_back({connection.run, id, call->id, std::move(call->request)});
  return Next::kStays;
}

void AgentServer::refuseAndClose(Connection& connection, std::uint64_t call, const std::string& message, Now now) {
  push(connection, encodeAgentAnswer(call, AgentRefusal{"invalid", message}));
  connection.closing = true;
  connection.closingSince = now.monotonic;
}

void AgentServer::answer(const Asked& asked, const AgentAnswer& answer, Now) {
  const auto found = connections_.find(asked.connection);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (connection.unanswered > 0) --connection.unanswered;
  push(connection, encodeAgentAnswer(asked.call, answer));
  if (flush(connection) == Next::kOver)
    drop(asked.connection);
  else
    settle(asked.connection, connection);
}

void AgentServer::tell(std::uint64_t connection, const AgentNotice& notice) {
  const auto found = connections_.find(connection);
  if (found == connections_.end() || found->second.closing) return;
  Connection& to = found->second;
  to.notices.push_back(notice);
  to.noticeBytes.push_back({encodeAgentNotice(notice, 0).size()});
  to.noticed.count += to.noticeBytes.back().count;
  while (to.notices.size() > kMaxAgentNotices || to.noticed.count > kMaxAgentNoticeBytes.count) {
    forgetNotice(to);
    ++to.missed;
  }
  if (flush(to) == Next::kOver)
    drop(connection);
  else
    settle(connection, to);
}

AgentServer::Next AgentServer::flush(Connection& connection) {
  while (!connection.queue.empty()) {
    auto sent = sendPacket(connection.socket.get(), connection.queue.front(), {}, MSG_DONTWAIT);
    if (!sent) return wouldBlock(sent.error()) ? Next::kStays : Next::kOver;
    connection.queued.count -= connection.queue.front().size();
    connection.queue.pop_front();
  }
  while (!connection.closing && !connection.notices.empty()) {
    const std::string packet = encodeAgentNotice(connection.notices.front(), connection.missed);
    if (!packet.empty()) {
      auto sent = sendPacket(connection.socket.get(), packet, {}, MSG_DONTWAIT);
      if (!sent) return wouldBlock(sent.error()) ? Next::kStays : Next::kOver;
    }
    // One that cannot be written is missed as well.
    connection.missed = packet.empty() ? connection.missed + 1 : 0;
    forgetNotice(connection);
  }
  return connection.closing ? Next::kOver : Next::kStays;
}

// Nobody is watched of whom nothing is wanted now: a peer that hung up would wake the loop again and again.
void AgentServer::settle(Id id, Connection& connection) {
  const Run& run = runs_.at(connection.run);
  const bool reads = !connection.closing && connection.unanswered < kMaxAgentUnanswered &&
                     connection.queue.size() < kMaxAgentUnanswered && connection.queued.count < kMaxAgentQueue.count &&
                     !run.pausedUntil;
  const bool writes = !connection.queue.empty() || (!connection.closing && !connection.notices.empty());
  watch(id, connection, (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u));
}

void AgentServer::watch(Id id, Connection& connection, std::uint32_t wanted) {
  if (wanted == connection.watched) return;
  const int socket = connection.socket.get();
  if (wanted == 0) {
    sockets_.remove(socket);
    connection.watched = 0;
    return;
  }
  const auto set = connection.watched == 0 ? sockets_.add(socket, wanted, id) : sockets_.change(socket, wanted, id);
  // One that cannot be watched for want of memory is asked nothing until it is settled again.
  if (set) connection.watched = wanted;
}

void AgentServer::drop(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (const auto run = runs_.find(found->second.run); run != runs_.end()) --run->second.connections;
  connections_.erase(found);
}

void AgentServer::expire(Now now) {
  for (auto& [id, run] : runs_) {
    if (run.pausedUntil && *run.pausedUntil <= now.monotonic) run.pausedUntil.reset();
  }
  for (const auto& [id, run] : listeners_) watchListener(id, runs_.at(run));
  std::vector<Id> over;
  for (auto& [id, connection] : connections_) {
    if (!connection.greeted && !connection.closing && now.monotonic - connection.begun >= kMaxAgentHelloTime) {
      refuseAndClose(connection, 0, "hello did not come within 10 s", now);
      if (flush(connection) == Next::kOver) over.push_back(id);
    } else if (connection.closing && now.monotonic - connection.closingSince >= kMaxAgentCloseTime) {
      over.push_back(id);
    }
    settle(id, connection);
  }
  for (const Id id : over) drop(id);
}

std::optional<Microseconds> AgentServer::deadline() const {
  std::optional<Microseconds> first;
  const auto consider = [&](Microseconds at) { first = std::min(first.value_or(Microseconds::max()), at); };
  for (const auto& [id, run] : runs_) {
    if (run.pausedUntil) consider(*run.pausedUntil);
  }
  for (const auto& [id, connection] : connections_) {
    if (connection.closing)
      consider(connection.closingSince + kMaxAgentCloseTime);
    else if (!connection.greeted)
      consider(connection.begun + kMaxAgentHelloTime);
  }
  return first;
}

}  // namespace ringfence::supervisor::api
