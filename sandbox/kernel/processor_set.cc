#include "sandbox/kernel/processor_set.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sdk/base/whole_number.h"

namespace ringfence::sandbox {
namespace {

constexpr unsigned kMost = 8192;

}  // namespace

std::optional<std::vector<unsigned>> parseProcessors(std::string_view list) {
  while (list.ends_with('\n') || list.ends_with(' ')) list.remove_suffix(1);
  std::set<unsigned> found;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view part = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const std::size_t dash = std::min(part.find('-'), part.size());
    const auto first = wholeNumber<unsigned>(part.substr(0, dash));
    const auto last = dash == part.size() ? first : wholeNumber<unsigned>(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMost) return std::nullopt;
    for (unsigned one = *first; one <= *last; ++one) found.insert(one);
  }
  return std::vector<unsigned>(found.begin(), found.end());
}

std::string formatProcessors(const std::vector<unsigned>& processors) {
  std::string text;
  for (std::size_t at = 0; at < processors.size();) {
    std::size_t end = at + 1;
    while (end < processors.size() && processors[end] == processors[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ",") + std::to_string(processors[at]);
    if (end - at > 1) text += "-" + std::to_string(processors[end - 1]);
    at = end;
  }
  return text;
}

std::vector<unsigned> processorsLeft(const std::vector<unsigned>& all, std::size_t kept,
                                     const std::map<unsigned, unsigned>& coreOf) {
  const auto coreOfOne = [&](unsigned one) {
    const auto known = coreOf.find(one);
    return std::pair(known != coreOf.end() ? known->second : one, one);
  };
  std::vector<unsigned> left = all;
  std::ranges::sort(left, {}, coreOfOne);
  const std::size_t most = left.empty() ? 0 : left.size() - 1;
  left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(std::min(kept, most)));
  std::ranges::sort(left);
  return left;
}

}  // namespace ringfence::sandbox
