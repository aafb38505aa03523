#include "supervisor/prices.h"

#include <fcntl.h>

#include <algorithm>

#include "policy/parse.h"
#include "policy/path_set.h"
#include "policy/scalars.h"
#include "sdk/base/io.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::size_t kMaxPrices = 4096;
constexpr std::size_t kMaxPattern = 128;

using Wide = unsigned __int128;

std::optional<std::uint64_t> priceIn(const policy::Table& table, std::string_view key) {
  for (const policy::Entry& entry : table) {
    const auto* text = std::get_if<std::string>(&entry.value.content);
    if (entry.key != key || text == nullptr) continue;
    // What runs on one's own machine may cost nothing.
    if (*text == "$0" || *text == "$0.00") return 0;
    const auto parsed = policy::parseMoney(*text);
    return parsed ? std::optional(*parsed) : std::nullopt;
  }
  return std::nullopt;
}

std::size_t lettersOf(std::string_view pattern) {
  return pattern.size() - static_cast<std::size_t>(std::ranges::count(pattern, '*'));
}

const ListPrice* bestOf(const std::vector<ListPrice>& prices, std::string_view model) {
  const ListPrice* best = nullptr;
  for (const ListPrice& one : prices) {
    if (!policy::matchesName(one.pattern, model)) continue;
    if (best == nullptr || lettersOf(one.pattern) > lettersOf(best->pattern)) best = &one;
  }
  return best;
}

}  // namespace

std::variant<PriceTable, policy::Diagnostic> PriceTable::parse(const policy::SourceText& source) {
  const policy::SourceLines lines(source.file, source.text);
  const auto wrong = [&](const policy::Mark& mark, std::string message) {
    return policy::errorAt(lines.place(mark), std::move(message));
  };
  auto parsed = policy::parseToml(source, lines);
  if (auto* error = std::get_if<policy::Diagnostic>(&parsed)) return std::move(*error);
  std::vector<ListPrice> prices;
  for (const policy::Entry& entry : std::get<policy::Table>(parsed)) {
    if (entry.key == "dated" && std::holds_alternative<std::string>(entry.value.content)) continue;
    const auto* models = std::get_if<policy::Table>(&entry.value.content);
    if (entry.key != "models" || models == nullptr)
      return wrong(entry.keyMark, "a file of prices has `dated = \"…\"` and a table [models], nothing else");
    for (const policy::Entry& line : *models) {
      const auto* both = std::get_if<policy::Table>(&line.value.content);
      const auto input = both == nullptr ? std::nullopt : priceIn(*both, "input");
      const auto output = both == nullptr ? std::nullopt : priceIn(*both, "output");
      if (!input || !output || both->size() != 2 || line.key.size() > kMaxPattern || prices.size() == kMaxPrices) {
        return wrong(line.keyMark, policy::quoteName(line.key) +
                                       " needs { input = \"$3.00\", output = \"$15.00\" }, for a million tokens");
      }
      prices.push_back({line.key, *input, *output});
    }
  }
  PriceTable table;
  table.layers_.push_back(std::move(prices));
  return table;
}

void PriceTable::overlay(const PriceTable& stronger) {
  layers_.insert(layers_.begin(), stronger.layers_.begin(), stronger.layers_.end());
}

std::optional<std::uint64_t> PriceTable::costOf(std::string_view model, std::uint64_t inputTokens,
                                                std::uint64_t outputTokens) const {
  if (model.empty()) return std::nullopt;
  for (const std::vector<ListPrice>& layer : layers_) {
    const ListPrice* price = bestOf(layer, model);
    if (price == nullptr) continue;
    const Wide total = Wide{inputTokens} * price->inputMicroUsd + Wide{outputTokens} * price->outputMicroUsd;
    const Wide cost = (total + kMillion - 1) / kMillion;
    return cost > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(cost);
  }
  return std::nullopt;
}

void PriceTable::estimate(ModelUsage& usage) const {
  if (usage.costMicroUsd || usage.inputTokens + usage.outputTokens == 0) return;
  usage.estimatedMicroUsd = costOf(usage.model, usage.inputTokens, usage.outputTokens);
  if (!usage.estimatedMicroUsd) usage.unpriced = usage.reports;
}

std::vector<std::string> PriceFiles::look() {
  std::vector<std::string> lines;
  known_.resize(files_.size());
  bool changed = false;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    auto text = readFileAt(AT_FDCWD, files_[i], Bytes{policy::kMaxPolicyBytes});
    if (!text && text.error().code == ErrorCode::kNotFound) {
      changed = changed || known_[i];
      known_[i].reset();
      continue;
    }
    const std::string now = text ? *text : text.error().message;
    if (known_[i] && known_[i]->text == now) continue;
    if (!known_[i]) known_[i].emplace();
    known_[i]->text = now;
    if (!text) {
      lines.push_back(text.error().message + "; prices that were read from it before stay in force");
      continue;
    }
    auto parsed = PriceTable::parse({.file = files_[i], .text = now});
    if (const auto* wrong = std::get_if<policy::Diagnostic>(&parsed)) {
      lines.push_back(policy::renderText({*wrong}) + "prices that were read from it before stay in force");
      continue;
    }
    known_[i]->table = std::get<PriceTable>(std::move(parsed));
    changed = true;
  }
  if (!changed) return lines;
  inForce_ = {};
  for (const std::optional<Known>& one : known_)
    if (one) inForce_.overlay(one->table);
  return lines;
}

std::vector<std::string> priceFilesBeside(const std::vector<std::string>& policyDirectories) {
  std::vector<std::string> files;
  for (const std::string& directory : policyDirectories) {
    std::string file = directory.substr(0, directory.rfind('/')) + "/prices.toml";
    if (std::ranges::find(files, file) == files.end()) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace ringfence::supervisor
