// What an agent says that calls to models used, from JSON that may be anything. What is not known, or can be no such
// number, is absent, never 0. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/agent/agent.h"
#include "sdk/base/units.h"

namespace ringfence::hook {

// As the daemon takes them; more is refused.
inline constexpr std::uint64_t kMaxTokens = 1'000'000'000'000;
inline constexpr double kMaxCostUsd = 1'000'000;
// Of an event that holds a whole conversation.
inline constexpr Bytes kMaxTold{16 << 20};

// A whole number from 0 to kMaxTokens.
std::optional<std::uint64_t> tokensAt(const nlohmann::json& object, const char* name);
// The sum of those that are there; nothing: none is, or it would be too much.
std::optional<std::uint64_t> tokensOf(std::initializer_list<std::optional<std::uint64_t>> parts);
std::optional<double> costAt(const nlohmann::json& object, const char* name);
// The name of a model, cut as a report takes it; empty: it is not known.
std::string modelNamed(std::string_view name);
// The same for the same call to a model, so that it is counted once, and for no other.
std::string reportId(std::string_view agent, std::string_view call);

// The name of an event of any length, of which the end may be missing. Empty: it has none.
std::string nameOfEvent(std::string_view bytes);
// What Gemini CLI's AfterModel tells of one answer of a model, with its last piece: it is told of each piece, with sums
// so far. Nothing: it is another piece, or tells no numbers.
std::optional<AgentUsage> usageAfterModel(std::string_view bytes);

}  // namespace ringfence::hook
