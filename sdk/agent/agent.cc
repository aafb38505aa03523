#include "sdk/agent/agent.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "sdk/agent/agent_link.h"
#include "sdk/agent/answer_fields.h"
#include "sdk/agent/guard_link.h"
#include "sdk/agent/interruption_answer.h"
#include "sdk/agent/notice_link.h"
#include "sdk/agent/report_queue.h"
#include "sdk/base/bounded_text.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence {
namespace {

using Json = nlohmann::json;
using agent::maybeTextIn;
using agent::numberIn;
using agent::textIn;
using agent::wordsIn;
using std::chrono::steady_clock;

constexpr std::size_t kMaxWords = 1024;  // bytes

std::string textField(const char* name, std::string_view text) {
  JsonWriter json;
  json.beginObject().field(name, text).endObject();
  return std::move(json).take();
}

// Of work, as the daemon takes it.
std::string redoField(std::chrono::milliseconds redo) {
  const auto time = std::clamp<std::chrono::milliseconds::rep>(redo.count(), 0, 1'000'000'000);
  std::string parts = std::to_string(time % 1000);
  parts.insert(0, 3 - parts.size(), '0');
  return "\"redo_seconds\":" + std::to_string(time / 1000) + "." + parts;
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
  if (!action.words.empty()) json.field("words", beginningOf(action.words, kMaxWords));
  json.endObject();
  return std::move(json).take();
}

std::chrono::milliseconds timeIn(const Json& object, const char* name) {
  return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(
      std::min<std::uint64_t>(numberIn(object, name).value_or(0), std::uint64_t{1} << 40)));
}

AgentPause pauseIn(const Json& object) {
  return {timeIn(object, "within_ms"), textIn(object, "why"), textIn(object, "limit")};
}

AgentResumed resumedIn(const Json& object) {
  return {timeIn(object, "held_ms"), textIn(object, "why"), textIn(object, "held_by"), textIn(object, "relief")};
}

AgentOverride overrideIn(const Json& object) {
  AgentOverride told;
  told.op = textIn(object, "op");
  told.target = textIn(object, "target");
  told.outcome = textIn(object, "outcome");
  told.by = textIn(object, "by");
  told.say = textIn(object, "say");
  told.rule = textIn(object, "rule");
  told.fileLine = textIn(object, "file_line");
  told.count = std::max<std::uint64_t>(numberIn(object, "count").value_or(1), 1);
  told.argv = wordsIn(object, "argv");
  told.path = maybeTextIn(object, "path");
  told.host = maybeTextIn(object, "host");
  return told;
}

AgentVerdict noVerdict(const char* outcome, std::string say) {
  AgentVerdict verdict;
  verdict.outcome = outcome;
  verdict.say = std::move(say);
  return verdict;
}

AgentTotals totalsIn(const Json& answer) {
  AgentTotals totals;
  totals.inputTokens = numberIn(answer, "input_tokens").value_or(0);
  totals.outputTokens = numberIn(answer, "output_tokens").value_or(0);
  totals.reports = numberIn(answer, "reports").value_or(0);
  totals.tokensLimit = numberIn(answer, "tokens_limit");
  totals.costUsd = agent::realIn(answer, "cost_usd");
  totals.costLimitUsd = agent::realIn(answer, "cost_limit_usd");
  totals.costEstimated = agent::flagIn(answer, "cost_estimated");
  totals.countedBefore = agent::flagIn(answer, "counted_before");
  return totals;
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
  verdict.argv = wordsIn(*found, "argv");
  verdict.path = maybeTextIn(*found, "path");
  verdict.host = maybeTextIn(*found, "host");
  verdict.content = maybeTextIn(*found, "content");
  verdict.inputJson = maybeTextIn(*found, "input_json");
  return verdict;
}

}  // namespace

// The connection and what waits for one.
class Agent::Link {
 public:
  using Patience = AgentLink::Patience;
  explicit Link(AgentOptions options) : timeout_(options.timeout), socket_(std::move(options.socket)) {
    const char* named = std::getenv("RINGFENCE_AGENT_SOCKET");
    if (socket_.empty() && named != nullptr) socket_ = named;
    link_.emplace(socket_);
    reports.emplace(*link_);
    guards.emplace(socket_);
    notices.emplace(socket_);
  }

  std::string absent() const {
    if (socket_.empty()) return "this program is in no fence: RINGFENCE_AGENT_SOCKET is not set";
    struct stat status {};
    return ::stat(socket_.c_str(), &status) == 0 ? "" : "there is no socket at " + socket_;
  }

  steady_clock::time_point deadline() const { return steady_clock::now() + timeout_; }

  std::optional<Json> ask(const char* verb, const std::string& body, Patience patience = Patience::kReturns) {
    trouble = absent();
    if (!trouble.empty()) return std::nullopt;
    const auto answer = link_->ask(verb, body, deadline(), patience, trouble);
    reports->push();
    return answer ? contentOf(*answer) : std::nullopt;
  }
  // Nothing: `trouble` says what was sent instead.
  std::optional<Json> contentOf(const std::string& answer) {
    Json parsed = Json::parse(answer, nullptr, false);
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

  std::string nextId() { return link_->prefix() + "-" + std::to_string(++reports_); }
  std::chrono::milliseconds timeout() const { return timeout_; }
  const std::string& socket() const { return socket_; }

  std::string trouble;
  std::optional<ReportQueue> reports;
  std::optional<GuardLink> guards;
  std::optional<NoticeLink> notices;
  std::vector<std::function<PauseAnswer(const AgentPause&)>> onPause;
  std::vector<std::function<void(const AgentResumed&)>> onResume;
  std::vector<std::function<void(const AgentOverride&)>> onOverride;

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
  const auto answer = link_->ask("whoami", "{}", AgentLink::Patience::kTriesAgain);
  if (!answer) return std::nullopt;
  return AgentIdentity{textIn(*answer, "run"), textIn(*answer, "name"), textIn(*answer, "policy_name"),
                       textIn(*answer, "policy_hash")};
}

std::optional<AgentTotals> Agent::reportUsage(const AgentUsage& usage) {
  link_->trouble = link_->absent();
  if (!link_->trouble.empty()) return std::nullopt;
  const std::string id = usage.id.empty() ? link_->nextId() : usage.id;
  link_->reports->keep(id, reportBody(usage, id));
  const auto packet = link_->reports->counted(id, link_->deadline(), link_->trouble);
  const auto answer = packet ? link_->contentOf(*packet) : std::nullopt;
  return answer ? std::optional(totalsIn(*answer)) : std::nullopt;
}

bool Agent::reportUsageLater(const AgentUsage& usage) {
  link_->trouble = link_->absent();
  if (!link_->trouble.empty()) return false;
  const std::string id = usage.id.empty() ? link_->nextId() : usage.id;
  link_->reports->keep(id, reportBody(usage, id));
  link_->reports->push();
  return true;
}

std::uint64_t Agent::lostReports() const { return link_->reports->lost(); }

bool Agent::flush() {
  link_->trouble = link_->absent();
  return link_->trouble.empty() && link_->reports->flush(link_->deadline(), link_->trouble);
}

bool Agent::say(std::string_view text, std::string_view hook) {
  if (hook.empty()) return link_->ask("say", textField("text", beginningOf(text, kMaxWords))).has_value();
  JsonWriter json;
  json.beginObject().field("text", beginningOf(text, kMaxWords)).field("hook", hook).endObject();
  return link_->ask("say", std::move(json).take()).has_value();
}

bool Agent::progress(std::string_view text, unsigned percent) {
  JsonWriter json;
  json.beginObject()
      .field("text", beginningOf(text, kMaxWords))
      .field("percent", std::uint64_t{std::min(percent, 100U)})
      .endObject();
  return link_->ask("say", std::move(json).take()).has_value();
}

bool Agent::stop(std::string_view why) {
  const auto began = steady_clock::now();
  if (link_->ask("stop", textField("why", beginningOf(why, kMaxWords)), AgentLink::Patience::kTriesAgain)) return true;
  // Whoever stood still for longer than any wait of this library was frozen; the daemon that did it may be another now.
  return link_->absent().empty() && steady_clock::now() - began > link_->timeout() + std::chrono::seconds(1);
}

bool Agent::safePoint(std::chrono::milliseconds redo) {
  return link_->ask("safe_point", redo.count() > 0 ? "{" + redoField(redo) + "}" : "{}").has_value();
}

std::optional<AgentInterruptionCosts> Agent::interruptionCost(std::chrono::milliseconds hold) {
  const auto longest = std::clamp<std::chrono::milliseconds::rep>(hold.count(), 0, 86'400'000);
  const auto answer = link_->ask("interruption_cost", "{\"hold_ms\":" + std::to_string(longest) + "}");
  return answer ? agent::interruptionCostsIn(*answer) : std::nullopt;
}

bool Agent::ready() { return link_->ask("ready", "{}").has_value(); }

void Agent::onPause(std::function<PauseAnswer(const AgentPause&)> callback) {
  link_->onPause.push_back(std::move(callback));
  link_->notices->listen("pause");
}
void Agent::onResume(std::function<void(const AgentResumed&)> callback) {
  link_->onResume.push_back(std::move(callback));
  link_->notices->listen("resume");
}
void Agent::onOverride(std::function<void(const AgentOverride&)> callback) {
  link_->onOverride.push_back(std::move(callback));
  link_->notices->listen("override");
}

std::size_t Agent::poll() {
  if (!link_->absent().empty()) return 0;
  link_->reports->push();
  const auto notices = link_->notices->take();
  for (const Json& notice : notices) {
    if (const Json* pause = agent::objectIn(notice, "pause")) {
      bool isReady = !link_->onPause.empty();
      for (const auto& callback : link_->onPause) isReady = callback(pauseIn(*pause)) == PauseAnswer::kReady && isReady;
      if (isReady) link_->notices->sayReady();
    }
    if (const Json* resume = agent::objectIn(notice, "resume"))
      for (const auto& callback : link_->onResume) callback(resumedIn(*resume));
    if (const Json* override = agent::objectIn(notice, "override"))
      for (const auto& callback : link_->onOverride) callback(overrideIn(*override));
  }
  return notices.size();
}

int Agent::noticesFd() const { return link_->notices->fd(); }
std::uint64_t Agent::missedNotices() const { return link_->notices->missed(); }

// It is held as long as its connection, which is nobody else's: a child of fork() has the descriptor, and the lease
// ends with that of the process which took it, whether others have theirs or not.
class Agent::Lease::Held {
 public:
  explicit Held(const std::string& socket) : link_(socket) {}
  ~Held() {
    if (link_.fd() >= 0 && isOfThisProcess()) (void)::shutdown(link_.fd(), SHUT_RDWR);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  std::optional<std::string> take(const std::string& body, steady_clock::time_point until, std::string& trouble) {
    return link_.ask("lease", body, until, AgentLink::Patience::kTriesAgain, trouble);
  }
  // Why it is over; empty: it is held.
  std::string lost() {
    if (!isOfThisProcess()) return "it is held by the process that forked this one";
    const auto packet = link_.pending();
    if (!packet) return "it was lost: " + packet.error().message;
    if (!*packet) return "";
    const Json parsed = Json::parse(**packet, nullptr, false);
    const Json* notice = parsed.is_object() ? agent::objectIn(parsed, "notice") : nullptr;
    const Json* lost = notice == nullptr ? nullptr : agent::objectIn(*notice, "lease_lost");
    return lost == nullptr ? "" : "it was lost: " + textIn(*lost, "why");
  }
  int fd() const { return link_.fd(); }

 private:
  bool isOfThisProcess() const { return ::getpid() == process_; }

  AgentLink link_;
  pid_t process_ = ::getpid();
};

Agent::Lease::Lease() = default;
Agent::Lease::Lease(Lease&& other) noexcept = default;
Agent::Lease& Agent::Lease::operator=(Lease&& other) noexcept = default;
Agent::Lease::~Lease() = default;

bool Agent::Lease::isHeld() {
  if (!held_) return false;
  why_ = held_->lost();
  if (!why_.empty()) held_.reset();
  return held_ != nullptr;
}

void Agent::Lease::release() {
  if (held_) why_ = "it was released";
  held_.reset();
}

int Agent::Lease::fd() const { return held_ ? held_->fd() : -1; }

Agent::Lease Agent::lease(std::string_view device, std::chrono::milliseconds wait) {
  Lease lease;
  lease.why_ = link_->trouble = link_->absent();
  if (!lease.why_.empty()) return lease;
  const auto longest = std::clamp<std::chrono::milliseconds::rep>(wait.count(), 0, 3'600'000);
  JsonWriter json;
  json.beginObject().field("device", device).field("wait_ms", static_cast<std::uint64_t>(longest)).endObject();
  auto held = std::make_unique<Lease::Held>(link_->socket());
  const auto until = link_->deadline() + std::chrono::milliseconds(longest);
  const auto packet = held->take(std::move(json).take(), until, lease.why_);
  const Json answer = packet ? Json::parse(*packet, nullptr, false) : Json::object();
  if (const Json* leased = answer.is_object() ? agent::objectIn(answer, "leased") : nullptr) {
    lease.devices_ = wordsIn(*leased, "devices");
    lease.percent_ = static_cast<unsigned>(numberIn(*leased, "percent").value_or(0));
    lease.held_ = std::move(held);
    lease.why_.clear();
  } else if (const Json* error = answer.is_object() ? agent::objectIn(answer, "error") : nullptr) {
    lease.why_ = textIn(*error, "code") + ": " + textIn(*error, "message");
  } else if (lease.why_.empty()) {
    lease.why_ = "the daemon sent no answer";
  }
  link_->trouble = lease.why_;
  return lease;
}

std::optional<std::string> Agent::why() {
  const auto answer = link_->ask("why", "{}");
  std::string json = answer ? textIn(*answer, "json") : std::string();
  return json.empty() ? std::nullopt : std::optional(std::move(json));
}

std::string Agent::startGuard(const AgentAction& action) {
  std::string id = action.id.empty() ? link_->nextId() : action.id;
  if (link_->guards->fd() >= 0 || link_->absent().empty()) link_->guards->start(id, guardBody(action, id));
  return id;
}

std::optional<AgentVerdict> Agent::pollGuard(const std::string& id) {
  link_->trouble = link_->guards->fd() >= 0 ? "" : link_->absent();
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
  if (link_->guards->fd() >= 0) link_->guards->waitUntil(until);  // Nobody answers sooner than that.
  for (;;) {
    const bool isLast = steady_clock::now() >= until;
    if (auto verdict = pollGuard(id)) return *std::move(verdict);
    if (isLast) return noVerdict("unanswered", link_->trouble.empty() ? "nobody answered in time" : link_->trouble);
    link_->guards->waitUntil(until);
  }
}

Agent::CriticalSection Agent::criticalSection(std::chrono::seconds length,
                                              std::optional<std::chrono::milliseconds> redo) {
  const std::string seconds = std::to_string(std::clamp<std::chrono::seconds::rep>(length.count(), 0, 86'400));
  const auto answer =
      link_->ask("critical_section", "{\"seconds\":" + seconds + (redo ? "," + redoField(*redo) : "") + "}");
  const std::uint64_t granted = answer ? numberIn(*answer, "milliseconds").value_or(0) : 0;
  return {this, std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(granted))};
}

Agent::CriticalSection::~CriticalSection() {
  // It ends by itself as well.
  if (agent_ != nullptr && granted_.count() > 0) (void)agent_->link_->ask("critical_section", "{\"seconds\":0}");
}

}  // namespace ringfence
