// What is kept of samples: one bucket a second, then one a minute, then one an hour, each for so long and so many.
// Pure. The same numbers come out whatever the order in which samples come and buckets are folded: nothing of a bucket
// is lost that a later fold needs. Times without a bucket are times of which nothing is known.
//
//   Series<GaugeBucket> memory;
//   memory.add(wall, bytes);             // each sample
//   memory.tend(wall);                   // now and then
//   memory.buckets(Grain::kMinute);      // what has become of those that are no longer kept by the second
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>

#include "sdk/base/clock.h"
#include "sdk/base/error.h"

namespace ringfence::supervisor {

enum class Grain : std::size_t { kSecond, kMinute, kHour };

Microseconds lengthOf(Grain grain);
// Of the bucket that `at` lies in.
Microseconds startOf(Microseconds at, Grain grain);

// Of a number that goes up and down.
struct GaugeBucket {
  std::uint64_t least = 0, most = 0;
  std::uint64_t sum = 0;  // saturates
  std::uint64_t count = 0;

  static GaugeBucket of(Microseconds at, std::uint64_t value);
  void fold(const GaugeBucket& other);
  std::optional<double> mean() const;  // of all samples; absent: there is none, or their sum does not fit
  bool operator==(const GaugeBucket&) const = default;
};

// Of a number that only grows: its last value, of two at one time the greater.
struct CounterBucket {
  Microseconds at{};
  std::uint64_t last = 0;

  static CounterBucket of(Microseconds at, std::uint64_t value) { return {at, value}; }
  void fold(const CounterBucket& other);
  auto operator<=>(const CounterBucket&) const = default;
};

// A bucket that is older, or is not among the newest so many, becomes part of the next coarser one, together with all
// that lie in the same one; those by the hour go.
struct Keep {
  Microseconds age{};
  std::size_t count = 0;
};
// Coarser ones are kept for at least as long. At least 60 by the second and by the minute, and one by the hour.
struct SeriesBounds {
  Keep seconds{std::chrono::hours(1), 3600};
  Keep minutes{std::chrono::hours(24), 1440};
  Keep hours{std::chrono::hours(24 * 90), 2160};
};

template <typename Bucket>
class Series {
 public:
  explicit Series(SeriesBounds bounds = {}) : keep_{bounds.seconds, bounds.minutes, bounds.hours} {
    RF_CHECK(keep_[0].count >= 60 && keep_[1].count >= 60 && keep_[2].count >= 1);
    RF_CHECK(keep_[0].age <= keep_[1].age && keep_[1].age <= keep_[2].age);
  }

  // What is older than all that is kept is left out.
  void add(Microseconds at, std::uint64_t value) {
    place(at, Bucket::of(at, value));
    foldWhatIsTooMuch();
  }

  void tend(Microseconds now) {
    for (const Grain grain : kGrains) foldBefore(grain, startOf(now - keep_[index(grain)].age, coarser(grain)));
    foldWhatIsTooMuch();
  }

  // By their starts. No moment is in buckets of two grains.
  const std::map<Microseconds, Bucket>& buckets(Grain grain) const { return buckets_[index(grain)]; }

 private:
  static constexpr std::array kGrains{Grain::kSecond, Grain::kMinute, Grain::kHour};
  static constexpr std::size_t index(Grain grain) { return static_cast<std::size_t>(grain); }
  static Grain coarser(Grain grain) { return grain == Grain::kSecond ? Grain::kMinute : Grain::kHour; }
  static Microseconds endOfCoarser(Grain grain, Microseconds start) {
    return startOf(start, coarser(grain)) + lengthOf(coarser(grain));
  }

  // Into the finest that still holds that time.
  void place(Microseconds at, const Bucket& bucket) {
    for (const Grain grain : kGrains) {
      if (at < heldFrom_[index(grain)]) continue;
      const auto [known, isNew] = buckets_[index(grain)].try_emplace(startOf(at, grain), bucket);
      if (!isNew) known->second.fold(bucket);
      return;
    }
  }

  void foldWhatIsTooMuch() {
    for (const Grain grain : kGrains) {
      const auto& buckets = buckets_[index(grain)];
      while (buckets.size() > keep_[index(grain)].count) foldBefore(grain, endOfCoarser(grain, buckets.begin()->first));
    }
  }

  void foldBefore(Grain grain, Microseconds limit) {
    if (limit <= heldFrom_[index(grain)]) return;
    heldFrom_[index(grain)] = limit;
    auto& buckets = buckets_[index(grain)];
    while (!buckets.empty() && buckets.begin()->first < limit) {
      const auto oldest = buckets.extract(buckets.begin());
      place(oldest.key(), oldest.mapped());
    }
  }

  std::array<Keep, 3> keep_;
  std::array<std::map<Microseconds, Bucket>, 3> buckets_;
  // Only grows, so that what comes late goes where it would be had it come in time.
  std::array<Microseconds, 3> heldFrom_{Microseconds::min(), Microseconds::min(), Microseconds::min()};
};

}  // namespace ringfence::supervisor
