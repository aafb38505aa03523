#include "sandbox/egress/denials.h"

#include <vector>

namespace ringfence::sandbox {
namespace {

constexpr std::int64_t kWindowMs = 5000;
constexpr std::size_t kMostKinds = 256;
constexpr std::size_t kMostOpen = 32;
constexpr const char* kOthers = "(others)";

}  // namespace

std::optional<std::uint64_t> Denials::add(const GuardedAction& action, const Denial& denial, std::int64_t nowMs) {
  Record record{.ticket = 0, .kind = RecordKind::kDenied, .action = action, .rule = denial.rule};
  std::string key = action.action.target + "\n" + action.what + "\n" + denial.rule.text;
  const bool crowded = counted_.size() >= kMostKinds || open_ >= kMostOpen;
  if (crowded && !counted_.contains(key)) {
    key = kOthers;
    record.action.action.target = kOthers;
  }
  const auto found = counted_.find(key);
  if (found != counted_.end()) {
    ++found->second.count;
    return std::nullopt;
  }
  counted_[key] = {record, crowded ? 1U : 0U, nowMs + kWindowMs};
  if (crowded) return std::nullopt;
  tellAgent(file_, denial);
  ++open_;
  return link_.record(std::move(record));
}

void Denials::tick(std::int64_t nowMs) {
  std::vector<std::string> over;
  for (auto& [key, counted] : counted_) {
    if (counted.untilMs > nowMs) continue;
    over.push_back(key);
    if (counted.count == 0) continue;
    counted.record.count = counted.count;
    link_.tell(counted.record);
  }
  for (const std::string& key : over) counted_.erase(key);
}

}  // namespace ringfence::sandbox
