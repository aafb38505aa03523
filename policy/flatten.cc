#include "policy/flatten.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "policy/keys.h"
#include "policy/words.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/money.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

std::string sizeText(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit < 4 && bytes >= 1024 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + kUnits[unit];
}

std::string durationText(std::uint64_t seconds) {
  if (seconds % 3600 == 0) return std::to_string(seconds / 3600) + "h";
  if (seconds % 60 == 0) return std::to_string(seconds / 60) + "m";
  return std::to_string(seconds) + "s";
}

std::string scalarText(const Key& key, std::uint64_t value) {
  switch (key.type) {
    case KeyType::kChoice:
      return quoteToml(value < key.choices.size() ? std::string(key.choices[value].name) : std::to_string(value));
    case KeyType::kSize: return quoteToml(sizeText(value));
    case KeyType::kRate: return quoteToml(sizeText(value) + "/s");
    case KeyType::kPercent:
    case KeyType::kShare: return quoteToml(std::to_string(value) + "%");
    case KeyType::kDuration: return quoteToml(durationText(value));
    case KeyType::kMoney: return quoteToml(dollarsText(value));
    default: return std::to_string(value);
  }
}

std::string hostText(const HostRule& rule) {
  std::string text = rule.cidr.empty() ? "{ host = " + quoteToml(rule.host) : "{ cidr = " + quoteToml(rule.cidr);
  if (rule.port) text += ", port = " + std::to_string(*rule.port);
  if (!rule.why.empty()) text += ", why = " + quoteToml(rule.why);
  return text + " }";
}

std::string listText(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + quoteToml(word);
  return "[" + text + "]";
}

std::string ruleText(const ExecRule& rule) {
  std::string text = "{ match = " + listText(rule.match) + ", decide = \"" + wordOf(rule.decide) + "\"";
  if (!rule.rewrite.empty()) text += ", rewrite = " + listText(rule.rewrite);
  if (!rule.why.empty()) text += ", why = " + quoteToml(rule.why);
  return text + " }";
}

std::string ruleText(const ToolRule& rule) {
  static constexpr const char* kNames[] = {"allow", "ask", "forbid", "forbid"};
  std::string text =
      "{ match = " + listText(rule.match) + ", decide = \"" + kNames[static_cast<std::size_t>(rule.decide)] + "\"";
  if (!rule.why.empty()) text += ", why = " + quoteToml(rule.why);
  return text + " }";
}

std::string ruleText(const PathRewrite& rule) {
  std::string text = "{ match = " + quoteToml(rule.pattern);
  text += rule.content ? ", content = " + quoteToml(*rule.content) : ", to = " + quoteToml(rule.to);
  if (!rule.why.empty()) text += ", why = " + quoteToml(rule.why);
  return text + " }";
}

std::string ruleText(const HostRewrite& rule) {
  std::string text = "{ host = " + quoteToml(rule.host);
  if (rule.port) text += ", port = " + std::to_string(*rule.port);
  text += ", to = " + quoteToml(rule.to);
  if (!rule.why.empty()) text += ", why = " + quoteToml(rule.why);
  return text + " }";
}

std::string ruleText(const Credential& rule) {
  std::string text = "{ host = " + quoteToml(rule.host) + ", port = " + std::to_string(rule.port) +
                     ", header = " + quoteToml(rule.header);
  if (!rule.prefix.empty()) text += ", prefix = " + quoteToml(rule.prefix);
  return text + ", from = " + quoteToml(rule.fromVariable) + ", base = " + quoteToml(rule.baseVariable) + " }";
}

std::string ruleText(const Grant& grant) {
  std::string text = std::string("{ op = \"") + wordOf(grant.operation) + "\", target = " + quoteToml(grant.target);
  if (!grant.argv.empty()) text += ", argv = " + listText(grant.argv);
  if (!grant.until.empty()) text += ", until = " + quoteToml(grant.until);
  if (!grant.why.empty()) text += ", why = " + quoteToml(grant.why);
  return text + " }";
}

Origin originOf(const Document& document, std::string_view key) {
  const auto found = document.origins.find(std::string(key));
  return found == document.origins.end() ? Origin{} : found->second;
}

void appendValues(std::vector<FlatValue>& out, const Document& document, const Key& key) {
  const Decoded value = key.read(document);
  const std::string name(key.name);
  const auto entry = [&](std::string text, const Origin& origin) {
    out.push_back({.key = name, .value = std::move(text), .shape = ValueShape::kEntry, .origin = origin});
  };
  if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    out.push_back({.key = name, .value = scalarText(key, *number), .origin = originOf(document, name)});
  } else if (const auto* items = std::get_if<std::vector<TextItem>>(&value)) {
    for (const TextItem& item : *items)
      entry(key.type == KeyType::kPorts ? item.text : quoteToml(item.text), item.place.origin);
  } else if (const auto* assignments = std::get_if<std::vector<Assignment>>(&value)) {
    for (const Assignment& set : *assignments) {
      out.push_back({.key = name + "." + set.name, .value = quoteToml(set.value), .origin = set.place.origin});
    }
  } else if (const auto* hosts = std::get_if<std::vector<HostRule>>(&value)) {
    for (const HostRule& rule : *hosts) entry(hostText(rule), rule.origin);
  } else {
    const auto eachRule = [&](const auto& list) {
      if constexpr (requires { ruleText(list.front()); })
        for (const auto& rule : list) entry(ruleText(rule), rule.origin);
    };
    std::visit(eachRule, value);
  }
}

std::size_t sequenceLength(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte >= 0xf0) return 4;
  if (byte >= 0xe0) return 3;
  return byte >= 0xc0 ? 2 : 1;
}

// Of one character in UTF-8, which a policy's text always is.
std::uint32_t codePoint(std::string_view character) {
  static constexpr unsigned kLeadBits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  std::uint32_t value = static_cast<unsigned char>(character.front()) & kLeadBits[character.size()];
  for (const char c : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  return value;
}

std::string comment(const FlatValue& flat, ShowOrigins origins) {
  if (origins == ShowOrigins::kNo) return {};
  if (flat.origin.file.empty()) return "  # default";
  return "  # " + escapeForDisplay(flat.origin.file) + ":" + std::to_string(flat.origin.line);
}

}  // namespace

std::string quoteToml(const std::string& text) {
  std::string quoted = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::min(sequenceLength(text[at]), text.size() - at);
    const std::string_view character = std::string_view(text).substr(at, length);
    at += length;
    if (character == "\"" || character == "\\") {
      quoted.append("\\").append(character);
    } else if (needsEscaping(character)) {
      char escape[16];
      std::snprintf(escape, sizeof escape, "\\U%08X", static_cast<unsigned>(codePoint(character)));
      quoted += escape;
    } else {
      quoted += character;
    }
  }
  return quoted + "\"";
}

std::vector<FlatValue> flatten(const Document& document) {
  std::vector<FlatValue> values;
  for (const Key& key : keys()) {
    if (key.read != nullptr) appendValues(values, document, key);
  }
  return values;
}

std::string renderToml(const Document& document, ShowOrigins origins) {
  std::string text = "schema = 1\nname = " + quoteToml(document.name) + "\n";
  std::string section;
  const std::vector<FlatValue> values = flatten(document);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const FlatValue& flat = values[i];
    // "environment.set.X" is [environment.set] X; everything else has two parts at most.
    const std::size_t dot = flat.key.rfind('.');
    const std::string group = dot == std::string::npos ? std::string() : flat.key.substr(0, dot);
    if (group != section) text += "\n[" + (section = group) + "]\n";
    const std::string leaf = dot == std::string::npos ? flat.key : flat.key.substr(dot + 1);
    if (flat.shape == ValueShape::kScalar) {
      text += leaf + " = " + flat.value + comment(flat, origins) + "\n";
      continue;
    }
    text += leaf + " = [\n";
    for (; i < values.size() && values[i].key == flat.key; ++i) {
      text += "  " + values[i].value + "," + comment(values[i], origins) + "\n";
    }
    --i;
    text += "]\n";
  }
  return text;
}

std::string renderDocumentJson(const Document& document) {
  JsonWriter json;
  json.beginObject().field("name", document.name).field("hash", documentHash(document)).key("values").beginArray();
  for (const FlatValue& flat : flatten(document)) {
    json.beginObject()
        .field("key", flat.key)
        .field("value", flat.value)
        .field("list", flat.shape == ValueShape::kEntry);
    if (flat.origin.file.empty())
      json.key("file").null().key("line").null();
    else
      json.untrustedField("file", flat.origin.file).field("line", flat.origin.line);
    json.endObject();
  }
  json.endArray().endObject();
  return std::move(json).take();
}

}  // namespace ringfence::policy
