#include "policy/place.h"

#include <algorithm>

#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

// A quoted line or name longer than this says nothing more to a person, and would fill their terminal.
constexpr std::size_t kMaxQuoted = 200;
// Of a longer line the stride of the mark is quoted with one stride before and one behind it: more than is ever shown.
constexpr std::size_t kStride = 256;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::vector<std::size_t> strideStarts(std::string_view line) {
  std::vector<std::size_t> starts;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if ((line[i] & 0xc0) != 0x80 && characters++ % kStride == 0) starts.push_back(i);
  }
  return starts;
}

}  // namespace

SourceLines::SourceLines(std::string file, std::string_view text) : file_(std::move(file)) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines_.emplace_back(line);
    if (line.size() > 3 * kStride) starts_[static_cast<std::uint32_t>(lines_.size())] = strideStarts(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

std::string SourceLines::line(std::uint32_t number) const {
  return number == 0 || number > lines_.size() ? std::string() : lines_[number - 1];
}

Place SourceLines::place(const Mark& mark) const {
  Place place{.origin = {.file = file_, .line = mark.line, .text = {}},
              .column = mark.column,
              .length = mark.length == 0 ? 1 : mark.length};
  const auto found = starts_.find(mark.line);
  if (found == starts_.end() || found->second.empty()) {
    place.origin.text = line(mark.line);
    return place;
  }
  const std::vector<std::size_t>& starts = found->second;
  const std::size_t stride =
      std::min<std::size_t>((mark.column == 0 ? 0 : mark.column - 1) / kStride, starts.size() - 1);
  const std::size_t first = stride == 0 ? 0 : stride - 1;
  const std::string& text = lines_[mark.line - 1];
  const std::size_t end = stride + 2 < starts.size() ? starts[stride + 2] : text.size();
  place.origin.text = text.substr(starts[first], end - starts[first]);
  place.textColumn = static_cast<std::uint32_t>(first * kStride + 1);
  return place;
}

Diagnostic errorAt(const Place& place, std::string message, std::string help) {
  return {.severity = Severity::kError,
          .file = place.origin.file,
          .line = place.origin.line,
          .column = place.column,
          .length = place.length,
          .message = std::move(message),
          .help = std::move(help),
          .sourceLine = place.origin.text,
          .sourceColumn = place.textColumn};
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
