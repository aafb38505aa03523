// Any packet of an agent is refused with words, or is a request whose values are within their bounds; any of its words
// comes back as JSON. Of what is read of it protobuf's own reader reads the same.
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sdk/base/error.h"
#include "sdk/proto/agent.pb.h"
#include "supervisor/api/agent_json.h"
#include "supervisor/api/agent_wire.h"
#include "supervisor/api/nesting.h"

namespace api = ringfence::supervisor::api;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  const auto call = api::decodeAgentCall(packet);
  const std::string words = call ? "" : call.error().message;
  RF_CHECK(call.has_value() != !words.empty());
  RF_CHECK(nlohmann::json::accept(api::encodeAgentAnswer(1, api::AgentRefusal{"invalid", words})));
  ringfence::v1::AgentPacket ours, theirs;
  if (packet.starts_with('{') && !api::nestsDeeperThan(packet, 4) && api::readAgentJson(packet, ours)) {
    RF_CHECK(google::protobuf::util::JsonStringToMessage({packet.data(), packet.size()}, &theirs).ok());
    RF_CHECK(google::protobuf::util::MessageDifferencer::Equals(ours, theirs));
  }
  if (!call) return 0;
  RF_CHECK(call->id != 0);
  if (const auto* report = std::get_if<ringfence::supervisor::UsageReport>(&call->request)) {
    const auto& usage = report->usage;
    RF_CHECK(!report->id.empty() && report->id.size() <= api::kMaxReportIdLength);
    RF_CHECK(usage.model.size() <= api::kMaxModelLength && usage.counters.size() <= api::kMaxCounters);
    RF_CHECK(usage.inputTokens <= api::kMaxReportedCount && usage.outputTokens <= api::kMaxReportedCount);
    RF_CHECK(usage.costMicroUsd.value_or(0) <= api::kMaxReportedCount);
  }
  if (const auto* brake = std::get_if<api::AgentBrake>(&call->request))
    RF_CHECK(brake->why.size() <= api::kMaxAgentWords);
  if (const auto* say = std::get_if<api::AgentSay>(&call->request))
    RF_CHECK(say->text.size() <= api::kMaxAgentWords && say->percent.value_or(0) <= 100);
  if (const auto* lease = std::get_if<api::AgentLease>(&call->request))
    RF_CHECK(lease->wait.count() >= 0 && lease->wait <= api::kMaxLeaseWait);
  if (const auto* safe = std::get_if<api::AgentSafePoint>(&call->request))
    RF_CHECK(safe->redo.count() >= 0 && safe->redo <= api::kMaxRedo);
  if (const auto* section = std::get_if<api::AgentCriticalSection>(&call->request))
    RF_CHECK(!section->redo || (section->redo->count() >= 0 && *section->redo <= api::kMaxRedo));
  if (const auto* cost = std::get_if<api::AgentInterruptionCost>(&call->request))
    RF_CHECK(cost->hold.count() >= 0 && cost->hold <= api::kMaxAskedHold);
  if (const auto* guard = std::get_if<api::AgentGuard>(&call->request)) {
    RF_CHECK(!guard->id.empty() && guard->id.size() <= api::kMaxReportIdLength);
    RF_CHECK(!guard->action.target.empty() && guard->words.size() <= api::kMaxAgentWords);
    const bool isCall = guard->action.operation == ringfence::policy::Operation::kCall;
    RF_CHECK(!isCall || guard->action.argv.empty() || api::isJsonObject(guard->action.argv.front()));
  }
  return 0;
}
