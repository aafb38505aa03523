#include "sdk/rpc/asker.h"

#include <algorithm>
#include <random>

#include "sdk/base/text.h"

namespace ringfence::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kTimeout{400};    // of what is asked in passing
constexpr milliseconds kAgain{100};      // until a lost connection is made anew
constexpr seconds kLook{5};              // then it is asked whether anybody is there at all
constexpr int kMaxSilences = 3;          // of those in a row: nobody is
constexpr milliseconds kSayDelay{250};   // between two things that are said
constexpr seconds kSayAgain{5};          // after one that nobody heard
constexpr milliseconds kSureDelay{500};  // until it is looked whether a report was counted
constexpr seconds kSureAgain{5};         // after it was not

// Chosen here and by nobody else: what was answered to another question is no answer to this one.
std::string freshPrefix() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const unsigned word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return "rpc-" + encodeHex(bytes) + "-";
}

AgentOptions patient() { return {.socket = {}, .timeout = kTimeout}; }

}  // namespace

Asker::Asker() : questions_(patient()), words_(patient()), prefix_(freshPrefix()) {}

void Asker::start(Ask ask) {
  const std::string why = absent();
  if (!why.empty() || ask.actions.empty()) {
    unasked_.emplace_back(std::move(ask.key), notAsked(why.empty() ? "nothing is asked" : why));
    return;
  }
  if (asked_.empty()) {
    silences_ = 0;
    lookAt_ = steady_clock::now() + kLook;
  }
  Asked asked{std::move(ask.actions)};
  for (AgentAction& action : asked.actions) action.id = prefix_ + std::to_string(++count_);
  (void)questions_.startGuard(asked.actions.front());
  asked_.insert_or_assign(std::move(ask.key), std::move(asked));
}

// A question ends when its connection is gone. The others are asked again over another one, which asks nobody twice.
void Asker::withdraw(const std::string& key) {
  if (asked_.erase(key) == 0) return;
  questions_ = Agent(patient());
  for (const auto& [other, asked] : asked_) (void)questions_.startGuard(asked.actions[asked.place]);
}

std::vector<std::pair<std::string, AgentVerdict>> Asker::take() {
  auto answered = std::exchange(unasked_, {});
  for (auto one = asked_.begin(); one != asked_.end();) {
    Asked& asked = one->second;
    auto verdict = questions_.pollGuard(asked.actions[asked.place].id);
    if (!verdict) {
      ++one;
      continue;
    }
    silences_ = 0;
    // Until the first that is not simply allowed.
    if (verdict->outcome == "allowed" && asked.place + 1 < asked.actions.size()) {
      (void)questions_.startGuard(asked.actions[++asked.place]);
      continue;
    }
    answered.emplace_back(one->first, *std::move(verdict));
    one = asked_.erase(one);
  }
  const Time now = steady_clock::now();
  look(now);
  std::ranges::move(unasked_, std::back_inserter(answered));
  unasked_.clear();
  tell(now);
  makeSure(now);
  return answered;
}

// As long as somebody is there a person is waited for.
void Asker::look(Time now) {
  if (asked_.empty() || now < lookAt_) return;
  silences_ = words_.whoami() ? 0 : silences_ + 1;
  lookAt_ = steady_clock::now() + kLook;
  if (silences_ < kMaxSilences) return;
  for (const auto& [key, asked] : asked_) unasked_.emplace_back(key, notAsked(words_.trouble()));
  asked_.clear();
  questions_ = Agent(patient());
}

void Asker::say(std::string words) {
  unsaid_ = std::move(words);
  tell(steady_clock::now());
}

void Asker::tell(Time now) {
  if (unsaid_.empty() || now < sayAt_ || !absent().empty()) return;
  const bool isHeard = words_.say(std::exchange(unsaid_, {}));
  sayAt_ = steady_clock::now() + (isHeard ? milliseconds(kSayDelay) : milliseconds(kSayAgain));
}

void Asker::report(const std::vector<AgentUsage>& used) {
  if (used.empty() || !absent().empty()) return;
  for (const AgentUsage& one : used) (void)words_.reportUsageLater(one);
  isUnsure_ = true;
  sureAt_ = steady_clock::now() + kSureDelay;
}

void Asker::makeSure(Time now) {
  if (!isUnsure_ || now < sureAt_) return;
  isUnsure_ = !words_.flush();
  sureAt_ = steady_clock::now() + kSureAgain;
}

void Asker::finish() {
  if (isUnsure_) (void)words_.flush();
}

Asker::Time Asker::wakeAt() const {
  if (!unasked_.empty()) return {};
  Time wake = Time::max();
  if (!asked_.empty()) {
    wake = lookAt_;
    // A lost connection is made anew, and what the daemon could not take for the moment asked again, by polling.
    const bool isWell = questions_.guardFd() >= 0 && questions_.trouble().empty();
    if (!isWell) wake = std::min(wake, steady_clock::now() + kAgain);
  }
  if (!unsaid_.empty()) wake = std::min(wake, sayAt_);
  if (isUnsure_) wake = std::min(wake, sureAt_);
  return wake;
}

Asker::Denial Asker::lastDenial() {
  if (const std::string why = absent(); !why.empty()) return {"", why};
  const auto denial = words_.why();
  return {denial.value_or(""), denial ? "" : words_.trouble()};
}

}  // namespace ringfence::rpc
