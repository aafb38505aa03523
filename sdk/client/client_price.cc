#include "sdk/client/exchange.h"

namespace ringfence::client {
namespace {

Price fromMessage(const v1::Price& message) {
  Price price;
  if (message.has_seconds()) price.seconds = message.seconds();
  if (message.has_tokens()) price.tokens = message.tokens();
  if (message.has_work_cpu_seconds()) price.workCpuSeconds = message.work_cpu_seconds();
  price.forbidden = message.forbidden();
  price.why = message.why();
  price.cheaperAfter = message.cheaper_after();
  return price;
}

}  // namespace

PriceAnswer fromMessage(const v1::PriceAnswer& message) {
  return {message.run(),
          message.name(),
          std::chrono::microseconds(message.hold_usec()),
          fromMessage(message.freeze()),
          fromMessage(message.freeze_and_reclaim()),
          fromMessage(message.kill()),
          message.safe_point(),
          message.activity()};
}

Answer<PriceAnswer> Client::price(const std::string& run, std::chrono::microseconds hold) {
  Exchange exchange(*this);
  exchange.request.mutable_price()->set_run(run);
  exchange.request.mutable_price()->set_hold_usec(static_cast<std::uint64_t>(hold.count()));
  if (auto failure = exchange.ask()) return *std::move(failure);
  if (!exchange.answer.has_price()) return Exchange::unexpected("a price");
  return fromMessage(exchange.answer.price());
}

}  // namespace ringfence::client
