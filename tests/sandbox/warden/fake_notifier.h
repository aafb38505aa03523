// A kernel of ours for unit tests: calls come from a queue, memory is a map of pages, answers are kept.
#pragma once

#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/kernel/notifier.h"

namespace ringfence::test {

class FakeNotifier final : public sandbox::SyscallNotifier {
 public:
  Result<std::optional<sandbox::Notification>> receive() override {
    if (calls.empty()) return std::optional<sandbox::Notification>();
    const sandbox::Notification call = calls.front();
    calls.pop_front();
    waiting.insert(call.id);
    return std::optional(call);
  }
  bool isWaiting(std::uint64_t id) override { return waiting.contains(id); }
  int answer(std::uint64_t id, const sandbox::CallAnswer& answer) override {
    if (waiting.erase(id) == 0) return ENOENT;
    answers.emplace_back(id, answer);
    return 0;
  }
  int inject(std::uint64_t id, UniqueFd fd, sandbox::CloseOnExec, sandbox::Handover) override {
    if (!waiting.contains(id)) return ENOENT;
    if (fullTable) return EMFILE;
    waiting.erase(id);
    injected.emplace_back(id, std::move(fd));
    return 0;
  }
  std::size_t readMemory(std::int32_t, std::uint64_t address, std::span<char> to) override {
    std::size_t done = 0;
    while (done < to.size()) {
      auto region = memory.upper_bound(address + done);
      if (region == memory.begin()) break;
      --region;
      const std::uint64_t offset = address + done - region->first;
      if (offset >= region->second.size()) break;
      const std::size_t count = std::min<std::size_t>(to.size() - done, region->second.size() - offset);
      std::memcpy(to.data() + done, region->second.data() + offset, count);
      done += count;
    }
    return done;
  }

  std::deque<sandbox::Notification> calls;
  std::set<std::uint64_t> waiting;
  std::map<std::uint64_t, std::string> memory;
  std::vector<std::pair<std::uint64_t, sandbox::CallAnswer>> answers;
  std::vector<std::pair<std::uint64_t, UniqueFd>> injected;
  bool fullTable = false;
};

}  // namespace ringfence::test
