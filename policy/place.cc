#include "policy/place.h"

#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

// A quoted line or name longer than this says nothing more to a person, and would fill their terminal.
constexpr std::size_t kMaxQuoted = 200;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

SourceLines::SourceLines(std::string file, std::string_view text) : file_(std::move(file)) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines_.emplace_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

std::string SourceLines::line(std::uint32_t number) const {
  return number == 0 || number > lines_.size() ? std::string() : lines_[number - 1];
}

Place SourceLines::place(const Mark& mark) const {
  return {.origin = {.file = file_, .line = mark.line, .text = line(mark.line)},
          .column = mark.column,
          .length = mark.length == 0 ? 1 : mark.length};
}

Diagnostic errorAt(const Place& place, std::string message, std::string help) {
  return {.severity = Severity::kError,
          .file = place.origin.file,
          .line = place.origin.line,
          .column = place.column,
          .length = place.length,
          .message = std::move(message),
          .help = std::move(help),
          .sourceLine = place.origin.text};
}

Diagnostic errorIn(const std::string& file, std::string message, std::string help) {
  Diagnostic diagnostic;
  diagnostic.file = file;
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return diagnostic;
}

std::string quoteName(std::string_view name) {
  const bool cut = name.size() > kMaxQuoted;
  return "`" + escapeForDisplay(name.substr(0, kMaxQuoted)) + (cut ? "…`" : "`");
}

std::string suggest(std::string_view name, const std::vector<std::string_view>& candidates) {
  const auto nearest = nearestName(name, candidates);
  return nearest ? "did you mean " + quoteName(*nearest) + "?" : std::string();
}

}  // namespace ringfence::policy
