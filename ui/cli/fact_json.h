// What is in the facts of the log, as their JSON has it: a text that is not UTF-8 is {"base64": …} there. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace ringfence::cli {

// As it is, or the bytes that were no text. Absent: it is neither.
std::optional<std::string> factText(const nlohmann::json& value);
// Of that field; empty where it is not there, or neither.
std::string textOf(const nlohmann::json& object, const char* name);
std::uint64_t numberOf(const nlohmann::json& object, const char* name, std::uint64_t absent = 0);

}  // namespace ringfence::cli
