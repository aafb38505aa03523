// The part of the client that is about questions and grants.
#include "sdk/client/client.h"
#include "sdk/client/convert.h"
#include "sdk/client/exchange.h"

namespace ringfence::client {

Answer<std::monostate> Client::beginPending(const std::string& run, Watch watch) {
  Exchange exchange(*this);
  exchange.request.mutable_pending()->set_run(run);
  exchange.request.mutable_pending()->set_watch(watch == Watch::kYes);
  if (auto sent = exchange.send(); !sent) return failed(std::move(sent).error());
  waiting_.clear();
  streamId_ = exchange.id();
  return std::monostate{};
}

Answer<std::optional<PendingEvent>> Client::nextPending() {
  if (streamId_ == 0) return std::optional<PendingEvent>();
  v1::ServerPacket packet;
  if (auto failure = Exchange::receiveStream(*this, packet)) return *std::move(failure);
  if (packet.has_done()) return std::optional<PendingEvent>();
  if (packet.has_pending()) return std::optional<PendingEvent>(fromMessage(packet.pending()));
  if (packet.has_pending_gone()) return std::optional<PendingEvent>(fromMessage(packet.pending_gone()));
  return Exchange::unexpected("a question");
}

Answer<std::monostate> Client::answer(const QuestionAnswer& answer) {
  Exchange exchange(*this);
  toMessage(answer, *exchange.request.mutable_answer());
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_done()) return Exchange::unexpected("that the question is answered");
  return std::monostate{};
}

Answer<std::vector<GrantRow>> Client::grants(const std::string& run, GrantsShown shown) {
  Exchange exchange(*this);
  exchange.request.mutable_grants()->set_run(run);
  exchange.request.mutable_grants()->set_ended(shown == GrantsShown::kAlsoEnded);
  std::vector<GrantRow> rows;
  auto failure = exchange.ask();
  for (;; failure = exchange.receive()) {
    if (failure) return *std::move(failure);
    if (!exchange.answer.has_grants()) return Exchange::unexpected("a list of grants");
    for (const v1::GrantRow& row : exchange.answer.grants().rows()) rows.push_back(fromMessage(row));
    if (exchange.answer.last()) return rows;
  }
}

Answer<std::monostate> Client::revokeGrant(std::uint64_t id) {
  Exchange exchange(*this);
  exchange.request.mutable_revoke_grant()->set_id(id);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_done()) return Exchange::unexpected("that the grant is revoked");
  return std::monostate{};
}

Answer<WhyAnswer> Client::why(const std::string& run, const PendingAction& action) {
  Exchange exchange(*this);
  v1::WhyRequest& request = *exchange.request.mutable_why();
  request.set_run(run);
  request.set_operation(toMessage(action.operation));
  request.set_target(action.target);
  for (const std::string& argument : action.argv) request.add_argv(argument);
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_why()) return Exchange::unexpected("what the rules say");
  WhyAnswer why = fromMessage(exchange.answer.why());
  if (why.decision == Decision::kUnknown) return Exchange::unexpected("a decision that this program knows");
  return why;
}

}  // namespace ringfence::client
