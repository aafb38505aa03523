#include "ui/shared/usage_stack.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace ringfence::ui {
namespace {

// What part of the whole each band has.
std::vector<double> sharesOf(const std::vector<Band>& bands) {
  std::vector<double> sums;
  double all = 0;
  for (const Band& band : bands) {
    double sum = 0;
    for (const auto& value : band.values) sum += value.value_or(0);
    sums.push_back(sum);
    all += sum;
  }
  for (double& sum : sums) sum = all > 0 ? sum / all : 0;
  return sums;
}

}  // namespace

std::vector<std::size_t> greatestOf(const std::vector<Band>& one, const std::vector<Band>& other, std::size_t most) {
  std::vector<double> shares = sharesOf(one);
  const std::vector<double> more = sharesOf(other);
  for (std::size_t i = 0; i < shares.size(); ++i) shares[i] += i < more.size() ? more[i] : 0;
  std::vector<std::size_t> places(shares.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::ranges::stable_sort(places, std::greater(), [&](std::size_t place) { return shares[place]; });
  if (places.size() > most) places.resize(most);
  std::ranges::sort(
      places, [&](std::size_t a, std::size_t b) { return std::pair(one[a].name, a) < std::pair(one[b].name, b); });
  return places;
}

std::vector<Band> stackOf(std::vector<Band> bands, const std::vector<std::size_t>& places, const QString& others) {
  std::size_t longest = 0;
  for (const Band& band : bands) longest = std::max(longest, band.values.size());
  for (Band& band : bands) band.values.insert(band.values.begin(), longest - band.values.size(), std::nullopt);
  Band rest{others, std::vector<std::optional<double>>(longest)};
  for (std::size_t i = 0; i < bands.size(); ++i) {
    if (std::ranges::find(places, i) != places.end()) continue;
    for (std::size_t at = 0; at < longest; ++at) {
      if (bands[i].values[at]) rest.values[at] = rest.values[at].value_or(0) + *bands[i].values[at];
    }
  }
  std::vector<Band> stack;
  for (const std::size_t place : places) stack.push_back(std::move(bands[place]));
  if (places.size() < bands.size()) stack.push_back(std::move(rest));
  return stack;
}

}  // namespace ringfence::ui
