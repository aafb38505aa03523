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

}  // namespace ringfence::sandbox
