#include "ui/top/reading.h"

#include <map>
#include <utility>

#include "sdk/base/clock.h"

namespace ringfence::top {
namespace {

// Absent when this daemon does not tell of questions.
client::Answer<std::optional<std::map<std::string, std::size_t>>> countQuestions(client::Client& client) {
  using Counts = std::optional<std::map<std::string, std::size_t>>;
  std::map<std::string, std::size_t> counts;
  const auto begun = client.beginPending("", client::Client::Watch::kNo);
  if (const auto* failure = std::get_if<client::Failure>(&begun)) return *failure;
  for (;;) {
    const auto next = client.nextPending();
    if (const auto* failure = std::get_if<client::Failure>(&next)) {
      if (failure->refusal) return Counts();
      return *failure;
    }
    const auto& event = std::get<std::optional<client::PendingEvent>>(next);
    if (!event) return Counts(std::move(counts));
    if (const auto* item = std::get_if<client::PendingItem>(&*event)) ++counts[item->run];
  }
}

}  // namespace

client::Answer<Reading> readAll(client::Client& client) {
  auto runs = client.listing(false);
  if (auto* failure = std::get_if<client::Failure>(&runs)) return std::move(*failure);
  auto usage = client.usage("");
  if (auto* failure = std::get_if<client::Failure>(&usage)) return std::move(*failure);
  const Now now = SystemClock().now();  // As near as can be to the figures, whose rates depend on it.
  auto questions = countQuestions(client);
  if (auto* failure = std::get_if<client::Failure>(&questions)) return std::move(*failure);
  client::RunListing listing = std::get<0>(std::move(runs));
  return Reading{now.boottime,
                 now.wall,
                 std::move(listing.runs),
                 std::get<0>(std::move(usage)),
                 std::get<0>(std::move(questions)),
                 std::move(listing.stop)};
}

}  // namespace ringfence::top
