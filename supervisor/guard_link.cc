#include "supervisor/guard_link.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/path_calls.h"
#include "sandbox/wire/long_message.h"

namespace ringfence::supervisor {
namespace {

struct Received {
  std::string bytes;
  std::int32_t pid = 0;
};

// With the sender's pid, which the kernel writes. No descriptor is taken from a guard.
Result<Received> receiveAttested(int socket) {
  Received received;
  const auto room = std::make_unique_for_overwrite<char[]>(sandbox::kMaxGuardPacket.count);
  iovec part{room.get(), sandbox::kMaxGuardPacket.count};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t length = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0) return posixError(errno, "hearing a guard");
  if ((message.msg_flags & MSG_TRUNC) != 0) return Error{ErrorCode::kInvalid, "a message longer than any is"};
  // There is room for its credentials alone, so the kernel has closed what came beside them.
  if ((message.msg_flags & MSG_CTRUNC) != 0)
    return Error{ErrorCode::kInvalid, "a descriptor, and no guard has any to give"};
  received.bytes.assign(room.get(), static_cast<std::size_t>(length));
  for (cmsghdr* extra = CMSG_FIRSTHDR(&message); extra != nullptr; extra = CMSG_NXTHDR(&message, extra)) {
    if (extra->cmsg_level == SOL_SOCKET && extra->cmsg_type == SCM_RIGHTS) {
      int fd = -1;  // Only where no credentials came is there room for one.
      std::memcpy(&fd, CMSG_DATA(extra), sizeof fd);
      const UniqueFd unwanted(fd);
      return Error{ErrorCode::kInvalid, "a descriptor, and no guard has any to give"};
    }
    if (extra->cmsg_level != SOL_SOCKET || extra->cmsg_type != SCM_CREDENTIALS) continue;
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(extra), sizeof sender);
    received.pid = sender.pid;
  }
  return received;
}

bool isBounded(const std::string& text) { return text.size() <= sandbox::kMaxGuardText; }

bool isBounded(const sandbox::GuardedAction& action) {
  std::size_t bytes = 0;
  for (const std::string& argument : action.action.argv) bytes += argument.size();
  if (action.action.argv.size() > sandbox::kMaxGuardArguments || bytes > sandbox::kMaxGuardArgvBytes) return false;
  if (action.chain.size() > sandbox::kMaxProcessChain) return false;
  if (!std::ranges::all_of(action.chain, [](const auto& link) { return isBounded(link.name); })) return false;
  return isBounded(action.action.target) && isBounded(action.what) && isBounded(action.second) &&
         isBounded(action.cwd) && isBounded(action.object);
}

bool isBounded(const sandbox::GuardRule& rule) {
  return isBounded(rule.text) && isBounded(rule.why) && isBounded(rule.origin.file) && isBounded(rule.origin.text);
}

bool isBounded(const sandbox::GuardEvent& event) {
  if (const auto* ask = std::get_if<sandbox::Ask>(&event)) return isBounded(ask->action) && isBounded(ask->rule);
  if (const auto* record = std::get_if<sandbox::Record>(&event))
    return isBounded(record->action) && isBounded(record->rule) && record->count > 0;
  if (const auto* withdraw = std::get_if<sandbox::Withdraw>(&event)) return isBounded(withdraw->why);
  if (const auto* performed = std::get_if<sandbox::Performed>(&event)) return isBounded(performed->note);
  if (const auto* traffic = std::get_if<sandbox::Traffic>(&event)) {
    return traffic->hosts.size() <= kMaxTrafficHosts &&
           std::ranges::all_of(traffic->hosts, [](const auto& host) { return isBounded(host.host); });
  }
  return true;
}

bool wouldBlock(const Error& error) {
  return error.code == ErrorCode::kBusy || error.sysErrno == EAGAIN || error.sysErrno == EWOULDBLOCK ||
         error.sysErrno == EINTR || error.sysErrno == ENOBUFS || error.sysErrno == ENOMEM;
}

// Pinned first, looked at then: a number that went to somebody else meanwhile names a process of another group.
void killIfOf(const RunId& run, std::int32_t pid) {
  if (pid <= 0) return;
  const UniqueFd pidfd(sandbox::pidfdOpen(pid));
  if (!pidfd) return;
  const auto groups = readFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cgroup", kibibytes(16));
  if (!groups || groups->find("/" + run.text() + "/") == std::string::npos) return;
  (void)sandbox::signalPidfd(pidfd.get(), SIGKILL);  // Gone already is what is wanted.
}

bool isSame(const AllowedCount& counted, const sandbox::AllowedAction& allowed) {
  const policy::Action& action = allowed.action.action;
  return counted.operation == action.operation && counted.what == allowed.action.what &&
         counted.target == action.target && counted.second == allowed.action.second && counted.argv == action.argv &&
         counted.rule == allowed.rule;
}

}  // namespace

GuardLink::GuardLink(GuardName name, UniqueFd socket, std::optional<sandbox::ActionRing> ring, std::uint64_t ringUpTo)
    : name_(std::move(name)), socket_(std::move(socket)), ring_(std::move(ring)) {
  const int on = 1;
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);  // Without: its process is not known.
  if (!ring_) return;
  cursor_ = ring_->taken();
  // What is recorded and was not let go before the last daemon died. A ring that never came so far is another one.
  if (ringUpTo - cursor_ <= sandbox::kActionRingCapacity.count) cursor_ = ringUpTo;
}

std::vector<sandbox::GuardEvent> GuardLink::receive() {
  std::vector<sandbox::GuardEvent> events;
  for (std::size_t i = 0; i < kMaxGuardEventsPerTurn && !over(); ++i) {
    auto packet = receiveAttested(socket_.get());
    // Said once where it ended without having read all; what it had sent comes after that.
    if (!packet && packet.error().sysErrno == ECONNRESET) continue;
    if (!packet) {
      if (!wouldBlock(packet.error())) fail("it sent " + packet.error().message);
      return events;
    }
    if (packet->pid > 0) pid_ = packet->pid;
    // The launcher keeps both ends as long as the run lives, so this is a packet with nothing in it.
    if (packet->bytes.empty()) {
      fail("it sent nothing, or its end was closed");
      return events;
    }
    auto event = sandbox::decodeGuardEvent(packet->bytes);
    if (!event) {
      fail("it sent a message that cannot be read: " + event.error().message);
    } else if (!isBounded(*event)) {
      fail("it sent a message with more in it than there may be");
    } else if (const auto* hello = std::get_if<sandbox::GuardHello>(&*event);
               hello != nullptr && hello->kind != name_.kind) {
      fail("it says that it is another kind of guard");
    } else {
      events.push_back(*std::move(event));
    }
  }
  return events;
}

void GuardLink::send(const sandbox::GuardOrder& order) {
  if (over()) return;
  if (queue_.size() >= kMaxGuardQueue) return fail("it does not read what it is told");
  auto encoded = sandbox::encodeBounded(order);
  if (!encoded) return fail("what it must be told is too long: " + encoded.error().message);
  auto packed = sandbox::packRequest(*std::move(encoded));
  if (!packed) return fail("what it must be told cannot be sent: " + packed.error().message);
  queue_.push_back({std::move(packed->bytes), std::move(packed->fds)});
  flush();
}

void GuardLink::flush() {
  while (!queue_.empty() && !over()) {
    std::vector<int> fds;
    for (const UniqueFd& fd : queue_.front().fds) fds.push_back(fd.get());
    auto sent = sendPacket(socket_.get(), queue_.front().bytes, fds, MSG_DONTWAIT);
    if (!sent && wouldBlock(sent.error())) return;
    if (!sent) return fail("it cannot be told: " + sent.error().message);
    queue_.pop_front();
  }
}

void GuardLink::fail(std::string reason) {
  if (over()) return;
  trouble_ = std::move(reason);
  queue_.clear();
  killIfOf(name_.run, pid_);
}

Result<GuardLink::Drained> GuardLink::drain() const {
  Drained drained;
  drained.upTo = cursor_;
  if (!ring_) return drained;
  std::size_t bytes = 0;
  // Entries are counted too: what is the same a million times is no reason to stay here.
  for (std::size_t entries = 0; entries < 4096; ++entries) {
    std::uint64_t at = drained.upTo;
    auto entry = RF_TRY(ring_->read(at));
    if (!entry) return drained;
    auto allowed = RF_TRY(sandbox::decodeEntry(*entry));
    if (!isBounded(allowed.action) || !isBounded(allowed.rule))
      return Error{ErrorCode::kInvalid, "an action with more in it than there may be"};
    const auto same = std::ranges::find_if(drained.actions, [&](const auto& one) { return isSame(one, allowed); });
    if (same != drained.actions.end()) {
      ++same->count;
    } else {
      bytes += entry->size();
      if (drained.actions.size() == kMaxAllowedPerFact || bytes > kMaxAllowedFact.count) break;
      policy::Action& action = allowed.action.action;
      const auto& chain = allowed.action.chain;
      const auto pid = chain.empty() || chain[0].pid <= 0 ? std::nullopt : std::optional(chain[0].pid);
      const auto name =
          !pid || chain[0].name.empty() ? std::nullopt : std::optional(chain[0].name.substr(0, kMaxKeptProcessName));
      drained.actions.push_back({action.operation, std::move(allowed.action.what), std::move(action.target),
                                 std::move(allowed.action.second), std::move(action.argv), std::move(allowed.rule), 1,
                                 pid, name});
    }
    drained.upTo = at;
  }
  drained.more = true;
  return drained;
}

void GuardLink::close() {
  if (over()) return;
  closed_ = true;
  trouble_ = "the run is over";
  queue_.clear();
}

bool GuardLink::settle(std::uint64_t upTo) {
  if (!ring_) return false;
  // Never back: an earlier one may come after a later one.
  if (upTo - ring_->taken() <= sandbox::kActionRingCapacity.count) ring_->settle(upTo);
  std::uint64_t at = cursor_;
  auto entry = ring_->read(at);
  return !entry || entry->has_value();
}

}  // namespace ringfence::supervisor
