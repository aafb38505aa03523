#include "sandbox/egress/inner.h"

#include <array>
#include <cerrno>
#include <vector>

#include "sandbox/egress/confine.h"
#include "sandbox/egress/half_messages.h"
#include "sandbox/egress/sockets.h"
#include "sandbox/kernel/redirect.h"
#include "sandbox/plan/plan.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

Result<void> handOverSockets(int pair) {
  const UniqueFd proxy = RF_TRY(bindLoopback(Transport::kStream, kEgressPort));
  const UniqueFd redirected = RF_TRY(bindLoopback(Transport::kStream, kRedirectTcpPort));
  const UniqueFd names = RF_TRY(bindLoopback(Transport::kDatagram, kRedirectDnsPort));
  const UniqueFd longNames = RF_TRY(bindLoopback(Transport::kStream, kRedirectDnsPort));
  const std::array<int, kReadySockets> fds{proxy.get(), redirected.get(), names.get(), longNames.get()};
  return sendPacket(pair, encodeHalf({.kind = HalfKind::kReady}), fds);
}

Result<void> obey(int pair, const HalfMessage& order) {
  HalfMessage answer = order;
  Result<UniqueFd> made = Error{ErrorCode::kInvalid, "an order that only the inner half gives", EINVAL};
  if (order.kind == HalfKind::kListen) {
    answer.kind = HalfKind::kListening;
    made = bindLoopback(Transport::kStream, order.port);
  } else if (order.kind == HalfKind::kConnect) {
    answer.kind = HalfKind::kConnected;
    made = beginConnect(Transport::kStream, *policy::Address::parse("127.0.0.1"), order.port);
  } else {
    return made.error();
  }
  if (!made) {
    answer.error = made.error().sysErrno;
    return sendPacket(pair, encodeHalf(answer));
  }
  const std::array<int, 1> fds{made->get()};
  return sendPacket(pair, encodeHalf(answer), fds);
}

}  // namespace

Result<void> serveInner(int pair) {
  RF_TRY(confineInner());
  RF_TRY(handOverSockets(pair));
  for (;;) {
    const Packet packet = RF_TRY(receivePacket(pair, kHalfMessageSize));
    if (packet.bytes.empty()) return {};
    const HalfMessage order = RF_TRY(decodeHalf(packet.bytes));
    RF_TRY(obey(pair, order));
  }
}

}  // namespace ringfence::sandbox
