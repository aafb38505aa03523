#include "sdk/hook/usage.h"

#include <algorithm>

#include "sdk/agent/digest.h"
#include "sdk/base/text.h"

namespace ringfence::hook {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxModel = 64;    // bytes, as a report takes it
constexpr std::size_t kDigestInId = 32;  // of 64 digits; a report's id has 64 bytes

// Stops at the first name of the object itself.
class NameFinder : public nlohmann::json_sax<json> {
 public:
  bool null() override { return goesOn(); }
  bool boolean(bool) override { return goesOn(); }
  bool number_integer(number_integer_t) override { return goesOn(); }
  bool number_unsigned(number_unsigned_t) override { return goesOn(); }
  bool number_float(number_float_t, const string_t&) override { return goesOn(); }
  bool binary(binary_t&) override { return goesOn(); }
  bool string(string_t& text) override {
    if (isNext_) name_ = text;
    return goesOn();
  }
  bool start_object(std::size_t) override { return ++depth_, goesOn(); }
  bool start_array(std::size_t) override { return ++depth_, goesOn(); }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool key(string_t& name) override {
    isNext_ = depth_ == 1 && name == "hook_event_name";
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  std::string name_;

 private:
  bool goesOn() const { return !isNext_; }

  std::size_t depth_ = 0;
  bool isNext_ = false;
};

const json& inner(const json& object, const char* name) {
  static const json kNone = json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kNone;
}

std::string textAt(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool isLastPiece(const json& response) {
  const auto candidates = response.find("candidates");
  if (candidates == response.end() || !candidates->is_array()) return false;
  return std::ranges::any_of(*candidates,
                             [](const json& one) { return one.is_object() && !textAt(one, "finishReason").empty(); });
}

}  // namespace

std::optional<std::uint64_t> tokensAt(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  const auto number = found->get<std::uint64_t>();
  return number <= kMaxTokens ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> tokensOf(std::initializer_list<std::optional<std::uint64_t>> parts) {
  std::optional<std::uint64_t> sum;
  for (const auto& part : parts)
    if (part) sum = sum.value_or(0) + *part;
  return sum && *sum <= kMaxTokens ? sum : std::nullopt;
}

std::optional<double> costAt(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const auto cost = found->get<double>();
  return cost >= 0 && cost <= kMaxCostUsd ? std::optional(cost) : std::nullopt;
}

std::string modelNamed(std::string_view name) {
  std::size_t end = std::min(name.size(), kMaxModel);
  while (end < name.size() && end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return isValidUtf8(name) ? std::string(name.substr(0, end)) : std::string();
}

std::string reportId(std::string_view agent, std::string_view call) {
  return std::string(agent) + "-" + agent::digestHex(call).substr(0, kDigestInId);
}

std::string nameOfEvent(std::string_view bytes) {
  NameFinder finder;
  (void)json::sax_parse(bytes.begin(), bytes.end(), &finder, json::input_format_t::json, false);
  return finder.name_;
}

std::optional<AgentUsage> usageAfterModel(std::string_view bytes) {
  // The conversation is passed over: it may be long, and nothing of it is needed.
  const auto isNeeded = [](int, json::parse_event_t what, json& parsed) {
    return what != json::parse_event_t::key ||
           (parsed != "messages" && parsed != "content" && parsed != "text" && parsed != "config");
  };
  const json event = json::parse(bytes.begin(), bytes.end(), isNeeded, false);
  if (!event.is_object()) return std::nullopt;
  const json& response = inner(event, "llm_response");
  const json& told = inner(response, "usageMetadata");
  if (!isLastPiece(response)) return std::nullopt;
  const auto input = tokensAt(told, "promptTokenCount");
  auto output = tokensAt(told, "candidatesTokenCount");
  // What it thought is in the total alone.
  if (const auto total = tokensAt(told, "totalTokenCount"); total && input && *total >= *input + output.value_or(0))
    output = *total - *input;
  if (!input && !output) return std::nullopt;
  AgentUsage used;
  used.model = modelNamed(textAt(inner(event, "llm_request"), "model"));
  used.inputTokens = input.value_or(0);
  used.outputTokens = output.value_or(0);
  used.id = reportId("gemini", bytes);
  return used;
}

}  // namespace ringfence::hook
