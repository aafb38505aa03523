#include "ui/shared/usage_bins.h"

#include <algorithm>

namespace ringfence::ui {
namespace {

using std::chrono::microseconds;
using Rate = std::optional<double>;

// Means over the parts of time that are known.
class Bins {
 public:
  explicit Bins(const BinSpan& span)
      : span_(span), width_(std::max<std::int64_t>(1, (span.until - span.from).count() / std::int64_t(span.bins))) {
    sums_.resize(span.bins);
  }

  void add(microseconds from, microseconds until, const Rate& value) {
    if (!value || until <= from) return;
    const std::int64_t begin = std::max<std::int64_t>(0, (from - span_.from).count());
    const std::int64_t end = std::min((until - span_.from).count(), width_ * static_cast<std::int64_t>(sums_.size()));
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t next = std::min(end, (at / width_ + 1) * width_);
      auto& [sum, weight] = sums_[static_cast<std::size_t>(at / width_)];
      sum += *value * static_cast<double>(next - at);
      weight += static_cast<double>(next - at);
      at = next;
    }
  }
  std::vector<Rate> means() const {
    std::vector<Rate> means;
    for (const auto& [sum, weight] : sums_) means.push_back(weight > 0 ? Rate(sum / weight) : std::nullopt);
    return means;
  }

 private:
  BinSpan span_;
  std::int64_t width_;
  std::vector<std::pair<double, double>> sums_;
};

Rate perSecond(const std::optional<std::uint64_t>& before, const std::optional<std::uint64_t>& after,
               microseconds apart) {
  if (!before || !after || *after < *before || apart.count() <= 0) return std::nullopt;
  return static_cast<double>(*after - *before) * 1e6 / static_cast<double>(apart.count());
}

Rate sumOf(const Rate& a, const Rate& b) { return a && b ? Rate(*a + *b) : std::nullopt; }

microseconds endOf(const client::UsageBucket& bucket) { return bucket.start + std::chrono::seconds(bucket.seconds); }

BinnedUsage binOne(const std::vector<const client::UsageBucket*>& buckets, const BinSpan& span) {
  Bins cpu(span), memory(span), io(span);
  const client::UsageBucket* before = nullptr;
  for (const client::UsageBucket* bucket : buckets) {
    const microseconds end = endOf(*bucket);
    if (bucket->memoryMean) memory.add(bucket->start, end, static_cast<double>(*bucket->memoryMean));
    if (before != nullptr) {
      const microseconds began = endOf(*before);
      const auto farthest = std::chrono::seconds(3 * std::max(bucket->seconds, before->seconds) + 10);
      if (end - began <= farthest) {
        const Rate busy = perSecond(before->cpuUsec, bucket->cpuUsec, end - began);
        cpu.add(began, end, busy ? Rate(*busy / 1e4) : std::nullopt);
        io.add(began, end,
               sumOf(perSecond(before->ioReadBytes, bucket->ioReadBytes, end - began),
                     perSecond(before->ioWriteBytes, bucket->ioWriteBytes, end - began)));
      }
    }
    before = bucket;
  }
  return {cpu.means(), memory.means(), io.means()};
}

}  // namespace

std::map<std::string, BinnedUsage> binUsage(const std::vector<client::UsageBucket>& series, const BinSpan& span) {
  std::map<std::string, std::vector<const client::UsageBucket*>> byRun;
  for (const client::UsageBucket& bucket : series) byRun[bucket.run].push_back(&bucket);
  std::map<std::string, BinnedUsage> binned;
  for (auto& [run, buckets] : byRun) {
    std::ranges::stable_sort(buckets, {}, [](const auto* bucket) { return endOf(*bucket); });
    binned.emplace(run, binOne(buckets, span));
  }
  return binned;
}

}  // namespace ringfence::ui
