#include "supervisor/meter/series.h"

#include <algorithm>
#include <catch2/catch_all.hpp>
#include <random>
#include <vector>

using namespace ringfence;
using namespace ringfence::supervisor;
using namespace std::chrono_literals;

namespace {

struct Sample {
  Microseconds at;
  std::uint64_t value;
};

constexpr Grain kGrains[] = {Grain::kSecond, Grain::kMinute, Grain::kHour};

// Small enough that every bound is met in a test.
SeriesBounds smallBounds() { return {{5min, 100}, {3h, 90}, {24h, 10}}; }

// Some hours at up to 10 Hz, with gaps.
std::vector<Sample> someHours(std::mt19937_64& random, std::size_t count) {
  std::vector<Sample> samples;
  Microseconds at = Microseconds(1'700'000'000'000'000) + Microseconds(random() % 3'600'000'000);
  for (std::size_t i = 0; i < count; ++i) {
    at += Microseconds(100'000 + (random() % 10 == 0 ? random() % 300'000'000 : 0));
    samples.push_back({at, random() % 1'000'000});
  }
  return samples;
}

template <typename Bucket>
bool same(const Series<Bucket>& one, const Series<Bucket>& other) {
  return std::all_of(std::begin(kGrains), std::end(kGrains),
                     [&](Grain grain) { return one.buckets(grain) == other.buckets(grain); });
}

template <typename Bucket>
void checkOrder() {
  std::mt19937_64 random(Catch::rngSeed());
  for (int round = 0; round < 30; ++round) {
    std::vector<Sample> samples = someHours(random, 600);
    const Microseconds end = samples.back().at;
    Series<Bucket> inTime(smallBounds());
    for (const Sample& sample : samples) {
      inTime.add(sample.at, sample.value);
      inTime.tend(sample.at);
    }
    inTime.tend(end);
    for (int order = 0; order < 5; ++order) {
      std::shuffle(samples.begin(), samples.end(), random);
      Series<Bucket> shuffled(smallBounds());
      Microseconds newest{};
      for (const Sample& sample : samples) {
        shuffled.add(sample.at, sample.value);
        newest = std::max(newest, sample.at);
        if (random() % 7 == 0) shuffled.tend(newest);
      }
      shuffled.tend(end);
      REQUIRE(same(inTime, shuffled));
    }
  }
}

}  // namespace

TEST_CASE("a bucket starts at the whole second, minute and hour, before the epoch too") {
  CHECK(startOf(3661s + 5us, Grain::kSecond) == 3661s);
  CHECK(startOf(3661s + 5us, Grain::kMinute) == 3660s);
  CHECK(startOf(3661s + 5us, Grain::kHour) == 3600s);
  CHECK(startOf(-1us, Grain::kMinute) == -60s);
  CHECK(startOf(-60s, Grain::kMinute) == -60s);
}

TEST_CASE("a gauge keeps its least, its most and its mean") {
  Series<GaugeBucket> series;
  for (int i = 0; i < 10; ++i) series.add(100s + i * 100ms, static_cast<std::uint64_t>(i * 10));
  series.add(101s, 7);
  REQUIRE(series.buckets(Grain::kSecond).size() == 2);
  const GaugeBucket& bucket = series.buckets(Grain::kSecond).at(100s);
  CHECK(bucket == GaugeBucket{0, 90, 450, 10});
  CHECK(bucket.mean() == 45);
  CHECK_FALSE(GaugeBucket{}.mean());
}

TEST_CASE("a counter keeps its last value, of two at one time the greater") {
  Series<CounterBucket> series;
  series.add(100s + 1us, 5);
  series.add(100s + 3us, 9);
  series.add(100s + 2us, 20);
  CHECK(series.buckets(Grain::kSecond).at(100s) == CounterBucket{100s + 3us, 9});
  series.add(100s + 3us, 8);
  CHECK(series.buckets(Grain::kSecond).at(100s).last == 9);
}

TEST_CASE("seconds become minutes, minutes hours, and hours go") {
  Series<GaugeBucket> series({{60s, 1000}, {2h, 1000}, {4h, 1000}});
  series.add(0s, 1);
  series.add(30s, 3);
  series.add(61s, 5);
  series.tend(100s);
  CHECK(series.buckets(Grain::kSecond).size() == 3);
  series.tend(121s);
  CHECK(series.buckets(Grain::kSecond).size() == 1);
  CHECK(series.buckets(Grain::kMinute).at(0s) == GaugeBucket{1, 3, 4, 2});
  series.tend(3h);
  CHECK(series.buckets(Grain::kSecond).empty());
  CHECK(series.buckets(Grain::kMinute).empty());
  CHECK(series.buckets(Grain::kHour).at(0s) == GaugeBucket{1, 5, 9, 3});
  series.tend(4h + 59min);
  CHECK(series.buckets(Grain::kHour).size() == 1);
  series.tend(5h);
  CHECK(series.buckets(Grain::kHour).empty());
}

TEST_CASE("what comes late goes where it would be had it come in time, or nowhere") {
  Series<GaugeBucket> series({{60s, 1000}, {2h, 1000}, {4h, 1000}});
  series.tend(10h);
  series.add(9h + 30min, 1);
  series.add(7h + 30min, 2);
  series.add(5h, 3);
  CHECK(series.buckets(Grain::kSecond).empty());
  CHECK(series.buckets(Grain::kMinute).at(9h + 30min).count == 1);
  CHECK(series.buckets(Grain::kHour).size() == 1);
  CHECK(series.buckets(Grain::kHour).at(7h).most == 2);
}

TEST_CASE("no grain holds more buckets than its bound, whatever comes") {
  std::mt19937_64 random(Catch::rngSeed());
  Series<GaugeBucket> series(smallBounds());
  for (int i = 0; i < 20'000; ++i) {
    series.add(Microseconds(random() % 1'000'000'000'000), 1);
    if (i % 1000 == 0) series.tend(Microseconds(random() % 1'000'000'000'000));
    REQUIRE(series.buckets(Grain::kSecond).size() <= 100);
    REQUIRE(series.buckets(Grain::kMinute).size() <= 90);
    REQUIRE(series.buckets(Grain::kHour).size() <= 10);
  }
}

TEST_CASE("the same numbers of a gauge come out whatever the order of samples and folds") { checkOrder<GaugeBucket>(); }

TEST_CASE("the same numbers of a counter come out whatever the order of samples and folds") {
  checkOrder<CounterBucket>();
}

TEST_CASE("nothing is lost or counted twice on the way from seconds to hours") {
  std::mt19937_64 random(Catch::rngSeed());
  const std::vector<Sample> samples = someHours(random, 2000);
  Series<GaugeBucket> series({{5min, 100}, {3h, 90}, {24h * 365, 10'000}});
  GaugeBucket all;
  for (const Sample& sample : samples) {
    series.add(sample.at, sample.value);
    series.tend(sample.at);
    all.fold(GaugeBucket::of(sample.at, sample.value));
  }
  GaugeBucket kept;
  Microseconds before = Microseconds::min();
  for (const Grain grain : {Grain::kHour, Grain::kMinute, Grain::kSecond}) {
    for (const auto& [start, bucket] : series.buckets(grain)) {
      CHECK(start >= before);  // no two speak of the same time
      before = start + lengthOf(grain);
      kept.fold(bucket);
    }
  }
  CHECK(kept == all);
}

TEST_CASE("a sum that does not fit gives no mean, in any order") {
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max() - 1;
  GaugeBucket one = GaugeBucket::of(0s, huge), other = GaugeBucket::of(0s, 5);
  CHECK(one.mean());
  other.fold(one);
  one.fold(GaugeBucket::of(0s, 5));
  CHECK(one == other);
  CHECK_FALSE(one.mean());
  CHECK(one.most == huge);
}
