#include "sdk/client/exchange.h"

namespace ringfence::client {

StopState fromMessage(const v1::StopState& message) {
  return {message.latched(), message.trigger(), message.at(), message.alarm()};
}

Answer<RunListing> Client::listing(bool all) {
  Exchange exchange(*this);
  exchange.request.mutable_list()->set_all(all);
  RunListing listing;
  auto failure = exchange.ask();
  for (;; failure = exchange.receive()) {
    if (failure) return *std::move(failure);
    if (!exchange.answer.has_list()) return Exchange::unexpected("a list of runs");
    const v1::RunList& part = exchange.answer.list();
    for (const v1::RunDetails& message : part.runs()) listing.runs.push_back(fromMessage(message));
    if (part.has_stop()) listing.stop = fromMessage(part.stop());
    if (exchange.answer.last()) return listing;
  }
}

Answer<std::vector<RunDetails>> Client::list(bool all) {
  auto answer = listing(all);
  if (auto* failure = std::get_if<Failure>(&answer)) return std::move(*failure);
  return std::move(std::get<RunListing>(answer).runs);
}

Answer<std::vector<std::string>> Client::rearm() {
  Exchange exchange(*this);
  (void)exchange.request.mutable_rearm();
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_done()) return Exchange::unexpected("that it is re-armed");
  const auto& runs = exchange.answer.done().runs();
  return std::vector<std::string>(runs.begin(), runs.end());
}

}  // namespace ringfence::client
