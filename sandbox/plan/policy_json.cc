#include "sandbox/plan/policy_json.h"

#include "sdk/base/json_writer.h"

namespace ringfence::sandbox {
namespace {

const char* nameOf(policy::WallStrength strength) {
  switch (strength) {
    case policy::WallStrength::kRequired: return "required";
    case policy::WallStrength::kBestEffort: return "best-effort";
    case policy::WallStrength::kOff: return "off";
  }
  return "unknown";
}

const char* nameOf(policy::Decision decision) {
  switch (decision) {
    case policy::Decision::kAllow: return "allow";
    case policy::Decision::kAsk: return "ask";
    case policy::Decision::kForbid: return "forbid";
    case policy::Decision::kRewrite: return "rewrite";
  }
  return "unknown";
}

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
  json.field("mount", nameOf(walls.mount)).field("pid", nameOf(walls.pid)).field("net", nameOf(walls.net));
  json.field("ipc", nameOf(walls.ipc)).field("uts", nameOf(walls.uts)).field("cgroup", nameOf(walls.cgroup));
  json.field("seccomp", nameOf(walls.seccomp)).field("landlock", nameOf(walls.landlock));
  json.field("privileges", nameOf(walls.privileges)).field("limits", nameOf(walls.limits));
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
  json.key("network").beginObject().field("default", nameOf(document.network.fallback));
  writeHosts(json, "allow", document.network.allow);
  writeHosts(json, "ask", document.network.ask);
  writeHosts(json, "forbid", document.network.forbid);
  json.endObject();
  json.key("exec").beginArray();
  for (const policy::ExecRule& rule : document.exec) {
    json.beginObject().key("match").beginArray();
    for (const std::string& word : rule.match) json.value(word);
    json.endArray().field("decide", nameOf(rule.decide)).field("why", rule.why).endObject();
  }
  json.endArray();
  writeLimits(json, document.limits);
  json.endObject();
  return std::move(json).take() + "\n";
}

}  // namespace ringfence::sandbox
