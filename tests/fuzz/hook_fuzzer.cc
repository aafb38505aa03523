// Whatever an agent sends, it is refused with words, or asked about within the bounds that the daemon takes; and every
// answer is one that the agent can read, and an allow only when it was one.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sdk/base/error.h"
#include "sdk/hook/answer.h"
#include "sdk/hook/usage.h"

using namespace ringfence;
using namespace ringfence::hook;

namespace {

bool saysAllow(const Answer& answer) { return answer.out.find("\"allow\"") != std::string::npos; }

void checkReadable(const Answer& answer) {
  RF_CHECK(answer.out.empty() || nlohmann::json::accept(answer.out));
  RF_CHECK(!answer.out.empty() || answer.status == 0 || !answer.err.empty());
}

void checkAnswers(const Contract& contract, const Event& event, const Request& request) {
  for (const char* outcome : {"forbidden", "denied", "expired", "stopped", "unanswered", "absent", "invalid", ""}) {
    AgentVerdict verdict;
    verdict.outcome = outcome;
    verdict.say = event.message;
    const Answer answer = answerTo(contract, event, request, verdict);
    checkReadable(answer);
    RF_CHECK(answer.out.find("\"deny\"") != std::string::npos);
  }
  AgentVerdict other;
  other.allowed = true;
  other.outcome = "rewritten";
  other.path = "/elsewhere";
  checkReadable(answerTo(contract, event, request, other));
  other.path.reset();
  other.host = "elsewhere.example";
  checkReadable(answerTo(contract, event, request, other));
  other.host.reset();
  other.inputJson = event.message;
  checkReadable(answerTo(contract, event, request, other));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Contract& contract = *findContract(data[0] == 'c' ? "claude" : data[0] == 'x' ? "codex" : "gemini");
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)nameOfEvent(bytes);
  if (const auto used = usageAfterModel(bytes)) {
    RF_CHECK(used->inputTokens <= kMaxTokens && used->outputTokens <= kMaxTokens);
    RF_CHECK(used->model.size() <= 64 && !used->id.empty() && used->id.size() <= 64);
  }
  const auto event = readEvent(bytes);
  if (!event) {
    RF_CHECK(!event.error().message.empty());
    const Answer answer = denial(contract, event.error().message);
    checkReadable(answer);
    RF_CHECK(!saysAllow(answer));
    return 0;
  }
  RF_CHECK(!event->name.empty() && event->tool.size() <= kMaxToolName);
  const auto request = requestOf(contract, *event);
  if (!request) {
    RF_CHECK(!request.error().message.empty());
    return 0;
  }
  RF_CHECK(!request->actions.empty() && request->actions.size() <= kMaxFiles);
  for (const AgentAction& action : request->actions) {
    RF_CHECK(!action.target.empty() && action.target.size() <= 4096 && action.inputJson.size() <= 16 << 10);
    RF_CHECK(action.target.find('\0') == std::string::npos);
    RF_CHECK(action.inputJson.empty() || nlohmann::json::parse(action.inputJson).is_object());
  }
  checkAnswers(contract, *event, *request);
  return 0;
}
