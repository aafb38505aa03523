#include <utility>

#include "sdk/client/exchange.h"

namespace ringfence::client {

PrivateHome fromMessage(const v1::PrivateHome& message) {
  return {message.uid(),  message.policy(), message.last_used(), message.bytes(),
          message.more(), message.fate(),   message.why()};
}

Answer<std::vector<PrivateHome>> Client::prune(std::chrono::seconds unusedFor, Removal removal) {
  Exchange exchange(*this);
  v1::PruneRequest& request = *exchange.request.mutable_prune();
  request.set_older_than_sec(static_cast<std::uint64_t>(unusedFor.count()));
  request.set_dry_run(removal == Removal::kDryRun);
  waiting_.clear();
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_prune()) return Exchange::unexpected("private homes");
  streamId_ = exchange.answer.last() ? 0 : exchange.id();
  std::vector<PrivateHome> homes;
  for (const v1::PrivateHome& home : exchange.answer.prune().homes()) homes.push_back(fromMessage(home));
  return homes;
}

Answer<Pruned> Client::pruned() {
  if (streamId_ == 0) return Pruned{};
  v1::ServerPacket packet;
  if (auto failure = Exchange::receiveStream(*this, packet)) return *std::move(failure);
  if (!packet.has_prune()) return Exchange::unexpected("what was removed");
  const v1::PruneAnswer& message = packet.prune();
  return Pruned{message.removed(), message.removed_bytes(), {message.left().begin(), message.left().end()}};
}

}  // namespace ringfence::client
