// What models stated since it was told last, added up for each. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/egress/stated_usage.h"

namespace ringfence::sandbox {

class AnswerCounts {
 public:
  void add(const StatedUsage& stated) {
    auto found = std::ranges::find(counts_, stated.model, &ModelAnswers::model);
    // Whoever makes up names has them counted as none.
    if (found == counts_.end() && counts_.size() >= kMostModels)
      found = std::ranges::find(counts_, std::string(), &ModelAnswers::model);
    if (found == counts_.end()) {
      counts_.push_back({.model = counts_.size() < kMostModels ? stated.model : std::string()});
      found = counts_.end() - 1;
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

}  // namespace ringfence::sandbox
