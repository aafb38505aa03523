#include "sdk/agent/report_queue.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sdk/agent/answer_fields.h"

namespace ringfence {
namespace {

constexpr std::size_t kMaxKept = 1024;
constexpr std::size_t kWindow = 32;  // sent and not answered; the daemon reads no further than 64 requests

}  // namespace

void ReportQueue::keep(const std::string& id, std::string body) {
  if (std::ranges::any_of(kept_, [&](const Report& one) { return one.id == id; })) return;
  kept_.push_back({id, std::move(body)});
  if (kept_.size() <= kMaxKept) return;
  kept_.pop_front();
  ++lost_;
}

void ReportQueue::push() {
  if (kept_.empty()) return;
  const bool isReady = link_.isReady({}, AgentLink::Patience::kReturns, trouble_);
  settle();
  if (!isReady) return;
  auto sent = static_cast<std::size_t>(std::ranges::count_if(kept_, [](const Report& one) { return one.call != 0; }));
  for (auto report = kept_.begin(); report != kept_.end() && sent < kWindow && busy_.empty();) {
    const auto call =
        report->call == 0 ? link_.send("report_usage", report->body) : Result<std::uint64_t>(report->call);
    if (call) {
      sent += report->call == 0 ? 1 : 0;
      (report++)->call = *call;
    } else if (call.error().code == ErrorCode::kInvalid) {
      report = kept_.erase(report);
      ++lost_;
    } else {
      return settle();
    }
  }
}

void ReportQueue::settle() {
  if (std::exchange(connection_, link_.connection()) != link_.connection()) isLate_ = false;
  for (Report& report : kept_)
    if (report.call != 0 && !link_.isAwaited(report.call)) report.call = 0;
  std::erase_if(kept_, [&](Report& report) {
    const auto packet = report.call == 0 ? std::nullopt : link_.answerTo(report.call);
    return packet && settleOne(report, *packet);
  });
}

// True: it need not be kept.
bool ReportQueue::settleOne(Report& report, const std::string& packet) {
  isLate_ = false;
  const auto parsed = nlohmann::json::parse(packet, nullptr, false);
  const nlohmann::json* error = parsed.is_object() ? agent::objectIn(parsed, "error") : nullptr;
  const std::string code = error != nullptr ? agent::textIn(*error, "code") : "";
  if (error != nullptr && code != "invalid") {
    report.call = 0;
    busy_ = code + ": " + agent::textIn(*error, "message");
    return false;  // It may be asked again later.
  }
  if (report.id == awaited_)
    answer_ = packet;
  else if (error != nullptr)
    ++lost_;
  return true;
}

std::optional<std::string> ReportQueue::counted(const std::string& id, Time until, std::string& trouble) {
  awaited_ = id;
  answer_.reset();
  busy_.clear();
  for (;;) {
    push();
    const bool isKept = std::ranges::any_of(kept_, [&](const Report& one) { return one.id == id; });
    trouble = answer_ ? "" : !busy_.empty() ? busy_ : !isKept ? "invalid: the report is too long" : trouble_;
    if (answer_ || !busy_.empty() || !isKept || !link_.isConnected()) break;
    trouble = "the daemon did not answer: not in time";
    if (isLate_ || (isLate_ = !link_.takeMore(until))) break;
  }
  awaited_.clear();
  return std::exchange(answer_, std::nullopt);
}

bool ReportQueue::flush(Time until, std::string& trouble) {
  busy_.clear();
  while (!kept_.empty()) {
    if (!link_.isReady(until, AgentLink::Patience::kTriesAgain, trouble)) return false;
    push();
    trouble = busy_;
    if (!busy_.empty()) return false;
    if (kept_.empty() || !link_.isConnected()) continue;
    trouble = "the daemon did not answer: not in time";
    if (!link_.takeMore(until)) return false;
  }
  trouble.clear();
  return true;
}

}  // namespace ringfence
