#include "ui/top/frame_json.h"

#include <algorithm>

#include "sdk/base/json_writer.h"

namespace ringfence::top {
namespace {

std::string rowJson(const Row& row, const client::RunDetails& run) {
  JsonWriter json;
  json.beginObject().field("run", row.run).untrustedField("name", run.name);
  json.untrustedFieldOrNull("class", run.priority);
  json.field("state", run.state).field("held_by_governor", row.heldByGovernor);
  json.field("pausing", row.pausing.has_value());
  json.fieldOrNull("why", row.why.empty() ? std::nullopt : std::optional(row.why));  // Escaped already.
  json.fieldOrNull("cpu_percent", row.cpu);
  json.fieldOrNull("memory_bytes", row.memory);
  json.fieldOrNull("memory_bytes_per_sec", row.growth);
  json.fieldOrNull("read_bytes_per_sec", row.read);
  json.fieldOrNull("write_bytes_per_sec", row.written);
  json.fieldOrNull("network_bytes_per_sec", row.network);
  json.fieldOrNull("accelerator_percent", row.accelerator);
  json.fieldOrNull("tokens", row.tokens);
  json.fieldOrNull("cost_usd", row.costUsd);
  json.field("cost_estimated", row.costEstimated).field("cost_incomplete", row.costIncomplete);
  json.fieldOrNull("pids", row.pids);
  json.fieldOrNull("questions", row.questions);
  json.untrustedFieldOrNull("agent_says", run.says);
  json.endObject();
  return std::move(json).take();
}

std::string machineJson(const Machine& machine) {
  JsonWriter json;
  json.beginObject().key("device").beginObject();
  json.fieldOrNull("cpus", machine.cpus);
  json.fieldOrNull("cpu_percent", machine.cpu);
  json.fieldOrNull("memory_total_bytes", machine.memoryTotal);
  json.fieldOrNull("memory_available_bytes", machine.memoryAvailable);
  json.fieldOrNull("waits_for_cpu_percent", machine.waitsForCpu);
  json.fieldOrNull("waits_for_memory_percent", machine.waitsForMemory);
  json.fieldOrNull("waits_for_disks_percent", machine.waitsForDisks);
  json.fieldOrNull("gpu_percent", machine.gpu);
  json.fieldOrNull("npu_percent", machine.npu);
  json.key("power").beginArray();
  for (const Power& power : machine.power) {
    json.beginObject().field("domain", power.domain);
    json.fieldOrNull("watts", power.watts);
    json.endObject();
  }
  json.endArray().key("battery_percent");
  if (machine.battery && machine.battery->percent)
    json.value(*machine.battery->percent);
  else
    json.null();
  json.endObject().endObject();
  return std::move(json).take();
}

}  // namespace

std::string frameJson(const View& view, const Reading& now) {
  std::string lines;
  for (const Row& row : view.rows) {
    const auto run = std::ranges::find(now.runs, row.run, &client::RunDetails::id);
    if (run != now.runs.end()) lines += rowJson(row, *run) + "\n";
  }
  if (view.machine) lines += machineJson(*view.machine) + "\n";
  return lines;
}

}  // namespace ringfence::top
