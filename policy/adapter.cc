#include "policy/adapter.h"

#include <algorithm>
#include <string_view>

#include "policy/decode.h"
#include "policy/parse.h"
#include "policy/scalars.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxWords = 32;       // of one list
constexpr std::size_t kMaxWordBytes = 256;  // of one word
constexpr std::size_t kMaxFiles = 8;
constexpr std::size_t kMaxEvents = 16;
constexpr std::size_t kMaxEventBytes = 64;
constexpr std::uint64_t kMaxSilence = 86'400;
// A person who stops an agent waits for no longer.
constexpr std::uint64_t kMaxStopPatience = 60;
constexpr std::array<std::string_view, 4> kStopSignals{"HUP", "INT", "QUIT", "TERM"};
constexpr char kHookWord[] = "$HOOK";

// What a key holds. One row a key: the decoder, and the suggestion for a word that is none, go by it.
enum class KeyKind {
  kVersion,
  kName,
  kGroup,
  kBaseNames,
  kPathEnds,
  kWords,
  kAssignments,
  kEvents,
  kSilence,
  kSignal,
  kPatience,
  kFiles,
  kCredentials
};
struct AdapterKey {
  std::string_view name;
  KeyKind kind;
};
constexpr AdapterKey kKeys[] = {
    {"schema", KeyKind::kVersion},
    {"name", KeyKind::kName},
    {"match", KeyKind::kGroup},
    {"match.programs", KeyKind::kBaseNames},
    {"match.scripts", KeyKind::kPathEnds},
    {"match.packages", KeyKind::kWords},
    {"start", KeyKind::kGroup},
    {"start.arguments", KeyKind::kWords},
    {"start.environment", KeyKind::kAssignments},
    {"hook", KeyKind::kGroup},
    {"hook.events", KeyKind::kEvents},
    {"hook.silent_after", KeyKind::kSilence},
    {"stop", KeyKind::kGroup},
    {"stop.signal", KeyKind::kSignal},
    {"stop.patience", KeyKind::kPatience},
    {"file", KeyKind::kFiles},
    {"credential", KeyKind::kCredentials},
};

std::string_view leafOf(std::string_view name) { return name.substr(name.rfind('.') + 1); }

bool isPlainWord(const std::string& word) {
  return !word.empty() && word.size() <= kMaxWordBytes && word.find('\0') == std::string::npos;
}

// "a/b.json": nothing that leads elsewhere, and nothing that a reader would be deceived by.
bool isPlainPath(std::string_view path) {
  if (path.empty() || path.size() > kMaxWordBytes) return false;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, end - from);
    if (part.empty() || part == "." || part == "..") return false;
    from = end + 1;
  }
  return std::ranges::none_of(path, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

class AdapterDecoder {
 public:
  AdapterDecoder(const SourceLines& lines, Adapter& out) : complaints_(lines), out_(out) {}

  void run(const Table& table) {
    walk(table, "");
    if (!complaints_.isEmpty()) return;  // What is missing may be what was wrong.
    const Mark start{.line = 1, .column = 1, .length = 1};
    if (out_.programs.empty() && out_.scripts.empty() && out_.packages.empty())
      complaints_.add(start, "nothing says how the agent's command is known", "[match] programs = [\"…\"]");
    if (out_.hook && out_.hook->events.empty())
      complaints_.add(start, "a [hook] needs `events`: without them it is silent for ever");
    if (out_.hook && out_.hook->silentAfterSec == 0) complaints_.add(start, "a [hook] needs `silent_after`", "\"2m\"");
    if (!named_) complaints_.add(start, "an adapter needs `name`, that of its file");
    if (!versioned_) complaints_.add(start, "an adapter needs `schema = 1`");
  }
  std::vector<Diagnostic> takeErrors() { return std::move(complaints_).take(); }

 private:
  void walk(const Table& table, const std::string& prefix) {
    for (const Entry& entry : table) {
      if (complaints_.isFull()) return;
      const std::string dotted = prefix + entry.key;
      const auto* key = std::ranges::find(kKeys, std::string_view(dotted), &AdapterKey::name);
      if (key == std::end(kKeys) || entry.key.find('.') != std::string::npos)
        unknown(entry, prefix);
      else
        decode(*key, entry);
    }
  }

  void unknown(const Entry& entry, const std::string& prefix) {
    std::vector<std::string_view> siblings;
    std::string elsewhere;
    for (const AdapterKey& key : kKeys) {
      if (key.name.starts_with(prefix) && key.name.find('.', prefix.size()) == std::string_view::npos)
        siblings.push_back(leafOf(key.name));
      if (key.name.find('.') != std::string_view::npos && leafOf(key.name) == entry.key)
        elsewhere = key.name.substr(0, key.name.rfind('.'));
    }
    std::string help = suggest(entry.key, siblings);
    if (help.empty() && !elsewhere.empty()) help = quoteName(entry.key) + " belongs in [" + elsewhere + "]";
    const std::string where = prefix.empty() ? "" : " in [" + prefix.substr(0, prefix.size() - 1) + "]";
    complaints_.add(entry.keyMark, "unknown key " + quoteName(entry.key) + where, help);
  }

  void wrongType(const AdapterKey& key, const Value& value, const char* wanted) {
    complaints_.add(value.mark, "`" + std::string(key.name) + "` takes " + wanted + ", not " + kindName(value));
  }

  void decode(const AdapterKey& key, const Entry& entry) {
    const Value& value = entry.value;
    switch (key.kind) {
      case KeyKind::kVersion: return version(key, value);
      case KeyKind::kName: return name(key, value);
      case KeyKind::kGroup: return group(key, value);
      case KeyKind::kAssignments: return assignments(key, value);
      case KeyKind::kSilence:
        return duration(key, value, {kMaxSilence, "from a second to a day"}, out_.hook->silentAfterSec);
      case KeyKind::kPatience:
        return duration(key, value, {kMaxStopPatience, "from a second to a minute"}, out_.stop->patienceSec);
      case KeyKind::kSignal: return signal(key, value);
      case KeyKind::kFiles: return tables(key, value, "[[file]] tables", &AdapterDecoder::file);
      case KeyKind::kCredentials: return tables(key, value, "[[credential]] tables", &AdapterDecoder::credential);
      case KeyKind::kBaseNames:
      case KeyKind::kPathEnds:
      case KeyKind::kWords:
      case KeyKind::kEvents: return words(key, value);
    }
  }

  void version(const AdapterKey& key, const Value& value) {
    versioned_ = true;
    const auto* number = std::get_if<std::int64_t>(&value.content);
    if (number == nullptr) return wrongType(key, value, "the integer 1");
    if (*number != 1)
      complaints_.add(value.mark, "this build reads version 1 of the format, not " + std::to_string(*number));
  }

  void name(const AdapterKey& key, const Value& value) {
    named_ = true;
    const auto* text = std::get_if<std::string>(&value.content);
    if (text == nullptr) return wrongType(key, value, "the name of the adapter");
    if (!isPolicyName(*text) || *text == "none") {
      complaints_.add(value.mark, quoteName(*text) + " cannot be the name of an adapter",
                      "lower-case letters, digits, '.', '_' and '-', at most 64; not `none`");
    } else if (*text != out_.name) {
      complaints_.add(value.mark, quoteName(*text) + " is not the name of the file",
                      "the file of this name is " + *text + ".toml");
    }
  }

  void group(const AdapterKey& key, const Value& value) {
    const auto* table = std::get_if<Table>(&value.content);
    if (table == nullptr) return wrongType(key, value, "a table");
    if (key.name == "hook") out_.hook.emplace();
    if (key.name == "stop") out_.stop.emplace();
    walk(*table, std::string(key.name) + ".");
  }

  std::vector<std::string>& listOf(const AdapterKey& key) {
    if (key.name == "match.programs") return out_.programs;
    if (key.name == "match.scripts") return out_.scripts;
    if (key.name == "match.packages") return out_.packages;
    return key.kind == KeyKind::kEvents ? out_.hook->events : out_.arguments;
  }

  void words(const AdapterKey& key, const Value& value) {
    const auto* array = std::get_if<Array>(&value.content);
    if (array == nullptr) return wrongType(key, value, "a list of strings");
    const std::size_t most = key.kind == KeyKind::kEvents ? kMaxEvents : kMaxWords;
    if (array->size() > most)
      return complaints_.add(value.mark,
                             "`" + std::string(key.name) + "` has at most " + std::to_string(most) + " entries");
    for (const Value& element : *array) {
      const auto* text = std::get_if<std::string>(&element.content);
      if (text == nullptr) {
        wrongType(key, element, "strings");
      } else if (const char* wrong = whyNot(key, *text)) {
        complaints_.add(element.mark, quoteName(*text) + " cannot be in `" + std::string(key.name) + "`", wrong);
      } else {
        listOf(key).push_back(*text);
      }
    }
  }

  // Null: it may be in the list.
  static const char* whyNot(const AdapterKey& key, const std::string& text) {
    switch (key.kind) {
      case KeyKind::kBaseNames:
        return isPlainPath(text) && text.find('/') == std::string::npos
                   ? nullptr
                   : "the name of a program, without its directory";
      case KeyKind::kPathEnds:
        return isPlainPath(text) ? nullptr : "the last parts of a path, like \"codex/bin/codex.js\"";
      case KeyKind::kEvents:
        return isPlainPath(text) && text.size() <= kMaxEventBytes ? nullptr
                                                                  : "an event of the agent's own, of at most 64 bytes";
      default: return isPlainWord(text) ? nullptr : "1 to 256 bytes, and no NUL";
    }
  }

  struct Longest {
    std::uint64_t seconds;
    const char* words;
  };
  void duration(const AdapterKey& key, const Value& value, Longest longest, std::uint64_t& seconds) {
    const auto* text = std::get_if<std::string>(&value.content);
    if (text == nullptr) return wrongType(key, value, "a string like \"2m\"");
    const auto parsed = parseDuration(*text);
    if (parsed && *parsed >= 1 && *parsed <= longest.seconds) {
      seconds = *parsed;
    } else {
      complaints_.add(value.mark, quoteName(*text) + " is no value of `" + std::string(key.name) + "`",
                      parsed ? longest.words : parsed.error().message);
    }
  }

  void signal(const AdapterKey& key, const Value& value) {
    const auto* text = std::get_if<std::string>(&value.content);
    if (text == nullptr) return wrongType(key, value, "the name of a signal");
    if (std::ranges::find(kStopSignals, std::string_view(*text)) != kStopSignals.end()) {
      out_.stop->signal = *text;
    } else {
      complaints_.add(value.mark, quoteName(*text) + " is no value of `" + std::string(key.name) + "`",
                      "HUP, INT, QUIT or TERM");
    }
  }

  void assignments(const AdapterKey& key, const Value& value) {
    const auto* table = std::get_if<Table>(&value.content);
    if (table == nullptr) return wrongType(key, value, "a table of strings");
    for (const Entry& entry : *table) {
      const auto* text = std::get_if<std::string>(&entry.value.content);
      if (text == nullptr) {
        complaints_.add(entry.value.mark,
                        "a variable is set to a string, not to " + std::string(kindName(entry.value)));
      } else if (!isVariableName(entry.key) || entry.key.starts_with("RINGFENCE_")) {
        complaints_.add(entry.keyMark, quoteName(entry.key) + " cannot be the name of a variable here",
                        "letters, digits and _; not RINGFENCE_…");
      } else if (!isPlainWord(*text) && !text->empty()) {
        complaints_.add(entry.value.mark, "the value of a variable has at most 256 bytes here, and no NUL");
      } else {
        out_.environment.emplace_back(entry.key, *text);
      }
    }
  }

  void tables(const AdapterKey& key, const Value& value, const char* wanted,
              void (AdapterDecoder::*decodeOne)(const Table&, const Mark&)) {
    const auto* array = std::get_if<Array>(&value.content);
    if (array == nullptr) return wrongType(key, value, wanted);
    if (array->size() > kMaxFiles)
      return complaints_.add(value.mark, "an adapter has at most " + std::to_string(kMaxFiles) + " " + wanted);
    for (const Value& element : *array) {
      if (const auto* table = std::get_if<Table>(&element.content))
        (this->*decodeOne)(*table, element.mark);
      else
        wrongType(key, element, wanted);
    }
  }

  // False: told what is wrong.
  bool path(const Entry& entry, std::string& out, const char* example) {
    const auto* text = std::get_if<std::string>(&entry.value.content);
    const bool isPath = text != nullptr && isPlainPath(*text);
    if (isPath)
      out = *text;
    else
      complaints_.add(entry.value.mark, "`path` is a path below the home of the agent", example);
    return isPath;
  }

  void credential(const Table& table, const Mark& mark) {
    std::string file;
    for (const Entry& entry : table) {
      if (entry.key != "path")
        return complaints_.add(entry.keyMark, "unknown key " + quoteName(entry.key) + " in [[credential]]",
                               suggest(entry.key, {"path"}));
      if (!path(entry, file, "\".agent/auth.json\"")) return;
    }
    if (file.empty()) return complaints_.add(mark, "a [[credential]] needs `path`");
    out_.credentials.push_back(std::move(file));
  }

  void file(const Table& table, const Mark& mark) {
    AdapterFile file;
    for (const Entry& entry : table) {
      if (entry.key == "path") {
        if (!path(entry, file.path, "\".agent/settings.json\"")) return;
      } else if (entry.key == "merge" && std::holds_alternative<Table>(entry.value.content)) {
        JsonWriter json;
        write(entry.value, json);
        file.merge = std::move(json).take();
      } else if (entry.key == "merge") {
        complaints_.add(entry.value.mark, std::string("`merge` takes a table, not ") + kindName(entry.value));
        return;
      } else {
        complaints_.add(entry.keyMark, "unknown key " + quoteName(entry.key) + " in [[file]]",
                        suggest(entry.key, {"path", "merge"}));
        return;
      }
    }
    if (file.path.empty()) return complaints_.add(mark, "a [[file]] needs `path`");
    if (file.merge.empty()) return complaints_.add(mark, "a [[file]] needs `merge`");
    out_.files.push_back(std::move(file));
  }

  // The depth is the parser's.
  void write(const Value& value, JsonWriter& json) {
    if (const auto* text = std::get_if<std::string>(&value.content)) {
      json.value(*text);
    } else if (const auto* number = std::get_if<std::int64_t>(&value.content)) {
      json.value(*number);
    } else if (const auto* flag = std::get_if<bool>(&value.content)) {
      json.value(*flag);
    } else if (const auto* array = std::get_if<Array>(&value.content)) {
      json.beginArray();
      for (const Value& element : *array) write(element, json);
      json.endArray();
    } else if (const auto* table = std::get_if<Table>(&value.content)) {
      json.beginObject();
      for (const Entry& entry : *table) {
        json.key(entry.key);
        write(entry.value, json);
      }
      json.endObject();
    } else {
      complaints_.add(value.mark, "a file takes strings, integers, true, false, lists and tables");
      json.null();
    }
  }

  Complaints complaints_;
  Adapter& out_;
  bool named_ = false, versioned_ = false;
};

}  // namespace

std::variant<Adapter, std::vector<Diagnostic>> decodeAdapter(const SourceText& source) {
  const auto broken = [](Diagnostic error) { return std::vector<Diagnostic>{std::move(error)}; };
  if (!source.unreadable.empty()) return broken(errorIn(source.file, escapeForDisplay(source.unreadable)));
  const SourceLines lines(source.file, source.text.size() > kMaxPolicyBytes ? std::string_view() : source.text);
  auto parsed = parseToml(source, lines);
  if (auto* error = std::get_if<Diagnostic>(&parsed)) return broken(std::move(*error));
  Adapter adapter;
  adapter.file = source.file;
  adapter.name = nameOfFile(source.file);
  adapter.summary = firstComment(source.text);
  AdapterDecoder decoder(lines, adapter);
  decoder.run(std::get<Table>(parsed));
  std::vector<Diagnostic> errors = decoder.takeErrors();
  if (!errors.empty()) return errors;
  return adapter;
}

std::string withHook(std::string merge, const std::string& hook) {
  // Both are parts of a JSON text: the path is put in as one.
  std::string quoted = JsonWriter().value(hook).text();
  quoted = quoted.substr(1, quoted.size() - 2);
  for (std::size_t at = merge.find(kHookWord); at != std::string::npos; at = merge.find(kHookWord, at + quoted.size()))
    merge.replace(at, sizeof kHookWord - 1, quoted);
  return merge;
}

}  // namespace ringfence::policy
