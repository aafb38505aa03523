// A line of TOML cut into what an editor colours. Pure. Not a parser: what a policy means, and what is wrong with it,
// is said by the checker alone.
#pragma once

#include <QString>
#include <vector>

namespace ringfence::ui {

enum class TomlToken { kComment, kTable, kKey, kString, kNumber, kWord };

struct TomlSpan {
  int start = 0, length = 0;
  TomlToken token = TomlToken::kComment;
  bool operator==(const TomlSpan&) const = default;
};
// Between lines: whether a string of several lines goes on.
enum class TomlState { kNothing = 0, kBasicString = 1, kLiteralString = 2 };

std::vector<TomlSpan> tomlSpans(const QString& line, TomlState& state);

}  // namespace ringfence::ui
