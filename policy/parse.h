// TOML text -> a tree of plain values that know where they stand. The only file that knows toml++ is parse.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/load.h"
#include "policy/place.h"

namespace ringfence::policy {

inline constexpr std::size_t kMaxPolicyBytes = 128 * 1024;
inline constexpr std::size_t kMaxListLength = 4096;
// Keys, tables and entries of lists in one text: what toml++ does for some of them takes longer the more there are.
inline constexpr std::size_t kMaxPieces = 8192;

struct Value;
struct Entry;
using Array = std::vector<Value>;
using Table = std::vector<Entry>;  // in the order of the text
struct Unused {};                  // dates, times and fractions: no key takes one

struct Value {
  std::variant<Unused, std::string, std::int64_t, bool, Array, Table> content;
  Mark mark;
  bool dotted = false;  // a table that stands for the first part of a dotted key or of a header
};

struct Entry {
  std::string key;
  Mark keyMark;
  Value value;
};

// "a string", "an integer", …: for messages.
const char* kindName(const Value& value);

// Keys, tables and entries of lists in a text, whether it is TOML or not. Takes time with its length.
std::size_t countPieces(std::string_view text);

// Fails with the first syntax error: text too large or not UTF-8, nesting too deep, duplicate key, list too long.
std::variant<Table, Diagnostic> parseToml(const SourceText& source, const SourceLines& lines);

}  // namespace ringfence::policy
