// Where something stands in a policy text, precise enough for a caret. Internal to policy/.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/document.h"

namespace ringfence::policy {

// Lines and columns from 1, in characters; length in characters, at least 1.
struct Mark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 1;
};

struct Place {
  Origin origin;
  std::uint32_t column = 0;
  std::uint32_t length = 1;
  std::uint32_t textColumn = 1;  // of the first character of origin.text
  bool operator==(const Place&) const = default;
};

// The text of one file cut into lines, to quote from.
class SourceLines {
 public:
  SourceLines(std::string file, std::string_view text);
  const std::string& file() const { return file_; }
  // Line `number`, from 1, without its end of line; empty when there is none.
  std::string line(std::uint32_t number) const;
  // Quotes the line, of a long one the surroundings of the mark: a line that is quoted for each of its entries would
  // otherwise cost its length squared.
  Place place(const Mark& mark) const;

 private:
  std::string file_;
  std::vector<std::string> lines_;
  // Of long lines by number: the byte at which every kStride-th character begins.
  std::map<std::uint32_t, std::vector<std::size_t>> starts_;
};

Diagnostic errorAt(const Place& place, std::string message, std::string help = {});
// About the whole file.
Diagnostic errorIn(const std::string& file, std::string message, std::string help = {});

// `name` in backquotes, escaped for display and cut when it is very long: it comes from the file.
std::string quoteName(std::string_view name);
// "did you mean `x`?" for the nearest candidate, or empty.
std::string suggest(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace ringfence::policy
