#include "policy/diagnostic.h"

#include <algorithm>
#include <string_view>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxShownColumns = 160;

std::size_t sequenceLength(unsigned char lead) {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 1;
}

// The characters of a line, each printable and one column wide: what a terminal would act upon becomes '?', so that the
// caret below still points at the right one. Tabs stay, and are repeated in the caret line.
std::vector<std::string> printableCharacters(std::string_view line) {
  std::vector<std::string> characters;
  while (!line.empty()) {
    std::size_t length = std::min(sequenceLength(static_cast<unsigned char>(line.front())), line.size());
    if (!isValidUtf8(line.substr(0, length))) length = 1;
    const std::string_view character = line.substr(0, length);
    const bool plain = character == "\t" || character == "\\" || !needsEscaping(character);
    characters.emplace_back(plain ? character : "?");
    line.remove_prefix(length);
  }
  return characters;
}

std::string join(const std::vector<std::string>& characters, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) text += characters[i];
  return text;
}

// The line and the carets under it. A long line is cut around the token.
std::string renderSource(const Diagnostic& diagnostic, const std::string& gutter) {
  const std::vector<std::string> characters = printableCharacters(diagnostic.sourceLine);
  const std::size_t start = std::min<std::size_t>(
      diagnostic.column < diagnostic.sourceColumn ? 0 : diagnostic.column - diagnostic.sourceColumn, characters.size());
  const std::size_t from =
      start > kMaxShownColumns / 2 && characters.size() > kMaxShownColumns ? start - kMaxShownColumns / 2 : 0;
  const std::size_t to = std::min(characters.size(), from + kMaxShownColumns);
  const std::size_t carets =
      std::max<std::size_t>(1, std::min<std::size_t>(diagnostic.length, to > start ? to - start : 1));

  std::string padding = from > 0 ? "  " : "";
  for (std::size_t i = from; i < start; ++i) padding += characters[i] == "\t" ? '\t' : ' ';
  std::string text = gutter + " |\n";
  const std::string number = std::to_string(diagnostic.line);
  text += std::string(gutter.size() - number.size(), ' ') + number + " | " + (from > 0 ? "… " : "") +
          join(characters, from, to) + (to < characters.size() ? " …" : "") + "\n";
  text += gutter + " | " + padding + std::string(carets, '^');
  if (!diagnostic.help.empty()) text += " " + diagnostic.help;
  return text + "\n";
}

const char* severityName(Severity severity) { return severity == Severity::kError ? "error" : "warning"; }

}  // namespace

std::string renderText(const Diagnostic& diagnostic) {
  std::string text = std::string(severityName(diagnostic.severity)) + ": " + diagnostic.message + "\n";
  const std::string gutter(std::to_string(diagnostic.line).size() + 1, ' ');
  const std::string arrow = gutter + "--> " + escapeForDisplay(diagnostic.file);
  if (diagnostic.line == 0) {
    if (!diagnostic.file.empty()) text += arrow + "\n";
    if (!diagnostic.help.empty()) text += gutter + " = help: " + diagnostic.help + "\n";
    return text;
  }
  text += arrow + ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) + "\n";
  return text + renderSource(diagnostic, gutter);
}

std::string renderText(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!text.empty()) text += "\n";
    text += renderText(diagnostic);
  }
  return text;
}

std::string renderJson(const std::vector<Diagnostic>& diagnostics) {
  JsonWriter json;
  json.beginArray();
  for (const Diagnostic& diagnostic : diagnostics) {
    json.beginObject()
        .field("severity", severityName(diagnostic.severity))
        .untrustedField("file", diagnostic.file)
        .field("line", diagnostic.line)
        .field("column", diagnostic.column)
        .field("end_column", diagnostic.column + diagnostic.length)
        .field("message", diagnostic.message)
        .field("help", diagnostic.help)
        .endObject();
  }
  json.endArray();
  return std::move(json).take();
}

}  // namespace ringfence::policy
