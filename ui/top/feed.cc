#include "ui/top/feed.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "ui/cli/output.h"
#include "ui/top/display_width.h"
#include "ui/top/reading.h"

namespace ringfence::top {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kEvery{1};
constexpr std::chrono::seconds kOrderPatience{3};  // an order that waited longer may not be what is wanted any more

struct Waiting {
  Order order;
  steady_clock::time_point given;
};

std::string doneText(const Order& order, const client::Client::Acted& acted) {
  if (!acted.pausing.empty()) return "is frozen at its agent's moment, f again at once: " + order.shown;
  switch (order.verb) {
    case client::Client::Verb::kFreeze:
    case client::Client::Verb::kFreezeAtOnce: return "frozen: " + order.shown;
    case client::Client::Verb::kResume: return "resumed: " + order.shown;
    case client::Client::Verb::kStop: return "stopping: " + order.shown;
    case client::Client::Verb::kKill: return "killed: " + order.shown;
  }
  return "";
}

}  // namespace

std::string troubleText(const client::Failure& failure) {
  const std::string said = shownText(failure.refusal ? failure.refusal->message : failure.error.message);
  if (failure.refusal) return "The daemon refuses to tell: " + said;
  return "Cannot reach the daemon at " + shownText(cli::socketPath()) + ": " + said +
         ". Trying again every second; runs stay inside their walls meanwhile, and nothing of them is known here.";
}

struct Feed::Shared {
  UniqueFd told;
  std::mutex mutex;
  std::condition_variable ordered;
  // Under the mutex.
  News news;
  std::vector<Waiting> orders;

  void tell(const std::function<void(News&)>& what) {
    {
      const std::lock_guard lock(mutex);
      what(news);
    }
    const std::uint64_t one = 1;
    (void)!::write(told.get(), &one, sizeof one);  // Fails only when it is readable already.
  }
  std::vector<Waiting> ordersUntil(steady_clock::time_point instant) {
    std::unique_lock lock(mutex);
    ordered.wait_until(lock, instant, [&] { return !orders.empty(); });
    return std::exchange(orders, {});
  }
};

Result<Feed> Feed::start() {
  auto shared = std::make_shared<Shared>();
  shared->told.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->told) return posixError(errno, "making an eventfd");
  std::thread([shared] { work(*shared); }).detach();
  return Feed(std::move(shared));
}

int Feed::fd() const { return shared_->told.get(); }

Feed::News Feed::take() {
  std::uint64_t count = 0;
  (void)!::read(shared_->told.get(), &count, sizeof count);  // What counts is what is taken.
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->news, {});
}

void Feed::give(Order order) {
  const std::lock_guard lock(shared_->mutex);
  shared_->orders.push_back({std::move(order), steady_clock::now()});
  shared_->ordered.notify_one();
}

// What became of it. `lost`: the connection is no good any more.
std::string Feed::obey(std::optional<client::Client>& client, const Order& order,
                       std::optional<client::Failure>& lost) {
  const std::string what = verbName(order.verb) + " " + order.shown;
  if (!client) return "not done, the daemon is away: " + what;
  const auto answer = client->act(order.verb, order.run);
  const auto* failure = std::get_if<client::Failure>(&answer);
  if (failure == nullptr) return doneText(order, std::get<client::Client::Acted>(answer));
  if (failure->refusal) return "not done: " + what + ": " + shownText(failure->refusal->message);
  lost = *failure;
  return "perhaps not done, the daemon went away: " + what;
}

// Absent: a reading was told.
std::optional<client::Failure> Feed::observe(Shared& shared, std::optional<client::Client>& client) {
  if (!client) {
    auto connected = client::Client::connect();
    if (!connected) return client::Failure{std::move(connected).error(), std::nullopt, {}};
    client.emplace(*std::move(connected));
  }
  auto answer = readAll(*client);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return *failure;
  shared.tell([&](News& news) {
    news.reading = std::get<Reading>(std::move(answer));
    news.trouble = "";
  });
  return std::nullopt;
}

void Feed::work(Shared& shared) {
  std::optional<client::Client> client;
  for (auto next = steady_clock::now();;) {
    std::optional<client::Failure> lost;
    for (const Waiting& waiting : shared.ordersUntil(next)) {
      const bool late = steady_clock::now() - waiting.given > kOrderPatience;
      std::string said = late ? "not done, the daemon did not answer in time: " + verbName(waiting.order.verb) + " " +
                                    waiting.order.shown
                              : obey(client, waiting.order, lost);
      shared.tell([&](News& news) { news.said.push_back(std::move(said)); });
    }
    // After an order at once: a person wants to see what it did.
    next = steady_clock::now() + kEvery;
    if (!lost) lost = observe(shared, client);
    if (!lost) continue;
    client.reset();
    shared.tell([&](News& news) {
      news.reading.reset();
      news.trouble = troubleText(*lost);
    });
  }
}

}  // namespace ringfence::top
