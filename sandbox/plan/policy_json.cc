#include "sandbox/plan/policy_json.h"

#include "policy/words.h"
#include "sdk/base/json_writer.h"

namespace ringfence::sandbox {
namespace {

void writePaths(JsonWriter& json, const char* key, const std::vector<policy::PathRule>& rules) {
  json.key(key).beginArray();
  for (const policy::PathRule& rule : rules) json.value(rule.pattern);
  json.endArray();
}

void writeHosts(JsonWriter& json, const char* key, const std::vector<policy::HostRule>& rules) {
  json.key(key).beginArray();
  for (const policy::HostRule& rule : rules) {
    json.beginObject();
    if (!rule.host.empty()) json.field("host", rule.host);
    if (!rule.cidr.empty()) json.field("cidr", rule.cidr);
    if (rule.port) json.field("port", *rule.port);
    if (!rule.why.empty()) json.field("why", rule.why);
    json.endObject();
  }
  json.endArray();
}

void writeFiles(JsonWriter& json, const policy::Files& files) {
  json.key("files").beginObject();
  json.field("workspace", files.workspace == policy::WorkspaceAccess::kReadWrite ? "rw" : "ro");
  writePaths(json, "read", files.read);
  writePaths(json, "write", files.write);
  writePaths(json, "ask", files.ask);
  writePaths(json, "forbid", files.forbid);
  json.endObject();
}

void writeWalls(JsonWriter& json, const policy::Walls& walls) {
  json.key("walls").beginObject();
  json.field("mount", wordOf(walls.mount)).field("pid", wordOf(walls.pid)).field("net", wordOf(walls.net));
  json.field("ipc", wordOf(walls.ipc)).field("uts", wordOf(walls.uts)).field("cgroup", wordOf(walls.cgroup));
  json.field("seccomp", wordOf(walls.seccomp)).field("landlock", wordOf(walls.landlock));
  json.field("privileges", wordOf(walls.privileges)).field("limits", wordOf(walls.limits));
  json.endObject();
}

void writeLimits(JsonWriter& json, const policy::Limits& limits) {
  json.key("limits").beginObject();
  json.key("cpu_percent").raw(limits.cpu ? std::to_string(limits.cpu->percent) : "null");
  json.key("memory_bytes").raw(limits.memory ? std::to_string(limits.memory->count) : "null");
  json.key("pids").raw(limits.pids ? std::to_string(*limits.pids) : "null");
  json.endObject();
}

}  // namespace

std::string policyJson(const policy::Document& document, const std::string& hash) {
  JsonWriter json;
  json.beginObject().field("name", document.name).field("hash", hash);
  json.field("mode", document.mode == policy::Mode::kEnforce ? "enforce" : "audit");
  writeWalls(json, document.walls);
  writeFiles(json, document.files);
  json.key("network").beginObject().field("default", wordOf(document.network.fallback));
  writeHosts(json, "allow", document.network.allow);
  writeHosts(json, "ask", document.network.ask);
  writeHosts(json, "forbid", document.network.forbid);
  json.endObject();
  json.key("exec").beginArray();
  for (const policy::ExecRule& rule : document.exec) {
    json.beginObject().key("match").beginArray();
    for (const std::string& word : rule.match) json.value(word);
    json.endArray().field("decide", wordOf(rule.decide)).field("why", rule.why).endObject();
  }
  json.endArray();
  writeLimits(json, document.limits);
  json.endObject();
  return std::move(json).take() + "\n";
}

}  // namespace ringfence::sandbox
