#include "ui/shared/toml_tokens.h"

namespace ringfence::ui {
namespace {

bool isBare(QChar c) { return c.isLetterOrNumber() || c == u'_' || c == u'-' || c == u'.'; }

// Behind the string that begins, or goes on, at `at`; the end of the line when it does not end there.
int endOfString(const QString& line, int at, QStringView quote, TomlState& state) {
  const bool isBasic = quote.front() == u'"';
  for (int i = at; i < line.size(); ++i) {
    if (isBasic && line[i] == u'\\') {
      ++i;
    } else if (QStringView(line).mid(i).startsWith(quote)) {
      state = TomlState::kNothing;
      return i + static_cast<int>(quote.size());
    }
  }
  if (quote.size() == 1) state = TomlState::kNothing;  // Broken: the next line is another one.
  return static_cast<int>(line.size());
}

QStringView quoteAt(const QString& line, int at) {
  const QStringView rest = QStringView(line).mid(at);
  for (const QStringView quote : {QStringView(u"\"\"\""), QStringView(u"'''"), QStringView(u"\""), QStringView(u"'")}) {
    if (rest.startsWith(quote)) return quote;
  }
  return {};
}

}  // namespace

std::vector<TomlSpan> tomlSpans(const QString& line, TomlState& state) {
  std::vector<TomlSpan> spans;
  int at = 0;
  if (state != TomlState::kNothing) {
    at = endOfString(line, 0, state == TomlState::kBasicString ? u"\"\"\"" : u"'''", state);
    spans.push_back({0, at, TomlToken::kString});
  }
  bool isValue = at > 0;
  while (at < line.size()) {
    const QChar c = line[at];
    if (c == u'#') {
      spans.push_back({at, static_cast<int>(line.size()) - at, TomlToken::kComment});
      break;
    }
    if (c == u'[' && !isValue && line.left(at).trimmed().isEmpty()) {
      const qsizetype end = line.indexOf(u']', at);
      qsizetype last = end < 0 ? line.size() : end + 1;
      if (last < line.size() && line[last] == u']') ++last;
      spans.push_back({at, static_cast<int>(last) - at, TomlToken::kTable});
      at = static_cast<int>(last);
      isValue = true;
    } else if (const QStringView quote = quoteAt(line, at); !quote.isEmpty()) {
      state = quote.front() == u'"' ? TomlState::kBasicString : TomlState::kLiteralString;
      const int end = endOfString(line, at + static_cast<int>(quote.size()), quote, state);
      spans.push_back({at, end - at, TomlToken::kString});
      at = end;
    } else if (isBare(c)) {
      int end = at;
      while (end < line.size() && isBare(line[end])) ++end;
      // A name is a key where "=" follows: also inside of { … }.
      int next = end;
      while (next < line.size() && line[next].isSpace()) ++next;
      const bool isKey = next < line.size() && line[next] == u'=';
      spans.push_back({at, end - at, isKey ? TomlToken::kKey : c.isDigit() ? TomlToken::kNumber : TomlToken::kWord});
      at = end;
    } else {
      isValue = isValue || c == u'=';
      ++at;
    }
  }
  return spans;
}

}  // namespace ringfence::ui
