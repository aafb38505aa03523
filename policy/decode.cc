#include "policy/decode.h"

#include <algorithm>
#include <optional>

#include "policy/scalars.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxErrors = 64;
constexpr std::size_t kMaxVariableText = 4096;
constexpr std::uint64_t kMaxPids = 4'194'304;

const char* expected(KeyType type) {
  switch (type) {
    case KeyType::kVersion: return "the integer 1";
    case KeyType::kName: return "the name of a policy";
    case KeyType::kNames: return "a list of policy names";
    case KeyType::kKeyNames: return "a list of keys";
    case KeyType::kChoice: return "a string";
    case KeyType::kGrants:
    case KeyType::kPatterns: return "a list of paths";
    case KeyType::kGroups: return "a list of group names";
    case KeyType::kVariables: return "a list of variable names";
    case KeyType::kAssignments: return "a table of strings";
    case KeyType::kSize: return "a string like \"6GiB\"";
    case KeyType::kRate: return "a string like \"50MiB/s\"";
    case KeyType::kPercent: return "a string like \"200%\"";
    case KeyType::kShare: return "a string like \"50%\"";
    case KeyType::kCount:
    case KeyType::kAmount: return "a positive integer";
    case KeyType::kDuration: return "a string like \"10m\"";
    case KeyType::kMoney: return "a string like \"$2.50\"";
    case KeyType::kPorts: return "a list of port numbers";
    case KeyType::kHosts: return "a list of {host, port} or {cidr} tables";
    case KeyType::kExecRules:
    case KeyType::kToolRules:
    case KeyType::kPathRewrites:
    case KeyType::kHostRewrites:
    case KeyType::kCredentials:
    case KeyType::kGrantRules: return "tables";
    case KeyType::kText: return "a value";
  }
  return "a value";
}

class Decoder {
 public:
  Decoder(const SourceLines& lines, const DecodeOptions& options, PolicyFile& out)
      : complaints_(lines), options_(options), out_(out) {}

  void run(const Table& table) { walk(table, ""); }
  std::vector<Diagnostic> takeErrors() { return std::move(complaints_).take(); }

 private:
  void walk(const Table& table, const std::string& prefix) {
    for (const Entry& entry : table) {
      if (complaints_.isFull()) return;
      const std::string dotted = prefix + entry.key;
      if (const Key* key = findKey(dotted)) {
        decode(*key, entry);
      } else if (entry.key.find('.') == std::string::npos && isKeyGroup(dotted)) {
        if (const auto* group = std::get_if<Table>(&entry.value.content))
          walk(*group, dotted + ".");
        else
          complaints_.add(entry.value.mark, quoteName(dotted) + " is a table, not " + kindName(entry.value),
                          "[" + dotted + "]");
      } else {
        unknown(entry, prefix);
      }
    }
  }

  void unknown(const Entry& entry, const std::string& prefix) {
    std::vector<std::string_view> siblings;
    std::string elsewhere;
    std::string near;
    for (const Key& key : keys()) {
      if (key.wiring == Wiring::kUnwired && options_.unwired == UnwiredKeys::kRefuse) continue;
      const std::size_t lastDot = key.name.rfind('.');
      const std::string_view leaf = key.name.substr(lastDot == std::string_view::npos ? 0 : lastDot + 1);
      if (lastDot != std::string_view::npos && leaf == entry.key) elsewhere = key.name.substr(0, lastDot);
      if (nearestName(entry.key, {leaf})) near = "did you mean `" + std::string(key.name) + "`?";
      if (!key.name.starts_with(prefix)) continue;
      const std::string_view rest = key.name.substr(prefix.size());
      siblings.push_back(rest.substr(0, rest.find('.')));
    }
    std::string help = suggest(entry.key, siblings);
    if (help.empty()) help = elsewhere.empty() ? near : quoteName(entry.key) + " belongs in [" + elsewhere + "]";
    const std::string where = prefix.empty() ? "" : " in [" + prefix.substr(0, prefix.size() - 1) + "]";
    complaints_.add(entry.keyMark, "unknown key " + quoteName(entry.key) + where, help);
  }

  void decode(const Key& key, const Entry& entry) {
    if (key.wiring == Wiring::kUnwired && options_.unwired == UnwiredKeys::kRefuse) {
      complaints_.add(entry.keyMark, "`" + std::string(key.name) + "` is not enforced by this build",
                      "remove it: nothing would hold it");
      return;
    }
    std::optional<Decoded> value = decodeValue(key, entry.value);
    if (!value) return;
    if (key.name == "name") {
      out_.name = std::get<std::string>(*value);
      out_.namePlace = complaints_.place(entry.value.mark);
    }
    if (key.name == "extends") out_.extends = std::get<std::vector<TextItem>>(*value);
    if (key.name == "lock") out_.lock = std::get<std::vector<TextItem>>(*value);
    if (key.apply == nullptr) return;
    out_.settings.push_back({.key = &key, .value = std::move(*value), .place = complaints_.place(entry.keyMark)});
  }

  std::optional<Decoded> decodeValue(const Key& key, const Value& value) {
    switch (key.type) {
      case KeyType::kVersion:
      case KeyType::kCount:
      case KeyType::kAmount: return integer(key, value);
      case KeyType::kChoice: return choice(key, value);
      case KeyType::kName: return name(key, value);
      case KeyType::kSize: return quantity(key, value, parseSize);
      case KeyType::kRate: return quantity(key, value, parseRate);
      case KeyType::kPercent: return quantity(key, value, parsePercent);
      case KeyType::kShare: return quantity(key, value, parseShare);
      case KeyType::kDuration: return quantity(key, value, parseDuration);
      case KeyType::kMoney: return quantity(key, value, parseMoney);
      case KeyType::kPorts: return ports(key, value);
      case KeyType::kNames:
      case KeyType::kKeyNames:
      case KeyType::kGrants:
      case KeyType::kPatterns:
      case KeyType::kGroups:
      case KeyType::kVariables: return list(key, value);
      case KeyType::kAssignments: return assignments(key, value);
      case KeyType::kHosts: return decodeHosts(value, key.name, complaints_);
      case KeyType::kExecRules: return decodeExecRules(value, key.name, complaints_);
      case KeyType::kToolRules: return decodeToolRules(value, key.name, complaints_);
      case KeyType::kPathRewrites: return decodePathRewrites(value, key.name, complaints_);
      case KeyType::kHostRewrites: return decodeHostRewrites(value, key.name, complaints_);
      case KeyType::kCredentials: return decodeCredentials(value, key.name, complaints_);
      case KeyType::kGrantRules: return decodeGrants(value, key.name, complaints_);
      case KeyType::kText: return Decoded{};
    }
    return std::nullopt;
  }

  std::nullopt_t wrongType(const Key& key, const Value& value) {
    complaints_.add(value.mark,
                    "`" + std::string(key.name) + "` takes " + expected(key.type) + ", not " + kindName(value));
    return std::nullopt;
  }

  std::optional<Decoded> integer(const Key& key, const Value& value) {
    const auto* number = std::get_if<std::int64_t>(&value.content);
    if (number == nullptr) return wrongType(key, value);
    if (key.type == KeyType::kVersion && *number != 1) {
      complaints_.add(value.mark, "this build reads version 1 of the format, not " + std::to_string(*number));
      return std::nullopt;
    }
    const std::uint64_t most = key.type == KeyType::kAmount ? kMaxAmount : kMaxPids;
    if (*number < 1 || static_cast<std::uint64_t>(*number) > most) {
      complaints_.add(value.mark, "`" + std::string(key.name) + "` is from 1 to " + std::to_string(most));
      return std::nullopt;
    }
    return static_cast<std::uint64_t>(*number);
  }

  std::optional<Decoded> choice(const Key& key, const Value& value) {
    const auto* text = std::get_if<std::string>(&value.content);
    if (text == nullptr) return wrongType(key, value);
    std::vector<std::string_view> names;
    std::string all;
    for (std::size_t i = 0; i < key.choices.size(); ++i) {
      const Choice& option = key.choices[i];
      const bool usable =
          option.wiring == Wiring::kWired || (options_.unwired == UnwiredKeys::kAccept && option.name != "overlay");
      if (option.name == *text) {
        if (usable) return static_cast<std::uint64_t>(i);
        complaints_.add(value.mark,
                        "`" + std::string(key.name) + " = \"" + *text + "\"` is not enforced by this build");
        return std::nullopt;
      }
      if (!usable) continue;
      names.push_back(option.name);
      all += (all.empty() ? "`" : ", `") + std::string(option.name) + "`";
    }
    std::string help = suggest(*text, names);
    if (help.empty()) help = "one of " + all;
    complaints_.add(value.mark, quoteName(*text) + " is no value of `" + std::string(key.name) + "`", help);
    return std::nullopt;
  }

  std::optional<Decoded> name(const Key& key, const Value& value) {
    const auto* text = std::get_if<std::string>(&value.content);
    if (text == nullptr) return wrongType(key, value);
    if (isPolicyName(*text)) return *text;
    complaints_.add(value.mark, quoteName(*text) + " cannot be the name of a policy",
                    "lower-case letters, digits, '.', '_' and '-', at most 64");
    return std::nullopt;
  }

  std::optional<Decoded> quantity(const Key& key, const Value& value,
                                  Result<std::uint64_t> (*parse)(std::string_view)) {
    const auto* text = std::get_if<std::string>(&value.content);
    if (text == nullptr) return wrongType(key, value);
    auto parsed = parse(*text);
    if (parsed) return *parsed;
    complaints_.add(value.mark, quoteName(*text) + " is no value of `" + std::string(key.name) + "`",
                    parsed.error().message);
    return std::nullopt;
  }

  std::optional<Decoded> list(const Key& key, const Value& value) {
    const auto* array = std::get_if<Array>(&value.content);
    if (array == nullptr) return wrongType(key, value);
    std::vector<TextItem> items;
    for (const Value& element : *array) {
      if (complaints_.isFull()) break;
      const auto* text = std::get_if<std::string>(&element.content);
      if (text == nullptr) {
        wrongType(key, element);
        continue;
      }
      auto accepted = entryOf(key, *text);
      if (accepted)
        items.push_back({.text = std::move(*accepted), .place = complaints_.place(element.mark)});
      else
        complaints_.add(element.mark, entryMessage(key, *text), accepted.error().message);
    }
    return items;
  }

  std::optional<Decoded> ports(const Key& key, const Value& value) {
    const auto* array = std::get_if<Array>(&value.content);
    if (array == nullptr) return wrongType(key, value);
    std::vector<TextItem> items;
    for (const Value& element : *array) {
      if (complaints_.isFull()) break;
      const auto* number = std::get_if<std::int64_t>(&element.content);
      if (number == nullptr)
        wrongType(key, element);
      else if (*number < 1 || *number > 65535)
        complaints_.add(element.mark, "a port is a number from 1 to 65535");
      else
        items.push_back({.text = std::to_string(*number), .place = complaints_.place(element.mark)});
    }
    return items;
  }

  static std::string entryMessage(const Key& key, const std::string& text) {
    return quoteName(text) + " cannot be in `" + std::string(key.name) + "`";
  }

  // One entry of a list in the form in which it is kept.
  static Result<std::string> entryOf(const Key& key, const std::string& text) {
    const auto invalid = [](std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; };
    switch (key.type) {
      case KeyType::kGrants: return parsePath(text, GlobUse::kForbidden);
      case KeyType::kPatterns: return parsePath(text, GlobUse::kAllowed);
      case KeyType::kGroups:
        if (!isGroupName(text)) return invalid("groups are named, as in /etc/group; not numbered");
        return text;
      case KeyType::kVariables: {
        const std::string_view stem = text.ends_with('*') ? std::string_view(text).substr(0, text.size() - 1) : text;
        if (!isVariableName(stem)) return invalid("a variable name has letters, digits and _; * may stand at its end");
        return text;
      }
      case KeyType::kNames:
        if (!isPolicyName(text)) return invalid("this is not the name of a policy");
        return text;
      default: break;
    }
    const Key* named = findKey(text);
    if (named != nullptr && named->apply != nullptr && named->wiring == Wiring::kWired) return text;
    std::vector<std::string_view> candidates;
    for (const Key& candidate : keys()) {
      if (candidate.apply != nullptr && candidate.wiring == Wiring::kWired) candidates.push_back(candidate.name);
    }
    std::string help = suggest(text, candidates);
    return invalid(help.empty() ? "there is no such key to lock" : std::move(help));
  }

  std::optional<Decoded> assignments(const Key& key, const Value& value) {
    const auto* table = std::get_if<Table>(&value.content);
    if (table == nullptr) return wrongType(key, value);
    std::vector<Assignment> result;
    for (const Entry& entry : *table) {
      if (complaints_.isFull()) break;
      const auto* text = std::get_if<std::string>(&entry.value.content);
      if (text == nullptr) {
        complaints_.add(entry.value.mark,
                        "a variable is set to a string, not to " + std::string(kindName(entry.value)));
      } else if (!isVariableName(entry.key)) {
        complaints_.add(entry.keyMark, quoteName(entry.key) + " cannot be the name of a variable",
                        "letters, digits and _");
      } else if (entry.key.starts_with("RINGFENCE_")) {
        complaints_.add(entry.keyMark, quoteName(entry.key) + " is set by Ringfence itself");
      } else if (text->find('\0') != std::string::npos || text->size() > kMaxVariableText) {
        complaints_.add(entry.value.mark, "the value of a variable has at most 4096 bytes and no NUL");
      } else {
        result.push_back({.name = entry.key, .value = *text, .place = complaints_.place(entry.keyMark)});
      }
    }
    return result;
  }

  Complaints complaints_;
  const DecodeOptions& options_;
  PolicyFile& out_;
};

}  // namespace

bool Complaints::isFull() const { return errors_.size() >= kMaxErrors; }

void Complaints::add(const Mark& mark, std::string message, std::string help) {
  if (!isFull()) errors_.push_back(errorAt(lines_.place(mark), std::move(message), std::move(help)));
}

std::vector<Diagnostic> Complaints::take() && {
  std::stable_sort(errors_.begin(), errors_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return std::move(errors_);
}

std::string firstComment(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (!text.starts_with('#') || text.starts_with("#:")) return {};
  std::string_view line = text.substr(1, std::min(text.find('\n'), text.size()) - 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t start = line.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string() : escapeForDisplay(line.substr(start, 200));
}

std::string nameOfFile(const std::string& file) {
  std::string name = file.substr(file.rfind('/') + 1);
  if (name.ends_with(".toml")) name.resize(name.size() - 5);
  return name;
}

PolicyFile decodeFile(const SourceText& source, const DecodeOptions& options) {
  PolicyFile out;
  out.file = source.file;
  out.name = nameOfFile(source.file);
  out.summary = firstComment(source.text);
  if (!source.unreadable.empty()) {
    out.errors.push_back(errorIn(source.file, escapeForDisplay(source.unreadable)));
    return out;
  }
  const SourceLines lines(source.file, source.text.size() > kMaxPolicyBytes ? std::string_view() : source.text);
  auto parsed = parseToml(source, lines);
  if (auto* error = std::get_if<Diagnostic>(&parsed)) {
    out.errors.push_back(std::move(*error));
    return out;
  }
  Decoder decoder(lines, options, out);
  decoder.run(std::get<Table>(parsed));
  out.errors = decoder.takeErrors();
  return out;
}

}  // namespace ringfence::policy
