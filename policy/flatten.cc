#include "policy/flatten.h"

#include <cstdio>

#include "policy/keys.h"
#include "sdk/base/json_writer.h"
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

std::string scalarText(const Key& key, std::uint64_t value) {
  switch (key.type) {
    case KeyType::kChoice:
      return quoteToml(value < key.choices.size() ? std::string(key.choices[value].name) : std::to_string(value));
    case KeyType::kSize: return quoteToml(sizeText(value));
    case KeyType::kPercent: return quoteToml(std::to_string(value) + "%");
    default: return std::to_string(value);
  }
}

std::string hostText(const HostRule& rule) {
  std::string text = rule.cidr.empty() ? "{ host = " + quoteToml(rule.host) : "{ cidr = " + quoteToml(rule.cidr);
  if (rule.port) text += ", port = " + std::to_string(*rule.port);
  if (!rule.why.empty()) text += ", why = " + quoteToml(rule.why);
  return text + " }";
}

std::string ruleText(const ExecRule& rule) {
  static constexpr const char* kNames[] = {"allow", "ask", "forbid", "rewrite"};
  std::string words;
  for (const std::string& word : rule.match) words += (words.empty() ? "" : ", ") + quoteToml(word);
  std::string text = "{ match = [" + words + "], decide = \"" + kNames[static_cast<std::size_t>(rule.decide)] + "\"";
  if (!rule.why.empty()) text += ", why = " + quoteToml(rule.why);
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
    for (const TextItem& item : *items) entry(quoteToml(item.text), item.place.origin);
  } else if (const auto* assignments = std::get_if<std::vector<Assignment>>(&value)) {
    for (const Assignment& set : *assignments) {
      out.push_back({.key = name + "." + set.name, .value = quoteToml(set.value), .origin = set.place.origin});
    }
  } else if (const auto* hosts = std::get_if<std::vector<HostRule>>(&value)) {
    for (const HostRule& rule : *hosts) entry(hostText(rule), rule.origin);
  } else if (const auto* rules = std::get_if<std::vector<ExecRule>>(&value)) {
    for (const ExecRule& rule : *rules) entry(ruleText(rule), rule.origin);
  }
}

std::string comment(const FlatValue& flat, ShowOrigins origins) {
  if (origins == ShowOrigins::kNo) return {};
  if (flat.origin.file.empty()) return "  # default";
  return "  # " + escapeForDisplay(flat.origin.file) + ":" + std::to_string(flat.origin.line);
}

}  // namespace

std::string quoteToml(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if ((c >= 0 && c < 0x20) || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      quoted += escape;
    } else {
      quoted += c;
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
