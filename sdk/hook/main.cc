// ringfence-hook: what the hooks of an agent call, inside a fence. One event comes in, is asked about, and one answer
// goes out. It enforces nothing, but it never says yes for want of an answer, and answers before the agent's patience
// with it is over: after that the agent would go on.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "sdk/agent/agent.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "sdk/base/whole_number.h"
#include "sdk/hook/answer.h"
#include "sdk/hook/contract.h"
#include "sdk/hook/event.h"
#include "sdk/hook/home_file.h"
#include "sdk/hook/import.h"
#include "sdk/hook/request.h"
#include "sdk/hook/start.h"
#include "sdk/hook/usage.h"

namespace ringfence::hook {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using Time = steady_clock::time_point;

constexpr seconds kReadPatience{10};  // for an event whose end does not come
constexpr seconds kLook{5};           // then it is asked whether anybody is there at all
constexpr milliseconds kLookPatience{2000};
constexpr int kMaxSilences = 3;  // of those in a row: nobody is
constexpr int kMaxWait = 86'400;

constexpr char kUsage[] =
    "usage: ringfence-hook claude|codex|gemini [--wait SECONDS]\n"
    "\n"
    "Called by the hooks of an agent inside a fence: reads one event from the standard input, asks Ringfence about "
    "what the\n"
    "agent is about to do, and answers as that agent takes it. SECONDS is how long a person is waited for; it must be\n"
    "clearly less than the timeout that the agent's configuration gives the hook. Outside a fence it decides "
    "nothing.\n";

struct Arguments {
  const Contract* contract = nullptr;
  seconds patience{0};
};

Result<Arguments> argumentsOf(int count, char** words) {
  const Error wrong{ErrorCode::kInvalid, kUsage, 0};
  if (count != 2 && count != 4) return wrong;
  Arguments arguments{.contract = findContract(words[1])};
  if (arguments.contract == nullptr) return wrong;
  arguments.patience = arguments.contract->patience;
  if (count == 2) return arguments;
  const std::string_view option = words[2];
  const auto wait = wholeNumber<int>(words[3]);
  if (option != "--wait" || !wait || *wait < 1 || *wait > kMaxWait) return wrong;
  arguments.patience = seconds(*wait);
  return arguments;
}

// To its end in any case: who writes it may take a pipe that nobody reads for a hook that failed, and go on. Of what is
// longer than `limit` one byte more is kept, which is enough to be refused.
Result<std::string> readInput(Time until, Bytes limit) {
  std::string bytes;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    pollfd poll{STDIN_FILENO, POLLIN, 0};
    const int ready = left.count() > 0 ? ::poll(&poll, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return posixError(errno, "waiting for the event");
    if (ready == 0) return Error{ErrorCode::kInvalid, "the event does not end", 0};
    char block[16 << 10];
    const ssize_t got = ::read(STDIN_FILENO, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return posixError(errno, "reading the event");
    if (got == 0) return bytes;
    bytes.append(block, std::min(static_cast<std::size_t>(got), limit.count + 1 - bytes.size()));
  }
}

// Chosen here and by nobody else: what was answered to another call is no answer to this one.
std::string freshId(std::size_t place) {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const unsigned word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return "hook-" + encodeHex(bytes) + "-" + std::to_string(place);
}

// As long as somebody is there a person is waited for.
AgentVerdict ask(Agent& agent, const AgentAction& action, Time until) {
  for (int silences = 0;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    AgentVerdict verdict = agent.guard(action, std::clamp<milliseconds>(left, milliseconds(0), kLook));
    if (verdict.outcome != "unanswered") return verdict;
    const auto rest = until - steady_clock::now();
    if (rest <= Time::duration::zero()) return verdict;
    if (rest > kLookPatience) silences = agent.whoami() ? 0 : silences + 1;
    if (silences < kMaxSilences) continue;
    verdict.outcome = "absent";
    verdict.say = agent.trouble();
    return verdict;
  }
}

// Until the first that is not simply allowed.
AgentVerdict askAll(Agent& agent, Request& request, Time until) {
  AgentVerdict verdict;
  std::size_t place = 0;
  for (AgentAction& action : request.actions) {
    action.id = freshId(++place);
    verdict = ask(agent, action, until);
    if (verdict.outcome != "allowed") break;
  }
  return verdict;
}

void tell(Agent& agent, const Contract& contract, const Event& event, News news) {
  const std::string name(contract.agent);
  switch (news) {
    case News::kBegins: (void)agent.say(name + " began a session", event.name); return;
    case News::kSays: (void)agent.say(event.message, event.name); return;
    case News::kEnds: (void)agent.say("", event.name); return;
    case News::kRests:
      (void)agent.say(name + " waits for its person", event.name);
      (void)agent.safePoint();
      return;
  }
}

// An event of this name comes before a tool is used, of another agent than the one that was named.
bool asksElsewhere(const std::string& event) {
  return std::ranges::any_of(contracts(), [&](const Contract& contract) { return contract.asking == event; });
}

// One that holds more than is read tells nothing here, and stops nobody.
Answer report(const std::string& bytes) {
  const auto used = bytes.size() <= kMaxTold.count ? usageAfterModel(bytes) : std::nullopt;
  if (used) (void)Agent({.socket = {}, .timeout = kLookPatience}).reportUsage(*used);
  return silence();
}

Answer answerEvent(const Arguments& arguments, const std::string& bytes, Time until) {
  const Contract& contract = *arguments.contract;
  const auto event = readEvent(bytes);
  const bool isTold = !contract.telling.empty() && (event ? event->name : nameOfEvent(bytes)) == contract.telling;
  if (isTold && (event || bytes.size() > kMaxEvent.count)) return report(bytes);
  if (!event) return denial(contract, event.error().message + ", so nothing is done.");
  Agent agent({.socket = {}, .timeout = std::min<milliseconds>(kLookPatience, arguments.patience / 2)});
  if (event->name != contract.asking) {
    if (asksElsewhere(event->name))
      return blockade(event->name + " is no event of " + std::string(contract.agent) +
                      ": ringfence-hook is called with the wrong name.");
    for (const EventRow& row : contract.events) {
      if (row.event == event->name) tell(agent, contract, *event, row.news);
    }
    return silence();
  }
  auto request = requestOf(contract, *event);
  if (!request) return denial(contract, request.error().message + ", so nothing is done.");
  (void)agent.say(request->doing, event->name);
  return answerTo(contract, *event, *request, askAll(agent, *request, until));
}

int give(const Answer& answer) {
  // A person who looks at the agent's terminal sees the error output too.
  if (!answer.err.empty()) (void)writeAll(STDERR_FILENO, answer.err, "standard error");
  if (answer.out.empty() || writeAll(STDOUT_FILENO, answer.out, "standard output")) return answer.status;
  return give(blockade("the answer cannot be written, so nothing is done."));
}

// ringfence-hook import PATH [--again], the text on the standard input. A run of its own, in which nothing else is.
int import(int count, char** words, Time began) {
  const auto refuse = [](const std::string& why) {
    return give({.out = {}, .err = "ringfence: " + why + "\n", .status = 1});
  };
  const bool isAgain = count == 4 && std::string_view(words[3]) == "--again";
  if (count != 3 && !isAgain) return give({.out = {}, .err = kUsage, .status = 1});
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return refuse("HOME is not set");
  const auto text = readInput(began + kReadPatience, kMaxHomeFile);
  if (!text) return refuse(text.error().message);
  std::string said;
  const auto done = importFile(home, words[2], *text, isAgain ? Present::kReplace : Present::kRefuse, said);
  if (!said.empty()) (void)writeAll(STDERR_FILENO, said, "standard error");
  return done ? 0 : refuse(done.error().message);
}

int run(int count, char** words) {
  const Time began = steady_clock::now();
  if (count == 2 && std::string_view(words[1]) == "--help") return give({.out = kUsage, .err = {}});
  if (count == 2 && std::string_view(words[1]) == "--version")
    return give({.out = "ringfence-hook " RINGFENCE_VERSION "\n", .err = {}});
  const char* socket = std::getenv("RINGFENCE_AGENT_SOCKET");
  const bool isFenced = socket != nullptr && *socket != '\0';
  // Outside it would write to the person's own home.
  if (isFenced && count > 1 && std::string_view(words[1]) == "import") return import(count, words, began);
  const auto arguments = argumentsOf(count, words);
  if (!arguments && isFenced) {
    (void)readInput(began + kReadPatience, kMaxEvent);
    return give({.out = {}, .err = arguments.error().message, .status = kBlock});
  }
  if (!arguments) return give({.out = {}, .err = arguments.error().message, .status = 1});
  const Bytes limit = arguments && !arguments->contract->telling.empty() ? kMaxTold : kMaxEvent;
  const auto bytes = readInput(began + std::min(kReadPatience, arguments->patience), limit);
  if (!isFenced) return 0;
  if (!bytes) return give(denial(*arguments->contract, bytes.error().message + ", so nothing is done."));
  return give(answerEvent(*arguments, *bytes, began + arguments->patience));
}

}  // namespace
}  // namespace ringfence::hook

int main(int count, char** words) {
  try {
    // What a run with an adapter begins with. Nothing of ours is left for the command, an ignored signal neither.
    if (std::getenv("RINGFENCE_ADAPTER") != nullptr) return ringfence::hook::start(words);
    std::signal(SIGPIPE, SIG_IGN);
    return ringfence::hook::run(count, words);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "Ringfence: the hook failed (%s), so nothing is done.\n", failure.what());
  } catch (...) { std::fprintf(stderr, "Ringfence: the hook failed, so nothing is done.\n"); }
  return ringfence::hook::kBlock;
}
