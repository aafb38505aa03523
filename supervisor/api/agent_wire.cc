#include "supervisor/api/agent_wire.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "sdk/base/text.h"
#include "sdk/proto/agent.pb.h"
#include "supervisor/api/agent_json.h"
#include "supervisor/api/nesting.h"

namespace ringfence::supervisor::api {
namespace {

constexpr int kMaxAgentNesting = 4;
constexpr int kMaxInputNesting = 64;
constexpr double kMicro = 1e6;

Error malformed(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

std::string upTo(std::size_t bytes) { return "at most " + std::to_string(bytes) + " bytes"; }

bool isCounterName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxCounterName &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

Result<std::uint64_t> count(std::uint64_t number, const std::string& field) {
  if (number > kMaxReportedCount) return malformed(field + " is at most " + std::to_string(kMaxReportedCount));
  return number;
}

Result<AgentRequest> reportOf(const v1::AgentUsage& message) {
  UsageReport report;
  if (message.id().empty() || message.id().size() > kMaxReportIdLength)
    return malformed("report_usage.id has 1 to " + std::to_string(kMaxReportIdLength) + " bytes");
  if (message.model().size() > kMaxModelLength) return malformed("report_usage.model has " + upTo(kMaxModelLength));
  report.id = message.id();
  report.usage.model = message.model();
  report.usage.reports = 1;
  report.usage.inputTokens = RF_TRY(count(message.input_tokens(), "report_usage.input_tokens"));
  report.usage.outputTokens = RF_TRY(count(message.output_tokens(), "report_usage.output_tokens"));
  if (message.has_cost_usd()) {
    const double cost = message.cost_usd() * kMicro;
    if (!std::isfinite(cost) || cost < 0 || cost > static_cast<double>(kMaxReportedCount))
      return malformed("report_usage.cost_usd is from 0 to 1000000");
    report.usage.costMicroUsd = static_cast<std::uint64_t>(std::llround(cost));
  }
  if (static_cast<std::size_t>(message.counters_size()) > kMaxCounters)
    return malformed("report_usage.counters has at most " + std::to_string(kMaxCounters) + " of them");
  for (const auto& [name, number] : message.counters()) {
    if (!isCounterName(name))
      return malformed("a name in report_usage.counters has 1 to " + std::to_string(kMaxCounterName) +
                       " characters of a to z, 0 to 9 and _");
    report.usage.counters.push_back({name, RF_TRY(count(number, "report_usage.counters." + name))});
  }
  return AgentRequest(std::move(report));
}

constexpr std::array<std::pair<std::string_view, policy::Operation>, 5> kOperations{
    {{"read", policy::Operation::kRead},
     {"write", policy::Operation::kWrite},
     {"exec", policy::Operation::kExec},
     {"connect", policy::Operation::kConnect},
     {"call", policy::Operation::kCall}}};

Result<std::vector<std::string>> argumentsOf(const v1::AgentGuard& message) {
  std::size_t bytes = 0;
  std::vector<std::string> argv(message.argv().begin(), message.argv().end());
  for (const std::string& word : argv) {
    bytes += word.size();
    if (word.find('\0') != std::string::npos) return malformed("guard.argv holds a NUL byte");
  }
  if (argv.size() > kMaxAskedArguments || bytes > kMaxAskedArgvBytes.count)
    return malformed("guard.argv has at most " + std::to_string(kMaxAskedArguments) + " words, together " +
                     upTo(kMaxAskedArgvBytes.count));
  return argv;
}

Result<AgentRequest> guardOf(const v1::AgentGuard& message) {
  AgentGuard guard;
  if (message.id().empty() || message.id().size() > kMaxReportIdLength)
    return malformed("guard.id has 1 to " + std::to_string(kMaxReportIdLength) + " bytes");
  guard.id = message.id();
  const auto* operation =
      std::find_if(kOperations.begin(), kOperations.end(), [&](const auto& one) { return one.first == message.op(); });
  if (operation == kOperations.end()) return malformed("guard.op is one of read, write, exec, connect and call");
  const bool isCall = operation->second == policy::Operation::kCall;
  const std::size_t longest = isCall ? kMaxToolName : kMaxAskedTarget;
  if (message.target().empty() || message.target().size() > longest || message.target().find('\0') != std::string::npos)
    return malformed("guard.target has 1 to " + std::to_string(longest) + " bytes, none of them NUL");
  guard.action = {operation->second, message.target(), RF_TRY(argumentsOf(message))};
  if (!guard.action.argv.empty() && operation->second != policy::Operation::kExec)
    return malformed("guard.argv comes with the operation exec alone");
  if (!message.input_json().empty()) {
    if (!isCall) return malformed("guard.input_json comes with the operation call alone");
    if (!isJsonObject(message.input_json()))
      return malformed("guard.input_json is one JSON object of " + upTo(kMaxToolInput.count));
    guard.action.argv = {message.input_json()};
  }
  if (message.words().size() > kMaxAgentWords) return malformed("guard.words has " + upTo(kMaxAgentWords));
  guard.words = message.words();
  return AgentRequest(std::move(guard));
}

Result<AgentRequest> sayOf(const v1::AgentSay& message) {
  if (message.text().size() > kMaxAgentWords) return malformed("say.text has " + upTo(kMaxAgentWords));
  if (message.hook().size() > kMaxHookEventBytes) return malformed("say.hook has " + upTo(kMaxHookEventBytes));
  if (message.has_percent() && message.percent() > 100) return malformed("say.percent is 0 to 100");
  return AgentRequest(AgentSay{message.text(), message.hook(),
                               message.has_percent() ? std::optional(message.percent()) : std::nullopt});
}

Result<AgentRequest> listenOf(const v1::AgentListen& message) {
  if (static_cast<std::size_t>(message.to_size()) > kMaxListenWords)
    return malformed("listen.to has at most " + std::to_string(kMaxListenWords) + " words");
  AgentListen listen;
  for (const std::string& word : message.to()) {
    if (word == "pause")
      listen.pause = true;
    else if (word == "resume")
      listen.resume = true;
    else if (word == "override")
      listen.overrides = true;
    else
      return malformed("listen.to has the words pause, resume and override alone");
  }
  return AgentRequest(listen);
}

Result<AgentRequest> leaseOf(const v1::AgentLease& message) {
  if (message.device() != "npu" && message.device() != "gpu") return malformed("lease.device is npu or gpu");
  if (message.wait_ms() > static_cast<std::uint64_t>(kMaxLeaseWait.count()))
    return malformed("lease.wait_ms is at most " + std::to_string(kMaxLeaseWait.count()));
  return AgentRequest(AgentLease{message.device() == "npu" ? AcceleratorKind::kNpu : AcceleratorKind::kGpu,
                                 Milliseconds(static_cast<Milliseconds::rep>(message.wait_ms()))});
}

Result<Microseconds> redoOf(double seconds, const std::string& field) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > static_cast<double>(kMaxRedo.count()))
    return malformed(field + " is from 0 to " + std::to_string(kMaxRedo.count()));
  return Microseconds{static_cast<Microseconds::rep>(seconds * kMicro)};
}

Result<AgentRequest> safePointOf(const v1::AgentSafePoint& message) {
  return AgentRequest(AgentSafePoint{RF_TRY(redoOf(message.redo_seconds(), "safe_point.redo_seconds"))});
}

Result<AgentRequest> sectionOf(const v1::AgentCriticalSection& message) {
  AgentCriticalSection section{.length = std::chrono::seconds(message.seconds())};
  if (message.has_redo_seconds())
    section.redo = RF_TRY(redoOf(message.redo_seconds(), "critical_section.redo_seconds"));
  return AgentRequest(section);
}

Result<AgentRequest> costOf(const v1::AgentInterruptionCost& message) {
  if (message.hold_ms() > static_cast<std::uint64_t>(kMaxAskedHold.count()))
    return malformed("interruption_cost.hold_ms is at most " + std::to_string(kMaxAskedHold.count()));
  return AgentRequest(AgentInterruptionCost{Milliseconds(static_cast<Milliseconds::rep>(message.hold_ms()))});
}

Result<AgentRequest> requestOf(const v1::AgentPacket& message) {
  switch (message.request_case()) {
    case v1::AgentPacket::kHello: return AgentRequest(AgentHello{message.hello().protocol()});
    case v1::AgentPacket::kWhoami: return AgentRequest(AgentWhoami{});
    case v1::AgentPacket::kReportUsage: return reportOf(message.report_usage());
    case v1::AgentPacket::kStop:
      if (message.stop().why().size() > kMaxAgentWords) return malformed("stop.why has " + upTo(kMaxAgentWords));
      return AgentRequest(AgentBrake{message.stop().why()});
    case v1::AgentPacket::kSay: return sayOf(message.say());
    case v1::AgentPacket::kSafePoint: return safePointOf(message.safe_point());
    case v1::AgentPacket::kCriticalSection: return sectionOf(message.critical_section());
    case v1::AgentPacket::kWhy: return AgentRequest(AgentWhy{});
    case v1::AgentPacket::kGuard: return guardOf(message.guard());
    case v1::AgentPacket::kListen: return listenOf(message.listen());
    case v1::AgentPacket::kReady: return AgentRequest(AgentReady{});
    case v1::AgentPacket::kLease: return leaseOf(message.lease());
    case v1::AgentPacket::kRelease: return AgentRequest(AgentRelease{message.release().lease()});
    case v1::AgentPacket::kInterruptionCost: return costOf(message.interruption_cost());
    case v1::AgentPacket::REQUEST_NOT_SET: break;
  }
  return malformed("the packet asks for nothing");
}

std::uint64_t number(Milliseconds time) {
  return static_cast<std::uint64_t>(std::max<Milliseconds::rep>(time.count(), 0));
}

void fill(v1::AgentAnswer& message, const AgentWelcome& answer) {
  message.mutable_hello()->set_protocol(kAgentProtocol);
  message.mutable_hello()->set_version(RINGFENCE_VERSION);
  message.mutable_hello()->set_run(answer.run);
}
void fill(v1::AgentAnswer& message, const AgentSelf& answer) {
  message.mutable_whoami()->set_run(answer.run);
  message.mutable_whoami()->set_name(answer.name);
  message.mutable_whoami()->set_policy_name(answer.policyName);
  message.mutable_whoami()->set_policy_hash(answer.policyHash);
}
void fill(v1::AgentAnswer& message, const AgentTotals& answer) {
  v1::AgentTotals& totals = *message.mutable_totals();
  totals.set_input_tokens(answer.inputTokens);
  totals.set_output_tokens(answer.outputTokens);
  totals.set_reports(answer.reports);
  if (answer.costMicroUsd) totals.set_cost_usd(static_cast<double>(*answer.costMicroUsd) / kMicro);
  if (answer.tokensLimit) totals.set_tokens_limit(*answer.tokensLimit);
  if (answer.costLimitMicroUsd) totals.set_cost_limit_usd(static_cast<double>(*answer.costLimitMicroUsd) / kMicro);
  totals.set_cost_estimated(answer.costEstimated);
  totals.set_counted_before(answer.countedBefore);
}
void fill(v1::AgentAnswer& message, const AgentDone&) { (void)message.mutable_done(); }
void fill(v1::AgentAnswer& message, const AgentGranted& answer) {
  message.mutable_granted()->set_milliseconds(static_cast<std::uint64_t>(answer.length.count()));
}
void fill(v1::AgentAnswer& message, const AgentDenial& answer) { message.mutable_denial()->set_json(answer.json); }
const char* nameOf(AgentVerdict::Outcome outcome) {
  switch (outcome) {
    case AgentVerdict::Outcome::kAllowed: return "allowed";
    case AgentVerdict::Outcome::kRewritten: return "rewritten";
    case AgentVerdict::Outcome::kForbidden: return "forbidden";
    case AgentVerdict::Outcome::kDenied: return "denied";
    case AgentVerdict::Outcome::kExpired: return "expired";
    case AgentVerdict::Outcome::kStopped: return "stopped";
  }
  return "denied";
}

// The words of people and rules are shown by whoever asked. What is to be done instead is taken as it is.
void fill(v1::AgentAnswer& message, const AgentVerdict& answer) {
  v1::AgentVerdict& verdict = *message.mutable_verdict();
  verdict.set_allowed(answer.outcome == AgentVerdict::Outcome::kAllowed ||
                      answer.outcome == AgentVerdict::Outcome::kRewritten);
  verdict.set_outcome(nameOf(answer.outcome));
  verdict.set_say(escapeForDisplay(answer.say));
  verdict.set_rule(escapeForDisplay(answer.rule));
  verdict.set_file_line(escapeForDisplay(answer.fileLine));
  for (const std::string& word : answer.argv) verdict.add_argv(word);
  if (answer.path) verdict.set_path(*answer.path);
  if (answer.host) verdict.set_host(*answer.host);
  if (answer.content) verdict.set_content(*answer.content);
  if (answer.inputJson) verdict.set_input_json(*answer.inputJson);
}
void fill(v1::AgentAnswer& message, const AgentLeased& answer) {
  v1::AgentLeased& leased = *message.mutable_leased();
  leased.set_lease(answer.lease);
  for (const std::string& device : answer.devices) leased.add_devices(escapeForDisplay(device));
  leased.set_percent(answer.percent);
}
void fill(v1::AgentInterruption& message, const AgentInterruption& cost) {
  message.set_seconds(cost.seconds);
  if (cost.tokens) message.set_tokens(*cost.tokens);
  if (cost.workCpuSeconds) message.set_work_cpu_seconds(*cost.workCpuSeconds);
  message.set_claimed_seconds(cost.claimedSeconds);
  message.set_forbidden(cost.forbidden);
  message.set_why(escapeForDisplay(cost.why));
  if (cost.cheaperAfter) message.set_cheaper_after_ms(number(*cost.cheaperAfter));
}
void fill(v1::AgentAnswer& message, const AgentInterruptionCosts& answer) {
  v1::AgentInterruptionCosts& costs = *message.mutable_interruption_costs();
  fill(*costs.mutable_freeze(), answer.freeze);
  fill(*costs.mutable_freeze_and_reclaim(), answer.freezeAndReclaim);
  fill(*costs.mutable_kill(), answer.kill);
  costs.set_activity(answer.activity);
  if (answer.sinceSafePoint) costs.set_since_safe_point_ms(number(*answer.sinceSafePoint));
}
void fill(v1::AgentAnswer& message, const AgentRefusal& answer) {
  message.mutable_error()->set_code(answer.code);
  message.mutable_error()->set_message(escapeForDisplay(answer.message));
}

// What the run wanted itself it is told as it is, where JSON can hold it.
std::string own(const std::string& text) { return isValidUtf8(text) ? text : escapeForDisplay(text); }

void fill(v1::AgentNotice& notice, const AgentPause& what) {
  notice.mutable_pause()->set_within_ms(number(what.within));
  notice.mutable_pause()->set_why(escapeForDisplay(what.why));
  notice.mutable_pause()->set_limit(what.limit);
}
void fill(v1::AgentNotice& notice, const AgentResume& what) {
  notice.mutable_resume()->set_held_ms(number(what.held));
  notice.mutable_resume()->set_why(escapeForDisplay(what.why));
  notice.mutable_resume()->set_held_by(what.heldBy);
  notice.mutable_resume()->set_relief(escapeForDisplay(what.relief));
}
void fill(v1::AgentNotice& notice, const AgentOverride& what) {
  v1::AgentOverride& message = *notice.mutable_override();
  const auto* named = std::find_if(kOperations.begin(), kOperations.end(),
                                   [&](const auto& one) { return one.second == what.operation; });
  if (named != kOperations.end()) message.set_op(std::string(named->first));
  message.set_target(own(what.target));
  message.set_outcome(nameOf(what.outcome));
  message.set_by(what.by);
  message.set_say(escapeForDisplay(what.say));
  message.set_rule(escapeForDisplay(what.rule));
  message.set_file_line(escapeForDisplay(what.fileLine));
  message.set_count(what.count);
  for (const std::string& word : what.argv) message.add_argv(own(word));
  if (what.path) message.set_path(own(*what.path));
  if (what.host) message.set_host(own(*what.host));
}
void fill(v1::AgentNotice& notice, const AgentLeaseLost& what) {
  notice.mutable_lease_lost()->set_lease(what.lease);
  notice.mutable_lease_lost()->set_why(escapeForDisplay(what.why));
}

// Empty: it cannot be written, or is too long.
std::string written(const v1::AgentAnswer& message) {
  std::string text = writeAgentJson(message);
  return text.size() <= kMaxAgentPacket.count ? text : std::string();
}

}  // namespace

Result<AgentCall> decodeAgentCall(std::string_view packet) {
  if (packet.size() > kMaxAgentPacket.count) return malformed("a packet longer than " + formatBytes(kMaxAgentPacket));
  if (!packet.starts_with('{')) return malformed("a packet is one JSON object, and begins with '{'");
  if (!isValidUtf8(packet)) return malformed("the packet is not UTF-8");
  if (nestsDeeperThan(packet, kMaxAgentNesting))
    return malformed("the JSON nests deeper than " + std::to_string(kMaxAgentNesting));
  v1::AgentPacket message;
  if (const auto read = readAgentJson(packet, message); !read)
    return malformed("the JSON is no request: " + read.error().message);
  if (message.id() == 0) return malformed("a request has an id that is not 0");
  return AgentCall{message.id(), RF_TRY(requestOf(message))};
}

bool isJsonObject(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return text.size() <= kMaxToolInput.count && first != std::string_view::npos && text[first] == '{' &&
         text.find('\0') == std::string_view::npos && !nestsDeeperThan(text, kMaxInputNesting) &&
         nlohmann::json::accept(text);
}

AgentRefusal agentRefusalOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kBusy: return {"busy", error.message};
    case ErrorCode::kUnavailable: return {"unavailable", error.message};
    case ErrorCode::kInternal: return {"internal", error.message};
    default: return {"invalid", error.message};
  }
}

std::string encodeAgentAnswer(std::uint64_t call, const AgentAnswer& answer) {
  v1::AgentAnswer message;
  message.set_id(call);
  std::visit([&](const auto& one) { fill(message, one); }, answer);
  std::string text = written(message);
  // What an agent's name or its policy's holds is no reason to leave it without an answer.
  if (!text.empty()) return text;
  return "{\"id\":\"" + std::to_string(call) +
         "\",\"error\":{\"code\":\"internal\",\"message\":\"the answer cannot be written\"}}";
}

std::string encodeAgentNotice(const AgentNotice& notice, std::uint64_t missed) {
  v1::AgentAnswer message;
  message.mutable_notice()->set_missed(missed);
  std::visit([&](const auto& one) { fill(*message.mutable_notice(), one); }, notice);
  return written(message);
}

}  // namespace ringfence::supervisor::api
