#include "sdk/agent/agent.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "sdk/agent/agent_link.h"
#include "sdk/agent/guard_link.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence {
namespace {

using Json = nlohmann::json;
using std::chrono::steady_clock;

constexpr std::size_t kMaxKeptReports = 1024;
constexpr std::size_t kMaxWords = 1024;
constexpr std::string_view kInvalid = "invalid: ";

// To kMaxWords, between two characters.
std::string clipped(std::string_view text) {
  std::size_t end = std::min(text.size(), kMaxWords);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

std::string textField(const char* name, std::string_view text) {
  JsonWriter json;
  json.beginObject().field(name, text).endObject();
  return std::move(json).take();
}

std::string reportBody(const AgentUsage& usage, const std::string& id) {
  JsonWriter json;
  json.beginObject().field("id", id).field("model", usage.model);
  json.field("input_tokens", usage.inputTokens).field("output_tokens", usage.outputTokens);
  if (usage.costUsd) json.field("cost_usd", *usage.costUsd);
  if (!usage.counters.empty()) {
    json.key("counters").beginObject();
    for (const auto& [name, count] : usage.counters) json.field(name, count);
    json.endObject();
  }
  json.endObject();
  return std::move(json).take();
}

// As the daemon takes paths: absolute, without "." and "..", no "/" at the end.
std::string pathOf(const std::string& text) {
  std::error_code failed;
  const auto whole = std::filesystem::absolute(text, failed);
  std::string path = failed ? text : whole.lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string programOf(const std::string& name) {
  if (name.find('/') != std::string::npos) return pathOf(name);
  const char* named = std::getenv("PATH");
  const std::string places = named != nullptr ? named : "";
  for (std::size_t from = 0; from <= places.size();) {
    const std::size_t end = std::min(places.find(':', from), places.size());
    std::string path = places.substr(from, end - from) + "/" + name;
    if (end > from && ::access(path.c_str(), X_OK) == 0) return pathOf(path);
    from = end + 1;
  }
  return name;
}

std::string targetOf(const AgentAction& action) {
  switch (action.operation) {
    case AgentAction::Operation::kRead:
    case AgentAction::Operation::kWrite: return pathOf(action.target);
    case AgentAction::Operation::kExec: return programOf(action.target);
    case AgentAction::Operation::kConnect:
    case AgentAction::Operation::kCall: break;
  }
  return action.target;
}

std::string guardBody(const AgentAction& action, const std::string& id) {
  static constexpr const char* kNames[] = {"read", "write", "exec", "connect", "call"};
  JsonWriter json;
  json.beginObject().field("id", id).field("op", kNames[static_cast<std::size_t>(action.operation)]);
  json.field("target", targetOf(action));
  if (action.operation == AgentAction::Operation::kExec) {
    json.key("argv").beginArray();
    for (const std::string& word : action.argv) json.value(word);
    json.endArray();
  }
  if (!action.inputJson.empty()) json.field("input_json", action.inputJson);
  if (!action.words.empty()) json.field("words", clipped(action.words));
  json.endObject();
  return std::move(json).take();
}

AgentVerdict noVerdict(const char* outcome, std::string say) {
  AgentVerdict verdict;
  verdict.outcome = outcome;
  verdict.say = std::move(say);
  return verdict;
}

// What comes from the daemon is looked at as anything from elsewhere: what does not fit is as if it were not there.
std::string textIn(const Json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::optional<std::uint64_t> numberIn(const Json& answer, const char* name) {
  const auto found = answer.find(name);
  if (found == answer.end()) return std::nullopt;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text.c_str(), &end, 10);
  return !text.empty() && *end == '\0' ? std::optional(number) : std::nullopt;
}

AgentTotals totalsIn(const Json& answer) {
  AgentTotals totals;
  totals.inputTokens = numberIn(answer, "input_tokens").value_or(0);
  totals.outputTokens = numberIn(answer, "output_tokens").value_or(0);
  totals.reports = numberIn(answer, "reports").value_or(0);
  totals.tokensLimit = numberIn(answer, "tokens_limit");
  if (const auto cost = answer.find("cost_usd"); cost != answer.end() && cost->is_number())
    totals.costUsd = cost->get<double>();
  if (const auto limit = answer.find("cost_limit_usd"); limit != answer.end() && limit->is_number())
    totals.costLimitUsd = limit->get<double>();
  const auto estimated = answer.find("cost_estimated");
  totals.costEstimated = estimated != answer.end() && estimated->is_boolean() && estimated->get<bool>();
  const auto before = answer.find("counted_before");
  totals.countedBefore = before != answer.end() && before->is_boolean() && before->get<bool>();
  return totals;
}

std::optional<std::string> textOrNothing(const Json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

AgentVerdict verdictIn(const std::string& packet) {
  const Json parsed = Json::parse(packet, nullptr, false);
  if (const auto error = parsed.find("error"); error != parsed.end() && error->is_object())
    return noVerdict("invalid", textIn(*error, "message"));
  const auto found = parsed.find("verdict");
  if (found == parsed.end() || !found->is_object()) return noVerdict("invalid", "the daemon sent no verdict");
  AgentVerdict verdict = noVerdict("", textIn(*found, "say"));
  const auto allowed = found->find("allowed");
  verdict.allowed = allowed != found->end() && allowed->is_boolean() && allowed->get<bool>();
  verdict.outcome = textIn(*found, "outcome");
  verdict.rule = textIn(*found, "rule");
  verdict.fileLine = textIn(*found, "file_line");
  if (const auto argv = found->find("argv"); argv != found->end() && argv->is_array()) {
    for (const Json& word : *argv) {
      if (word.is_string()) verdict.argv.push_back(word.get<std::string>());
    }
  }
  verdict.path = textOrNothing(*found, "path");
  verdict.host = textOrNothing(*found, "host");
  verdict.content = textOrNothing(*found, "content");
  verdict.inputJson = textOrNothing(*found, "input_json");
  return verdict;
}

}  // namespace

// The connection and what waits for one.
class Agent::Link {
 public:
  explicit Link(AgentOptions options) : timeout_(options.timeout), socket_(std::move(options.socket)) {
    const char* named = std::getenv("RINGFENCE_AGENT_SOCKET");
    if (socket_.empty() && named != nullptr) socket_ = named;
    link_.emplace(socket_);
    guards.emplace(socket_);
  }

  std::string absent() const {
    if (socket_.empty()) return "this program is in no fence: RINGFENCE_AGENT_SOCKET is not set";
    struct stat status {};
    return ::stat(socket_.c_str(), &status) == 0 ? "" : "there is no socket at " + socket_;
  }

  steady_clock::time_point deadline() const { return steady_clock::now() + timeout_; }

  std::optional<Json> ask(const char* verb, const std::string& body) { return ask(verb, body, deadline()); }
  std::optional<Json> ask(const char* verb, const std::string& body, steady_clock::time_point until) {
    trouble = absent();
    if (!trouble.empty()) return std::nullopt;
    const auto answer = link_->ask(verb, body, until, trouble);
    if (!answer) return std::nullopt;
    Json parsed = Json::parse(*answer, nullptr, false);
    if (!parsed.is_object()) {
      trouble = "the daemon sent no answer";
      return std::nullopt;
    }
    if (const auto error = parsed.find("error"); error != parsed.end()) {
      trouble = textIn(*error, "code") + ": " + textIn(*error, "message");
      return std::nullopt;
    }
    for (auto& [name, content] : parsed.items()) {
      if (content.is_object()) return std::move(content);
    }
    trouble = "the daemon sent an answer without content";
    return std::nullopt;
  }

  void keep(std::string body) {
    kept.push_back(std::move(body));
    if (kept.size() > kMaxKeptReports) kept.pop_front();
  }
  std::string nextId() { return link_->prefix() + "-" + std::to_string(++reports_); }
  // The totals after the last one. What is invalid is given up.
  std::optional<AgentTotals> sendKept() {
    std::optional<AgentTotals> totals;
    for (const auto until = deadline(); !kept.empty();) {
      const auto answer = ask("report_usage", kept.front(), until);
      const bool isInvalid = !answer && trouble.compare(0, kInvalid.size(), kInvalid) == 0;
      if (!answer && !isInvalid) return std::nullopt;
      kept.pop_front();
      if (isInvalid) return std::nullopt;
      totals = totalsIn(*answer);
    }
    return totals;
  }
  std::chrono::milliseconds timeout() const { return timeout_; }

  std::string trouble;
  std::deque<std::string> kept;
  std::optional<GuardLink> guards;

 private:
  std::chrono::milliseconds timeout_;
  std::string socket_;
  std::optional<AgentLink> link_;
  std::uint64_t reports_ = 0;
};

Agent::Agent(AgentOptions options) : link_(std::make_unique<Link>(std::move(options))) {}
Agent::Agent(Agent&& other) noexcept = default;
Agent& Agent::operator=(Agent&& other) noexcept = default;
Agent::~Agent() = default;

std::string Agent::absent() const { return link_->absent(); }
const std::string& Agent::trouble() const { return link_->trouble; }

std::optional<AgentIdentity> Agent::whoami() {
  const auto answer = link_->ask("whoami", "{}");
  if (!answer) return std::nullopt;
  return AgentIdentity{textIn(*answer, "run"), textIn(*answer, "name"), textIn(*answer, "policy_name"),
                       textIn(*answer, "policy_hash")};
}

std::optional<AgentTotals> Agent::reportUsage(const AgentUsage& usage) {
  link_->trouble = link_->absent();
  if (!link_->trouble.empty()) return std::nullopt;
  link_->keep(reportBody(usage, usage.id.empty() ? link_->nextId() : usage.id));
  return link_->sendKept();
}

bool Agent::flush() {
  link_->trouble = link_->absent();
  if (!link_->trouble.empty()) return false;
  (void)link_->sendKept();
  return link_->kept.empty();
}

bool Agent::say(std::string_view text, std::string_view hook) {
  if (hook.empty()) return link_->ask("say", textField("text", clipped(text))).has_value();
  JsonWriter json;
  json.beginObject().field("text", clipped(text)).field("hook", hook).endObject();
  return link_->ask("say", std::move(json).take()).has_value();
}

bool Agent::stop(std::string_view why) {
  const auto began = steady_clock::now();
  if (link_->ask("stop", textField("why", clipped(why)))) return true;
  // Whoever stood still for longer than any wait of this library was frozen; the daemon that did it may be another now.
  return link_->absent().empty() && steady_clock::now() - began > link_->timeout() + std::chrono::seconds(1);
}

bool Agent::safePoint() { return link_->ask("safe_point", "{}").has_value(); }

std::optional<std::string> Agent::why() {
  const auto answer = link_->ask("why", "{}");
  std::string json = answer ? textIn(*answer, "json") : std::string();
  return json.empty() ? std::nullopt : std::optional(std::move(json));
}

std::string Agent::startGuard(const AgentAction& action) {
  std::string id = action.id.empty() ? link_->nextId() : action.id;
  if (link_->absent().empty()) link_->guards->start(id, guardBody(action, id));
  return id;
}

std::optional<AgentVerdict> Agent::pollGuard(const std::string& id) {
  link_->trouble = link_->absent();
  if (!link_->trouble.empty()) return noVerdict("absent", link_->trouble);
  const bool isAsked = link_->guards->isAsked(id);
  const auto packet = link_->guards->take(id);
  link_->trouble = link_->guards->trouble();
  if (packet) return verdictIn(*packet);
  if (!isAsked) return noVerdict("invalid", "nothing is asked by that id");
  return std::nullopt;
}

int Agent::guardFd() const { return link_->guards->fd(); }

// Also when the time is over it is looked once more: it may have been over while the process was frozen.
AgentVerdict Agent::guard(const AgentAction& action, std::chrono::milliseconds patience) {
  const auto until = steady_clock::now() + patience;
  const std::string id = startGuard(action);
  for (;;) {
    const bool isLast = steady_clock::now() >= until;
    if (auto verdict = pollGuard(id)) return *std::move(verdict);
    if (isLast) return noVerdict("unanswered", link_->trouble.empty() ? "nobody answered in time" : link_->trouble);
    link_->guards->waitUntil(until);
  }
}

Agent::CriticalSection Agent::criticalSection(std::chrono::seconds length) {
  const std::string seconds = std::to_string(std::clamp<std::chrono::seconds::rep>(length.count(), 0, 86'400));
  const auto answer = link_->ask("critical_section", "{\"seconds\":" + seconds + "}");
  const std::uint64_t granted = answer ? numberIn(*answer, "milliseconds").value_or(0) : 0;
  return {this, std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(granted))};
}

Agent::CriticalSection::~CriticalSection() {
  // It ends by itself as well.
  if (agent_ != nullptr && granted_.count() > 0) (void)agent_->link_->ask("critical_section", "{\"seconds\":0}");
}

}  // namespace ringfence
