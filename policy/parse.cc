#include "policy/parse.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 16
#define TOML_ENABLE_FORMATTERS 0
// Some assertions of toml++ fail for texts that its parser refuses properly a few lines later ("[" and a control
// character). Policy texts come from any user, so none may abort; and under NDEBUG the same conditions would become
// assumptions of the optimizer, so that is off here too. tests/fuzz/policy_fuzzer.cc watches what is left.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)

// Its tables of white space call each character that is none of theirs unreachable; "no" is what they mean.
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE __builtin_unreachable()
#include <toml++/toml.h>

#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

// toml++ recurses once for each part of a dotted key when it destroys a tree, and does not bound them.
constexpr int kMaxDotsInKey = 24;

// Walks over the text as a TOML reader does (strings and comments skipped), finds a key of too many parts and counts
// what begins a key, a table or an entry. In time with the text, whatever the text is.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::size_t pieces() const { return pieces_; }
  void goOn() { dots_ = 0; }

  // From where it stands; stops at such a key.
  std::optional<Mark> findTooDeep() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        skipString(c);
      } else {
        count(c);
        ++at_;
      }
      if (dots_ > kMaxDotsInKey) return Mark{.line = line_, .column = 1};
    }
    return std::nullopt;
  }

 private:
  void count(char c) {
    if (c == '.') ++dots_;
    if (c == '=' || c == ',' || c == '[' || c == '{') ++pieces_;
    if (c == '\n') ++line_;
    if (c == '\n' || c == '=' || c == ',' || c == '{' || c == '}' || c == '[' || c == ']') dots_ = 0;
  }

  void skipString(char quote) {
    const std::string triple(3, quote);
    const bool multiline = text_.substr(at_, 3) == triple;
    at_ += multiline ? 3 : 1;
    while (at_ < text_.size()) {
      if (multiline ? text_.substr(at_, 3) == triple : text_[at_] == quote || text_[at_] == '\n') break;
      if (text_[at_] == '\n') ++line_;
      at_ += text_[at_] == '\\' && quote == '"' ? 2 : 1;
    }
    at_ = std::min(at_ + (multiline ? 3 : text_.size() > at_ && text_[at_] == '\n' ? 0 : 1), text_.size());
    // The last of up to five quotes ends it.
    for (int more = 0; multiline && more < 2 && at_ < text_.size() && text_[at_] == quote; ++more) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  int dots_ = 0;
  std::size_t pieces_ = 0;
};

std::uint32_t characterCount(std::string_view text) {
  return static_cast<std::uint32_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

class Converter {
 public:
  explicit Converter(const SourceLines& lines) : lines_(lines) {}

  Table convert(const toml::table& table) {
    Table entries;
    for (auto&& [key, node] : table) {
      const Mark keyMark = markOf(key.source());
      Value value = convert(node);
      // A table by header or dotted key begins where its key does.
      const auto* child = node.as_table();
      value.dotted = child != nullptr && !child->is_inline();
      entries.push_back({.key = std::string(key.str()), .keyMark = keyMark, .value = std::move(value)});
    }
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.keyMark.line, a.keyMark.column) < std::pair(b.keyMark.line, b.keyMark.column);
    });
    return entries;
  }

  const std::optional<Diagnostic>& failure() const { return failure_; }

 private:
  Value convert(const toml::node& node) {
    Value value;
    value.mark = markOf(node.source());
    if (const auto* text = node.as_string()) {
      value.content = text->get();
    } else if (const auto* number = node.as_integer()) {
      value.content = number->get();
    } else if (const auto* flag = node.as_boolean()) {
      value.content = flag->get();
    } else if (const auto* table = node.as_table()) {
      value.content = convert(*table);
    } else if (const auto* array = node.as_array()) {
      value.content = convertArray(*array, value.mark);
    }
    return value;
  }

  Array convertArray(const toml::array& array, const Mark& mark) {
    Array elements;
    if (array.size() > kMaxListLength) {
      if (!failure_) {
        failure_ = errorAt(lines_.place(mark), "a list of " + std::to_string(array.size()) + " entries is too long",
                           "at most " + std::to_string(kMaxListLength));
      }
      return elements;
    }
    elements.reserve(array.size());
    for (const toml::node& element : array) elements.push_back(convert(element));
    return elements;
  }

  Mark markOf(const toml::source_region& region) const {
    Mark mark{.line = region.begin.line, .column = region.begin.column, .length = 1};
    if (region.end.line == region.begin.line) {
      mark.length = region.end.column > region.begin.column ? region.end.column - region.begin.column : 1;
    } else {
      const std::uint32_t width = characterCount(lines_.line(mark.line));
      mark.length = width >= mark.column ? width - mark.column + 1 : 1;
    }
    return mark;
  }

  const SourceLines& lines_;
  std::optional<Diagnostic> failure_;
};

// toml++ says what it was doing first; a person wants what is wrong.
std::string plainDescription(std::string_view description) {
  if (description.starts_with("Error while parsing ")) {
    const std::size_t colon = description.find(": ");
    if (colon != std::string_view::npos) description.remove_prefix(colon + 2);
  }
  const std::size_t macro = description.find(" (TOML_");
  std::string text = escapeForDisplay(description.substr(0, macro));
  // The description already shows control characters escaped; do not escape the backslash again.
  for (std::size_t at = text.find("\\\\"); at != std::string::npos; at = text.find("\\\\", at + 1)) text.erase(at, 1);
  return text;
}

// "cannot redefine existing string 'limits.memory'" is found after the key was read: point at the key instead.
Diagnostic duplicateKey(std::string_view description, Mark mark, const SourceLines& lines) {
  const std::size_t open = description.find('\'');
  const std::size_t close = description.rfind('\'');
  const std::string_view dotted = close > open ? description.substr(open + 1, close - open - 1) : std::string_view();
  const std::string_view key = dotted.substr(dotted.rfind('.') + 1);
  const std::string line = lines.line(mark.line);
  std::size_t bytes = 0;
  for (std::uint32_t column = 1; bytes < line.size() && column < mark.column; ++column) {
    do ++bytes;
    while (bytes < line.size() && (line[bytes] & 0xc0) == 0x80);
  }
  std::size_t found = key.empty() ? std::string::npos : line.rfind(key, bytes);
  if (found == std::string::npos && !key.empty()) found = line.find(key);
  if (found != std::string::npos) {
    mark.column = characterCount(std::string_view(line).substr(0, found)) + 1;
    mark.length = characterCount(key);
  }
  const bool table = description.find("existing table") != std::string_view::npos;
  return errorAt(lines.place(mark), std::string(table ? "duplicate table " : "duplicate key ") + quoteName(dotted),
                 "defined above already");
}

Diagnostic syntaxError(const toml::parse_error& error, const SourceLines& lines) {
  const std::string_view description = error.description();
  Mark mark{.line = error.source().begin.line, .column = error.source().begin.column, .length = 1};
  if (description.find("cannot redefine existing") != std::string_view::npos)
    return duplicateKey(description, mark, lines);
  if (description.find("unescaped control characters") != std::string_view::npos &&
      mark.column > characterCount(lines.line(mark.line))) {
    return errorAt(lines.place(mark), "not TOML: the string does not end on its line");
  }
  return errorAt(lines.place(mark), "not TOML: " + plainDescription(description));
}

}  // namespace

const char* kindName(const Value& value) {
  static constexpr const char* kNames[] = {
      "a date, time or fraction", "a string", "an integer", "true or false", "a list", "a table"};
  return kNames[value.content.index()];
}

std::size_t countPieces(std::string_view text) {
  Scan scan(text);
  while (scan.findTooDeep()) scan.goOn();
  return scan.pieces();
}

std::variant<Table, Diagnostic> parseToml(const SourceText& source, const SourceLines& lines) {
  if (source.text.size() > kMaxPolicyBytes) {
    return errorIn(source.file, "the file is too large for a policy",
                   "at most " + std::to_string(kMaxPolicyBytes / 1024) + " KiB");
  }
  Scan scan(source.text);
  if (const auto deep = scan.findTooDeep()) {
    return errorAt(lines.place(*deep), "a key of this many parts is too deep");
  }
  if (scan.pieces() > kMaxPieces) {
    return errorIn(source.file, "the file has too many keys and entries for a policy",
                   "at most " + std::to_string(kMaxPieces));
  }
  const toml::parse_result result = toml::parse(std::string_view(source.text), std::string_view(source.file));
  if (!result) return syntaxError(result.error(), lines);
  Converter converter(lines);
  Table table = converter.convert(result.table());
  if (converter.failure()) return *converter.failure();
  return table;
}

}  // namespace ringfence::policy
