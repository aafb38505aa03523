// Programs that one process of a run starts, as far as somebody who looks now and then sees them. What came and went
// between two looks is not seen, so the count says "at least".
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string_view>

namespace ringfence::supervisor {

// The parent in the text of /proc/PID/stat, whose second field may hold anything; absent: it is not there.
std::optional<int> parseParent(std::string_view stat);

class ProcessStarts {
 public:
  // `processes`: all of the run; `parent`: whose children count. `proc`: the directory. What is there at the first look
  // does not count.
  void look(int proc, std::span<const int> processes, int parent);
  std::uint64_t total() const { return total_; }

 private:
  bool hasLooked_ = false;
  std::set<int> known_;
  std::uint64_t total_ = 0;
};

}  // namespace ringfence::supervisor
