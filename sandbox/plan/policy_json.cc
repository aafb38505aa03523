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
  writePaths(json, "ask_read", files.askRead);
  json.key("rewrite").beginArray();
  for (const policy::PathRewrite& rule : files.rewrite) {
    json.beginObject().field("match", rule.pattern);
    if (rule.content)
      json.field("prepared", true);
    else
      json.field("to", rule.to);
    json.field("why", rule.why).endObject();
  }
  json.endArray();
  writePaths(json, "forbid", files.forbid);
  json.endObject();
}

void writePorts(JsonWriter& json, const char* key, const std::vector<std::uint16_t>& ports) {
  json.key(key).beginArray();
  for (const std::uint16_t port : ports) json.value(port);
  json.endArray();
}

// Of a credential what an agent needs: never where its value comes from.
void writeNetwork(JsonWriter& json, const policy::Network& network) {
  json.key("network").beginObject().field("default", wordOf(network.fallback));
  writeHosts(json, "allow", network.allow);
  writeHosts(json, "ask", network.ask);
  writeHosts(json, "forbid", network.forbid);
  json.key("rewrite").beginArray();
  for (const policy::HostRewrite& rule : network.rewrite) {
    json.beginObject().field("host", rule.host);
    if (rule.port) json.field("port", *rule.port);
    json.field("to", rule.to).field("why", rule.why).endObject();
  }
  json.endArray();
  writePorts(json, "loopback", network.loopback);
  writePorts(json, "publish", network.publish);
  json.key("credential").beginArray();
  for (const policy::Credential& credential : network.credentials)
    json.beginObject().field("host", credential.host).field("base", credential.baseVariable).endObject();
  json.endArray();
  json.key("send_limit_bytes").raw(network.sendLimit ? std::to_string(network.sendLimit->count) : "null");
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

void writeTools(JsonWriter& json, const policy::Tools& tools) {
  json.key("tools").beginObject().field("default", wordOf(tools.fallback)).key("rule").beginArray();
  for (const policy::ToolRule& rule : tools.rules) {
    json.beginObject().key("match").beginArray();
    for (const std::string& name : rule.match) json.value(name);
    json.endArray().field("decide", wordOf(rule.decide)).field("why", rule.why).endObject();
  }
  json.endArray().endObject();
}

void writeBudgets(JsonWriter& json, const policy::Limits& limits) {
  const auto write = [&json](const char* key, const std::optional<std::uint64_t>& value) {
    json.key(key).raw(value ? std::to_string(*value) : "null");
  };
  write("tokens", limits.tokens);
  write("tokens_per_day", limits.tokensPerDay);
  write("cost_microusd", limits.costMicroUsd);
  write("cost_per_day_microusd", limits.costPerDayMicroUsd);
  write("prompts", limits.prompts);
  write("prompts_per_day", limits.promptsPerDay);
  write("warn_at_percent", limits.warnAtPercent);
}

void writeLimits(JsonWriter& json, const policy::Limits& limits) {
  json.key("limits").beginObject();
  json.key("cpu_percent").raw(limits.cpu ? std::to_string(limits.cpu->percent) : "null");
  json.key("memory_bytes").raw(limits.memory ? std::to_string(limits.memory->count) : "null");
  json.key("pids").raw(limits.pids ? std::to_string(*limits.pids) : "null");
  json.key("npu_percent").raw(limits.npu ? std::to_string(limits.npu->percent) : "null");
  json.key("gpu_percent").raw(limits.gpu ? std::to_string(limits.gpu->percent) : "null");
  json.key("io_write_bytes_per_sec").raw(limits.ioWrite ? std::to_string(limits.ioWrite->count) : "null");
  json.key("wall_time_sec").raw(limits.wallTime ? std::to_string(limits.wallTime->count()) : "null");
  json.key("wall_time_per_day_sec")
      .raw(limits.wallTimePerDay ? std::to_string(limits.wallTimePerDay->count()) : "null");
  writeBudgets(json, limits);
  json.field("on_limit", policy::wordOf(limits.onLimit));
  json.field("on_alarm", limits.onAlarm == policy::OnAlarm::kPause ? "pause" : "record");
  json.endObject();
}

}  // namespace

std::string policyJson(const policy::Document& document, const std::string& hash) {
  JsonWriter json;
  json.beginObject().field("name", document.name).field("hash", hash);
  json.field("mode", document.mode == policy::Mode::kEnforce ? "enforce" : "audit");
  writeWalls(json, document.walls);
  writeFiles(json, document.files);
  writeNetwork(json, document.network);
  json.key("exec").beginArray();
  for (const policy::ExecRule& rule : document.exec) {
    json.beginObject().key("match").beginArray();
    for (const std::string& word : rule.match) json.value(word);
    json.endArray().field("decide", wordOf(rule.decide)).field("why", rule.why);
    if (!rule.rewrite.empty()) {
      json.key("rewrite").beginArray();
      for (const std::string& word : rule.rewrite) json.value(word);
      json.endArray();
    }
    json.endObject();
  }
  json.endArray();
  writeTools(json, document.tools);
  writeLimits(json, document.limits);
  json.endObject();
  return std::move(json).take() + "\n";
}

}  // namespace ringfence::sandbox
