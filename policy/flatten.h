// A Document as a list of keys and values, for people (`policy show`), comparison (`policy diff`) and the hash. Pure.
#pragma once

#include <string>
#include <vector>

#include "policy/document.h"

namespace ringfence::policy {

enum class ValueShape { kScalar, kEntry };

struct FlatValue {
  std::string key;                         // "limits.memory"
  std::string value;                       // as TOML: "\"6GiB\"", "512", "{ host = \"example.org\" }"
  ValueShape shape = ValueShape::kScalar;  // kEntry: one of a list
  Origin origin;                           // empty file: the built-in default
};

// Every value of the document, in the order of the table of keys; a list gives one FlatValue for each entry.
std::vector<FlatValue> flatten(const Document& document);

// The document as TOML that decodes to the same document. With origins: "# FILE:LINE" behind each value.
enum class ShowOrigins { kNo, kYes };
std::string renderToml(const Document& document, ShowOrigins origins);
// {"name","hash","values":[{"key","value","file","line"}]}; file null for defaults.
std::string renderDocumentJson(const Document& document);

// A string in quotes as TOML reads it; what could act on a terminal is written as \UXXXXXXXX.
std::string quoteToml(const std::string& text);

}  // namespace ringfence::policy
