// Pieces of OTLP/JSON: 64-bit numbers are text, names are in lower camel case, enums are numbers, ids are hexadecimal.
// Text of others is escaped as wherever it is shown. For otlp_*.cc alone.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sdk/base/clock.h"
#include "sdk/base/text.h"

namespace ringfence::cli::otlp {

using Json = nlohmann::ordered_json;

// Of `ringfence.usage.source`: who says how many tokens were used.
inline constexpr std::string_view kOfAgent = "agent", kOfEgress = "egress";

inline std::string nanos(Microseconds wall) { return std::to_string(wall.count() * 1000); }

inline Json attribute(std::string_view key, Json value) { return {{"key", key}, {"value", std::move(value)}}; }
inline Json text(std::string_view key, std::string_view value) {
  return attribute(key, {{"stringValue", escapeForDisplay(value)}});
}
inline Json number(std::string_view key, std::uint64_t value) {
  return attribute(key, {{"intValue", std::to_string(value)}});
}
inline Json flag(std::string_view key, bool value) { return attribute(key, {{"boolValue", value}}); }

// What every line says of who tells it, around its own list: "resourceSpans" with "scopeSpans" and "spans".
std::string envelope(std::string_view resource, std::string_view scope, std::string_view list, Json content);

}  // namespace ringfence::cli::otlp
