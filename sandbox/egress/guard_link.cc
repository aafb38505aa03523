#include "sandbox/egress/guard_link.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/wire/long_message.h"
#include "sdk/base/clock.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {

Result<GuardLink> GuardLink::create(int pair, Start start, std::int32_t pid) {
  const int flags = ::fcntl(pair, F_GETFL);
  if (flags < 0 || ::fcntl(pair, F_SETFL, flags | O_NONBLOCK) != 0)
    return posixError(errno, "preparing the pair with the daemon");
  const auto firstNumber = static_cast<std::uint64_t>(SystemClock().now().boottime.count()) + 1;
  GuardLink link(pair, start, pid != 0 ? pid : static_cast<std::int32_t>(::getpid()), firstNumber);
  link.repeat();
  return link;
}

void GuardLink::tell(GuardEvent event) {
  auto bytes = encodeBounded(event);
  // Every text in it was cut to fit before.
  if (bytes) queue_.push_back(std::move(*bytes));
}

std::uint64_t GuardLink::ask(GuardedAction action, GuardRule rule) {
  Ask made{.ask = next_++, .action = std::move(action), .rule = std::move(rule)};
  tell(made);
  const std::uint64_t number = made.ask;
  asks_.emplace(number, std::move(made));
  return number;
}

void GuardLink::withdraw(std::uint64_t ask, std::string why) {
  if (asks_.erase(ask) > 0) tell(Withdraw{.ask = ask, .why = std::move(why)});
}

void GuardLink::performed(std::uint64_t ask, std::int32_t sysErrno, std::string note) {
  tell(Performed{.ask = ask, .sysErrno = sysErrno, .note = std::move(note)});
}

std::uint64_t GuardLink::record(Record record) {
  record.ticket = next_++;
  tell(record);
  const std::uint64_t ticket = record.ticket;
  records_.emplace(ticket, std::move(record));
  return ticket;
}

void GuardLink::repeat() {
  tell(GuardHello{
      .version = kGuardVersion, .kind = GuardKind::kEgress, .pid = pid_, .restarted = start_ == Start::kRestarted});
  for (const auto& [number, ask] : asks_) tell(ask);
  for (const auto& [number, record] : records_) tell(record);
}

Result<void> GuardLink::flush() {
  while (!queue_.empty()) {
    auto sent = sendPacket(pair_, queue_.front());
    if (!sent && sent.error().code == ErrorCode::kBusy) return {};
    if (!sent) return std::move(sent).error().with("telling the daemon");
    queue_.pop_front();
  }
  return {};
}

Result<std::vector<GuardOrder>> GuardLink::receive() {
  std::vector<GuardOrder> orders;
  for (std::size_t i = 0; i < 64; ++i) {
    auto packet = receivePacket(pair_, kMaxGuardPacket, MSG_DONTWAIT);
    if (!packet && (packet.error().sysErrno == EAGAIN || packet.error().code == ErrorCode::kBusy)) break;
    if (!packet) return packet.error();
    if (packet->bytes.empty())
      return Error{ErrorCode::kUnavailable, "the other end of the pair with the daemon is gone"};
    orders.push_back(RF_TRY(decodeGuardOrder(*packet)));
  }
  return orders;
}

}  // namespace ringfence::sandbox
