#include "sdk/rpc/used.h"

#include <algorithm>
#include <cmath>

#include "sdk/hook/usage.h"
#include "sdk/rpc/outline.h"

namespace ringfence::rpc {
namespace {

using hook::tokensAt;
using nlohmann::json;

// More than an agent has at once. Of those beyond nothing is known, and nothing reported.
constexpr std::size_t kMaxModels = 32, kMaxThreads = 256, kMaxTurns = 4096;

const json* objectAt(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? &*found : nullptr;
}

// What comes on top of what is known; all of it when the counting began anew.
std::uint64_t beyond(std::uint64_t now, std::uint64_t before, bool isAnew) { return isAnew ? now : now - before; }

// Differences of decimal fractions are none: a millionth is the least that is told.
std::optional<double> costBeyond(double now, double before) {
  const double rounded = std::round((now - before) * 1e6) / 1e6;
  return rounded >= 0 ? std::optional(rounded) : std::nullopt;
}

}  // namespace

std::vector<AgentUsage> ClaudeUsed::take(const json& result) {
  const std::string session = textAt(result, "session_id");
  if (const json* models = objectAt(result, "modelUsage")) return takeModels(*models, session);
  const auto used = takeWhole(result, session);
  return used ? std::vector{*used} : std::vector<AgentUsage>();
}

std::vector<AgentUsage> ClaudeUsed::takeModels(const json& models, const std::string& session) {
  std::vector<AgentUsage> all;
  for (const auto& [name, told] : models.items()) {
    if (!told.is_object() || (known_.size() >= kMaxModels && !known_.contains(name))) continue;
    const auto read = tokensAt(told, "cacheReadInputTokens"), written = tokensAt(told, "cacheCreationInputTokens");
    const auto input = hook::tokensOf({tokensAt(told, "inputTokens"), read, written});
    const auto output = tokensAt(told, "outputTokens");
    if (!input || !output) continue;
    const auto cost = hook::costAt(told, "costUSD");
    Sums& before = known_[name];
    const bool isAnew = *input < before.input || *output < before.output;
    AgentUsage used;
    used.model = hook::modelNamed(name);
    used.inputTokens = beyond(*input, before.input, isAnew);
    used.outputTokens = beyond(*output, before.output, isAnew);
    if (cost) used.costUsd = costBeyond(*cost, isAnew ? 0 : before.costUsd);
    const std::uint64_t cached = read.value_or(0);
    if (isAnew || cached >= before.cached) used.counters["cached_input_tokens"] = beyond(cached, before.cached, isAnew);
    used.id =
        hook::reportId("claude", session + "|" + name + "|" + std::to_string(*input) + "|" + std::to_string(*output));
    before = {*input, *output, cached, cost.value_or(before.costUsd)};
    if (used.inputTokens + used.outputTokens > 0) all.push_back(std::move(used));
  }
  return all;
}

// Of an older one, which tells this turn's tokens and the cost so far.
std::optional<AgentUsage> ClaudeUsed::takeWhole(const json& result, const std::string& session) {
  const json* told = objectAt(result, "usage");
  if (told == nullptr) return std::nullopt;
  const auto input = hook::tokensOf({tokensAt(*told, "input_tokens"), tokensAt(*told, "cache_read_input_tokens"),
                                     tokensAt(*told, "cache_creation_input_tokens")});
  const auto output = tokensAt(*told, "output_tokens");
  const std::string turn = textAt(result, "uuid");
  if (!input || !output || *input + *output == 0) return std::nullopt;
  AgentUsage used;
  used.inputTokens = *input;
  used.outputTokens = *output;
  const auto cost = hook::costAt(result, "total_cost_usd");
  if (cost) used.costUsd = costBeyond(*cost, costUsd_);
  costUsd_ = cost.value_or(costUsd_);
  used.id = hook::reportId("claude", session + "|" + turn + "|" + std::to_string(*input) + "|" +
                                         std::to_string(*output) + "|" + std::to_string(costUsd_));
  return used;
}

void CodexUsed::threadIs(const std::string& thread, const std::string& model) {
  if (models_.size() < kMaxThreads || models_.contains(thread)) models_[thread] = model;
}

void CodexUsed::turnBegan(const std::string& turn) {
  if (!turn.empty() && turns_.size() < kMaxTurns) turns_.insert(turn);
}

std::optional<CodexUsed::Sums> CodexUsed::sumsIn(const json& usage, const char* name) {
  const json* told = objectAt(usage, name);
  if (told == nullptr) return std::nullopt;
  const auto input = tokensAt(*told, "inputTokens"), output = tokensAt(*told, "outputTokens");
  if (!input || !output) return std::nullopt;
  return Sums{*input, *output, tokensAt(*told, "cachedInputTokens").value_or(0),
              tokensAt(*told, "reasoningOutputTokens").value_or(0)};
}

bool CodexUsed::isBehind(const Sums& sums, const Sums& before) {
  return sums.input < before.input || sums.output < before.output || sums.cached < before.cached ||
         sums.reasoning < before.reasoning;
}

std::optional<AgentUsage> CodexUsed::take(const json& params) {
  const std::string thread = textAt(params, "threadId"), turn = textAt(params, "turnId");
  const json* usage = objectAt(params, "tokenUsage");
  const auto total = usage != nullptr ? sumsIn(*usage, "total") : std::nullopt;
  if (!total || (known_.size() >= kMaxThreads && !known_.contains(thread))) return std::nullopt;
  const auto before = known_.find(thread);
  std::optional<Sums> added;
  if (before != known_.end() && !isBehind(*total, before->second))
    added = Sums{total->input - before->second.input, total->output - before->second.output,
                 total->cached - before->second.cached, total->reasoning - before->second.reasoning};
  else if (turns_.contains(turn))
    added = sumsIn(*usage, "last");
  known_[thread] = *total;
  if (!added || added->input + added->output == 0) return std::nullopt;
  AgentUsage used;
  if (const auto model = models_.find(thread); model != models_.end()) used.model = hook::modelNamed(model->second);
  used.inputTokens = added->input;
  used.outputTokens = added->output;
  used.counters = {{"cached_input_tokens", added->cached}, {"reasoning_output_tokens", added->reasoning}};
  used.id = hook::reportId(
      "codex", thread + "|" + turn + "|" + std::to_string(total->input) + "|" + std::to_string(total->output));
  return used;
}

std::vector<AgentUsage> AcpUsed::take(const json& result) {
  const json* meta = result.is_object() ? objectAt(result, "_meta") : nullptr;
  const json* quota = meta != nullptr ? objectAt(*meta, "quota") : nullptr;
  const auto models = quota != nullptr ? quota->find("model_usage") : json::const_iterator();
  if (quota == nullptr || models == quota->end() || !models->is_array()) return {};
  const std::string answer = std::to_string(++answers_);
  std::vector<AgentUsage> all;
  for (const json& told : *models) {
    if (all.size() == kMaxModels) break;
    const json* tokens = told.is_object() ? objectAt(told, "token_count") : nullptr;
    const auto input = tokens != nullptr ? tokensAt(*tokens, "input_tokens") : std::nullopt;
    const auto output = tokens != nullptr ? tokensAt(*tokens, "output_tokens") : std::nullopt;
    if (!input || !output || *input + *output == 0) continue;
    AgentUsage used;
    used.model = hook::modelNamed(textAt(told, "model"));
    used.inputTokens = *input;
    used.outputTokens = *output;
    used.id = hook::reportId("acp", answer + "|" + std::to_string(all.size()));
    all.push_back(std::move(used));
  }
  return all;
}

}  // namespace ringfence::rpc
