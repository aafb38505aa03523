#include "sdk/client/exchange.h"

namespace ringfence::client {

FocusAnswer fromMessage(const v1::FocusAnswer& message) {
  FocusAnswer answer{message.pid(), message.group(), {}};
  for (const v1::ProtectedPart& part : message.parts())
    answer.parts.push_back({part.what(), part.amount(), part.why()});
  return answer;
}

Answer<FocusAnswer> Client::focusAnswer(Exchange& exchange) {
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_focus()) return Exchange::unexpected("a focus");
  return fromMessage(exchange.answer.focus());
}

Answer<FocusAnswer> Client::setFocus(std::int32_t pid) {
  Exchange exchange(*this);
  exchange.request.mutable_focus()->set_pid(pid);
  return focusAnswer(exchange);
}

Answer<FocusAnswer> Client::clearFocus() {
  Exchange exchange(*this);
  exchange.request.mutable_focus()->set_clear(true);
  return focusAnswer(exchange);
}

Answer<FocusAnswer> Client::focus() {
  Exchange exchange(*this);
  (void)exchange.request.mutable_focus();
  return focusAnswer(exchange);
}

}  // namespace ringfence::client
