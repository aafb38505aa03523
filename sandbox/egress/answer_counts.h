// What models stated since it was told last, added up for each; and when that is told. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/egress/stated_usage.h"

namespace ringfence::sandbox {

class AnswerCounts {
 public:
  void add(const StatedUsage& stated) {
    auto found = std::ranges::find(counts_, stated.model, &ModelAnswers::model);
    if (found == counts_.end()) {
      // Whoever makes up names has them counted as none.
      const bool isRoom = counts_.size() < kMostModels - 1;
      const std::string name = isRoom ? stated.model : std::string();
      found = std::ranges::find(counts_, name, &ModelAnswers::model);
      if (found == counts_.end()) found = counts_.insert(counts_.end(), {.model = name});
    }
    ++found->answers;
    found->inputTokens += stated.inputTokens;
    found->outputTokens += stated.outputTokens;
  }
  bool empty() const { return counts_.empty(); }
  std::vector<ModelAnswers> take() { return std::exchange(counts_, {}); }

 private:
  static constexpr std::size_t kMostModels = 16;
  std::vector<ModelAnswers> counts_;
};

// An answer is told as soon as it is over, as long as few are: a budget that it used up holds the agent before its next
// one. Where they come without end, one telling is earned in kEarnedMs.
class AnswerPace {
 public:
  bool take(std::int64_t nowMs) {
    if (paidUpToMs_ > nowMs) return false;
    paidUpToMs_ = std::max(paidUpToMs_, nowMs - kAtOnce * kEarnedMs) + kEarnedMs;
    return true;
  }

 private:
  static constexpr std::int64_t kEarnedMs = 500;
  static constexpr std::int64_t kAtOnce = 20;
  std::int64_t paidUpToMs_ = INT64_MIN / 2;
};

}  // namespace ringfence::sandbox
