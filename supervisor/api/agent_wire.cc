#include "supervisor/api/agent_wire.h"

#include <google/protobuf/util/json_util.h>

#include <cmath>

#include "sdk/base/text.h"
#include "sdk/proto/agent.pb.h"
#include "supervisor/api/nesting.h"

namespace ringfence::supervisor::api {
namespace {

namespace pb = google::protobuf;

constexpr int kMaxAgentNesting = 4;
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

Result<AgentRequest> requestOf(const v1::AgentPacket& message) {
  switch (message.request_case()) {
    case v1::AgentPacket::kHello: return AgentRequest(AgentHello{message.hello().protocol()});
    case v1::AgentPacket::kWhoami: return AgentRequest(AgentWhoami{});
    case v1::AgentPacket::kReportUsage: return reportOf(message.report_usage());
    case v1::AgentPacket::kStop:
      if (message.stop().why().size() > kMaxAgentWords) return malformed("stop.why has " + upTo(kMaxAgentWords));
      return AgentRequest(AgentBrake{message.stop().why()});
    case v1::AgentPacket::kSay:
      if (message.say().text().size() > kMaxAgentWords) return malformed("say.text has " + upTo(kMaxAgentWords));
      return AgentRequest(AgentSay{message.say().text()});
    case v1::AgentPacket::kSafePoint: return AgentRequest(AgentSafePoint{});
    case v1::AgentPacket::kCriticalSection:
      return AgentRequest(AgentCriticalSection{std::chrono::seconds(message.critical_section().seconds())});
    case v1::AgentPacket::kWhy: return AgentRequest(AgentWhy{});
    case v1::AgentPacket::REQUEST_NOT_SET: break;
  }
  return malformed("the packet asks for nothing");
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
  totals.set_counted_before(answer.countedBefore);
}
void fill(v1::AgentAnswer& message, const AgentDone&) { (void)message.mutable_done(); }
void fill(v1::AgentAnswer& message, const AgentGranted& answer) {
  message.mutable_granted()->set_milliseconds(static_cast<std::uint64_t>(answer.length.count()));
}
void fill(v1::AgentAnswer& message, const AgentDenial& answer) { message.mutable_denial()->set_json(answer.json); }
void fill(v1::AgentAnswer& message, const AgentRefusal& answer) {
  message.mutable_error()->set_code(answer.code);
  message.mutable_error()->set_message(escapeForDisplay(answer.message));
}

}  // namespace

Result<AgentCall> decodeAgentCall(std::string_view packet) {
  if (packet.size() > kMaxAgentPacket.count) return malformed("a packet longer than " + formatBytes(kMaxAgentPacket));
  if (!packet.starts_with('{')) return malformed("a packet is one JSON object, and begins with '{'");
  if (!isValidUtf8(packet)) return malformed("the packet is not UTF-8");
  if (nestsDeeperThan(packet, kMaxAgentNesting))
    return malformed("the JSON nests deeper than " + std::to_string(kMaxAgentNesting));
  v1::AgentPacket message;
  const auto status = pb::util::JsonStringToMessage({packet.data(), packet.size()}, &message);
  if (!status.ok()) return malformed("the JSON is no request: " + std::string(status.message()));
  if (message.id() == 0) return malformed("a request has an id that is not 0");
  return AgentCall{message.id(), RF_TRY(requestOf(message))};
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
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = pb::util::MessageToJsonString(message, &text, options);
  // What an agent's name or its policy's holds is no reason to leave it without an answer.
  return status.ok() ? text : R"({"error":{"code":"internal","message":"the answer cannot be written"}})";
}

}  // namespace ringfence::supervisor::api
