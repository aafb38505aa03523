#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "policy/keys.h"
#include "policy/load.h"
#include "sdk/base/json_writer.h"

namespace ringfence::policy {
namespace {

void writePattern(JsonWriter& json, const char* pattern) { json.field("type", "string").field("pattern", pattern); }

void writeListOf(JsonWriter& json, const char* pattern) {
  json.field("type", "array").field("maxItems", 4096).key("items").beginObject();
  writePattern(json, pattern);
  json.endObject();
}

void writeChoices(JsonWriter& json, const Key& key) {
  json.field("type", "string").key("enum").beginArray();
  for (const Choice& choice : key.choices) {
    if (choice.wiring == Wiring::kWired) json.value(choice.name);
  }
  json.endArray();
}

void writeLockable(JsonWriter& json) {
  json.field("type", "array").key("items").beginObject().key("enum").beginArray();
  for (const Key& key : keys()) {
    if (key.wiring == Wiring::kWired && key.apply != nullptr) json.value(key.name);
  }
  json.endArray().endObject();
}

enum class FieldKind { kText, kWords, kPort, kDecision, kToolDecision, kOperation, kTests };
struct Field {
  const char* name;
  FieldKind kind = FieldKind::kText;
  bool required = false;
};

// The fields of one rule, as decode_rules.cc and decode_special.cc take them.
std::vector<Field> fieldsOf(KeyType type) {
  switch (type) {
    case KeyType::kHosts: return {{"host"}, {"cidr"}, {"port", FieldKind::kPort}, {"why"}};
    case KeyType::kExecRules:
      return {{"match", FieldKind::kWords, true},
              {"decide", FieldKind::kDecision, true},
              {"rewrite", FieldKind::kWords},
              {"why"},
              {"tests", FieldKind::kTests}};
    case KeyType::kToolRules:
      return {{"match", FieldKind::kWords, true}, {"decide", FieldKind::kToolDecision, true}, {"why"}};
    case KeyType::kPathRewrites: return {{"match", FieldKind::kText, true}, {"to"}, {"content"}, {"why"}};
    case KeyType::kHostRewrites:
      return {{"host", FieldKind::kText, true}, {"port", FieldKind::kPort}, {"to", FieldKind::kText, true}, {"why"}};
    case KeyType::kCredentials:
      return {{"host", FieldKind::kText, true},   {"port", FieldKind::kPort},
              {"header", FieldKind::kText, true}, {"prefix"},
              {"from", FieldKind::kText, true},   {"base", FieldKind::kText, true}};
    case KeyType::kGrantRules:
      return {{"op", FieldKind::kOperation, true},
              {"target", FieldKind::kText, true},
              {"argv", FieldKind::kWords},
              {"until"},
              {"why"}};
    default: return {};
  }
}

void writeWords(JsonWriter& json) {
  json.field("type", "array").key("items").beginObject().field("type", "string").endObject();
}

void writeEnum(JsonWriter& json, std::initializer_list<const char*> words) {
  json.field("type", "string").key("enum").beginArray();
  for (const char* word : words) json.value(word);
  json.endArray();
}

void writeTests(JsonWriter& json) {
  json.field("type", "object").field("additionalProperties", false).key("properties").beginObject();
  for (const char* kind : {"match", "miss"}) {
    json.key(kind).beginObject();
    writeWords(json);
    json.endObject();
  }
  json.endObject();
}

void writeField(JsonWriter& json, const Field& field) {
  json.key(field.name).beginObject();
  switch (field.kind) {
    case FieldKind::kText: json.field("type", "string"); break;
    case FieldKind::kWords: writeWords(json); break;
    case FieldKind::kPort: json.field("type", "integer").field("minimum", 1).field("maximum", 65535); break;
    case FieldKind::kDecision: writeEnum(json, {"allow", "ask", "forbid", "rewrite"}); break;
    case FieldKind::kToolDecision: writeEnum(json, {"allow", "ask", "forbid"}); break;
    case FieldKind::kOperation: writeEnum(json, {"read", "write", "exec", "connect", "call"}); break;
    case FieldKind::kTests: writeTests(json); break;
  }
  json.endObject();
}

void writeRules(JsonWriter& json, KeyType type) {
  json.field("type", "array").key("items").beginObject();
  json.field("type", "object").field("additionalProperties", false).key("properties").beginObject();
  const std::vector<Field> fields = fieldsOf(type);
  for (const Field& field : fields) writeField(json, field);
  json.endObject().key("required").beginArray();
  for (const Field& field : fields) {
    if (field.required) json.value(field.name);
  }
  json.endArray().endObject();
}

void writeType(JsonWriter& json, const Key& key) {
  static constexpr const char* kName = "^[a-z0-9][a-z0-9._-]{0,63}$";
  switch (key.type) {
    case KeyType::kVersion: json.field("type", "integer").field("const", 1); break;
    case KeyType::kName: writePattern(json, kName); break;
    case KeyType::kNames: writeListOf(json, kName); break;
    case KeyType::kKeyNames: writeLockable(json); break;
    case KeyType::kChoice: writeChoices(json, key); break;
    case KeyType::kGrants: writeListOf(json, "^(/|~$|~/|\\$WORKSPACE$|\\$WORKSPACE/)[^*?\\[\\]{}\\\\]*$"); break;
    case KeyType::kPatterns: writeListOf(json, "^(/|~/|\\$WORKSPACE/|\\*\\*/)[^\\[\\]{}\\\\]*$"); break;
    case KeyType::kGroups: writeListOf(json, "^[A-Za-z_.][A-Za-z0-9_.-]{0,31}$"); break;
    case KeyType::kVariables: writeListOf(json, "^[A-Za-z_][A-Za-z0-9_]*\\*?$"); break;
    case KeyType::kAssignments:
      json.field("type", "object").key("propertyNames").beginObject();
      json.field("pattern", "^[A-Za-z_][A-Za-z0-9_]*$").endObject();
      json.key("additionalProperties").beginObject().field("type", "string").endObject();
      break;
    case KeyType::kSize: writePattern(json, "^[0-9]+(B|KiB|MiB|GiB|TiB)$"); break;
    case KeyType::kRate: writePattern(json, "^[0-9]+(B|KiB|MiB|GiB|TiB)/s$"); break;
    case KeyType::kPercent: writePattern(json, "^[0-9]+%$"); break;
    case KeyType::kShare: writePattern(json, "^(100|[1-9][0-9]?)%$"); break;
    case KeyType::kCount: json.field("type", "integer").field("minimum", 1).field("maximum", 4194304); break;
    case KeyType::kAmount: json.field("type", "integer").field("minimum", 1).field("maximum", kMaxAmount); break;
    case KeyType::kDuration: writePattern(json, "^[0-9]+(s|m|h)$"); break;
    case KeyType::kMoney: writePattern(json, "^\\$[0-9]+(\\.[0-9]{1,6})?$"); break;
    case KeyType::kPorts:
      json.field("type", "array").field("maxItems", 4096).key("items").beginObject();
      json.field("type", "integer").field("minimum", 1).field("maximum", 65535).endObject();
      break;
    case KeyType::kHosts:
    case KeyType::kExecRules:
    case KeyType::kToolRules:
    case KeyType::kPathRewrites:
    case KeyType::kHostRewrites:
    case KeyType::kCredentials:
    case KeyType::kGrantRules: writeRules(json, key.type); break;
    case KeyType::kText: break;
  }
}

}  // namespace

std::string jsonSchema() {
  std::map<std::string, JsonWriter> groups;  // the properties of each table; "" is the file itself
  for (const Key& key : keys()) {
    if (key.wiring == Wiring::kUnwired) continue;
    const std::size_t dot = key.name.find('.');
    const std::string group(dot == std::string_view::npos ? std::string_view() : key.name.substr(0, dot));
    JsonWriter property;
    property.beginObject().field("description", key.description);
    writeType(property, key);
    property.endObject();
    auto [entry, fresh] = groups.try_emplace(group);
    if (fresh) entry->second.beginObject();
    entry->second.key(dot == std::string_view::npos ? key.name : key.name.substr(dot + 1)).raw(property.text());
  }
  JsonWriter json = std::move(groups[""]);
  groups.erase("");
  for (auto& [name, properties] : groups) {
    properties.endObject();
    json.key(name).beginObject().field("type", "object").field("additionalProperties", false);
    json.key("properties").raw(properties.text()).endObject();
  }
  json.endObject();
  JsonWriter schema;
  schema.beginObject()
      .field("$schema", "https://json-schema.org/draft/2020-12/schema")
      .field("$id", "file:///usr/share/ringfence/schema/policy-1.json")
      .field("title", "Ringfence policy")
      .field("type", "object")
      .field("additionalProperties", false)
      .key("properties")
      .raw(json.text())
      .endObject();
  return std::move(schema).take();
}

}  // namespace ringfence::policy
