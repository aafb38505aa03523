#include "sandbox/egress/denials.h"

#include <vector>

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

constexpr std::int64_t kWindowMs = 5000;
constexpr std::size_t kMostKinds = 256;
constexpr std::size_t kMostOpen = 32;
constexpr std::uint64_t kMostWritten = 1 << 20;
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
  writeLine(denial);
  ++open_;
  return link_.record(std::move(record));
}

void Denials::writeLine(const Denial& denial) {
  if (file_ < 0 || written_ >= kMostWritten) return;
  const std::string line = denialJson(denial) + "\n";
  written_ += line.size();
  // A full file system of the run is the run's own affair; the log has it anyway.
  (void)writeAll(file_, line, "the denials file");
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
