#include "ui/cli/shapes.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "sdk/base/clock.h"
#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/format.h"

namespace ringfence::cli {
namespace {

void pidField(JsonWriter& json, std::int32_t pid) {
  json.key("pid");
  if (pid > 0)
    json.value(pid);
  else
    json.null();
}

// What a person reads in the note, as values.
void laterField(JsonWriter& json, const std::optional<client::LaterReport>& later) {
  json.key("later");
  if (!later) {
    json.null();
    return;
  }
  json.beginObject().key("files").beginArray();
  for (const client::LaterFile& file : later->files) {
    json.beginObject().untrustedField("path", file.path).untrustedField("obeyed_by", file.obeyedBy).key("by");
    if (file.pid) {
      json.beginObject().field("pid", *file.pid);
      if (file.name.empty())
        json.key("name").null();
      else
        json.untrustedField("name", file.name);
      json.endObject();
    } else {
      json.null();
    }
    json.endObject();
  }
  json.endArray().field("more", later->more).endObject();
}

void exitField(JsonWriter& json, const std::optional<client::ExitStatus>& exit) {
  json.key("exit");
  if (!exit || (!exit->code && !exit->signal)) {
    json.null();
    return;
  }
  json.beginObject();
  if (exit->signal)
    json.field("signal", *exit->signal);
  else
    json.field("code", *exit->code);
  if (exit->outOfMemory) json.field("out_of_memory", true);
  if (!exit->note.empty()) json.untrustedField("note", exit->note);
  json.endObject();
}

void endFields(JsonWriter& json, const std::optional<client::ExitStatus>& exit) {
  exitField(json, exit);
  laterField(json, exit ? exit->later : std::nullopt);
}

void pressureFields(JsonWriter& json, const client::Pressure& pressure) {
  json.key("pressure").beginObject();
  json.fieldOrNull("cpu_usec", pressure.cpuUsec);
  json.fieldOrNull("memory_usec", pressure.memoryUsec);
  json.fieldOrNull("io_usec", pressure.ioUsec);
  json.endObject();
}

// Of a sum of money or a count, both of which are told as doubles: to a millionth, and as short as it is.
std::string numberText(double number) {
  std::array<char, 64> text{};
  const auto length = std::snprintf(text.data(), text.size(), "%.6f", number);
  std::string digits(text.data(), static_cast<std::size_t>(std::clamp<int>(length, 0, 63)));
  while (digits.ends_with('0')) digits.pop_back();
  if (digits.ends_with('.')) digits.pop_back();
  return digits.empty() ? "null" : digits;
}

// A line a device that something is known of.
void acceleratorFields(JsonWriter& json, const std::vector<client::AcceleratorUse>& accelerators) {
  json.key("accelerators").beginArray();
  for (const client::AcceleratorUse& use : accelerators) {
    json.beginObject().untrustedField("device", use.device).field("kind", use.kind);
    json.fieldOrNull("busy_usec", use.busyUsec);
    json.field("scope", use.scope).field("confidence", use.confidence);
    json.fieldOrNull("memory_bytes", use.memoryBytes);
    json.endObject();
  }
  json.endArray();
}

void costFields(JsonWriter& json, const Cost& cost) {
  json.key("cost_usd").raw(cost.usd ? numberText(*cost.usd) : "null");
  json.field("cost_estimated", cost.isEstimated).field("cost_incomplete", cost.isIncomplete);
}

void budgetFields(JsonWriter& json, const std::vector<client::Budget>& budgets) {
  json.key("budgets").beginArray();
  for (const client::Budget& budget : budgets) {
    json.beginObject().field("limit", budget.limit);
    json.key("used").raw(budget.used ? numberText(*budget.used) : "null");
    json.key("edge").raw(numberText(budget.edge)).key("warn_at").raw(numberText(budget.warnAt));
    json.key("day");
    if (budget.day.empty())
      json.null();
    else
      json.value(budget.day);
    json.field("state", budget.state).endObject();
  }
  json.endArray();
}

void usageFields(JsonWriter& json, const client::Usage& usage) {
  json.key("usage").beginObject();
  json.fieldOrNull("cpu_usec", usage.cpuUsec);
  json.fieldOrNull("memory_bytes", usage.memoryBytes);
  json.fieldOrNull("memory_peak_bytes", usage.memoryPeakBytes);
  json.fieldOrNull("pids", usage.pids);
  json.fieldOrNull("io_read_bytes", usage.ioReadBytes);
  json.fieldOrNull("io_write_bytes", usage.ioWriteBytes);
  json.fieldOrNull("npu_usec", usage.npuUsec);
  json.fieldOrNull("gpu_usec", usage.gpuUsec);
  json.key("energy_uj").null();  // The counters of a machine tell nobody's share.
  json.fieldOrNull("tokens", usage.tokens);
  json.fieldOrNull("anonymous_bytes", usage.anonymousBytes);
  json.fieldOrNull("network_sent_bytes", usage.networkSentBytes);
  json.fieldOrNull("network_received_bytes", usage.networkReceivedBytes);
  pressureFields(json, usage.pressure);
  costFields(json, costOf(usage));
  budgetFields(json, usage.budgets);
  json.endObject();
  acceleratorFields(json, usage.accelerators);
}

void heldFields(JsonWriter& json, const std::optional<client::HeldBy>& held) {
  json.key("held");
  if (!held) {
    json.null();
    return;
  }
  json.beginObject().field("governor", held->governor).field("by_uid", held->byUid);
  json.untrustedField("reason", held->reason);
  json.untrustedFieldOrNull("since", held->since);
  json.untrustedFieldOrNull("by", held->by);
  json.untrustedFieldOrNull("cause", held->cause);
  json.endObject();
}

void pausingFields(JsonWriter& json, const std::optional<client::Pausing>& pausing) {
  json.key("pausing");
  if (!pausing) {
    json.null();
    return;
  }
  json.beginObject().field("by_uid", pausing->byUid);
  json.untrustedFieldOrNull("asked", pausing->asked);
  json.field("within_ms", static_cast<std::uint64_t>(std::max<std::int64_t>(pausing->within.count(), 0))).endObject();
}

void commandFields(JsonWriter& json, const std::vector<std::string>& command) {
  json.key("command").beginArray();
  for (const std::string& word : command) json.value(needsEscaping(word) ? escapeForDisplay(word) : word);
  json.endArray();
  if (std::none_of(command.begin(), command.end(), [](const std::string& word) { return needsEscaping(word); })) return;
  json.key("command_raw").beginArray();
  for (const std::string& word : command) json.value(encodeBase64(word));
  json.endArray();
}

void wallFields(JsonWriter& json, const client::RunDetails& run) {
  json.key("weakened").beginArray();
  for (const client::Weakening& weakening : run.weakened) {
    json.beginObject().field("wall", weakening.wall).untrustedField("reason", weakening.reason).endObject();
  }
  json.endArray();
  json.key("walls").beginArray();
  for (const client::WallReading& wall : run.walls) {
    json.beginObject().field("wall", wall.wall).untrustedField("wanted", wall.wanted).untrustedField("got", wall.got);
    json.field("proved", wall.proved).field("up", wall.up).endObject();
  }
  json.endArray();
}

// A document within a line: what is not an object or an array becomes a string, line ends become blanks.
void embed(JsonWriter& json, std::string_view document) {
  if (document.empty()) {
    json.null();
  } else if (document.front() != '{' && document.front() != '[') {
    json.value(document);
  } else {
    std::string line(document);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    json.raw(line);
  }
}

void eventFields(JsonWriter& json, const client::RunDetails& run) {
  json.key("alarms").beginArray();
  for (const client::AlarmLine& alarm : run.alarms) {
    json.beginObject().field("kind", alarm.kind).untrustedField("reason", alarm.reason);
    json.field("at", alarm.at).endObject();
  }
  json.endArray().key("limits_reached").beginArray();
  for (const client::AlarmLine& limit : run.limitsReached) {
    json.beginObject().field("limit", limit.kind).untrustedField("reason", limit.reason);
    json.field("at", limit.at).endObject();
  }
  json.endArray().key("adapter");
  if (run.adapter.empty())
    json.null();
  else
    json.beginObject()
        .untrustedField("name", run.adapter)
        .untrustedFieldOrNull("hook_heard_at", run.hookHeardAt)
        .endObject();
  json.key("agent_says");
  if (run.says.empty()) {
    json.null();
    return;
  }
  json.beginObject().untrustedField("text", run.says).field("at", run.saidAt).endObject();
}

}  // namespace

std::string runJson(const client::RunDetails& run) {
  JsonWriter json;
  json.beginObject().field("id", run.id).untrustedField("name", run.name).field("state", run.state);
  json.untrustedFieldOrNull("class", run.priority);
  heldFields(json, run.held);
  pausingFields(json, run.pausing);
  eventFields(json, run);
  endFields(json, run.exit);
  json.field("uid", run.uid).field("caller_uid", run.callerUid);
  pidField(json, run.pid);
  commandFields(json, run.command);
  json.untrustedField("workspace", run.workspace);
  json.key("policy").beginObject().untrustedField("name", run.policyName).field("hash", run.policyHash);
  json.untrustedFieldOrNull("file", run.policyFile);
  json.untrustedFieldOrNull("file_sha256", run.policyFileSha256);
  json.endObject();
  json.untrustedFieldOrNull("started", run.started);
  json.untrustedFieldOrNull("ended", run.ended);
  json.untrustedFieldOrNull("token", run.token);
  wallFields(json, run);
  usageFields(json, run.usage);
  json.key("notes").beginArray();
  for (const std::string& note : run.notes) json.value(needsEscaping(note) ? escapeForDisplay(note) : note);
  json.endArray().endObject();
  return std::move(json).take();
}

std::string usageJson(const client::UsageRow& row) {
  JsonWriter json;
  json.beginObject().field("run", row.run).untrustedField("name", row.name).field("state", row.state);
  usageFields(json, row.usage);
  json.endObject();
  return std::move(json).take();
}

std::string spendingJson(const client::DaySpending& spending) {
  JsonWriter json;
  json.beginObject().field("day", spending.day).field("uid", spending.uid).field("policy", spending.policy);
  json.fieldOrNull("tokens", spending.tokens);
  costFields(json, costOf(spending));
  json.fieldOrNull("prompts", spending.prompts).fieldOrNull("wall_time_ms", spending.wallTimeMs);
  json.endObject();
  return std::move(json).take();
}

std::string bucketJson(const client::UsageBucket& bucket) {
  JsonWriter json;
  json.beginObject().field("run", bucket.run).field("at", formatRfc3339(bucket.start)).field("seconds", bucket.seconds);
  json.fieldOrNull("cpu_usec", bucket.cpuUsec);
  json.fieldOrNull("memory_min", bucket.memoryMin);
  json.fieldOrNull("memory_mean", bucket.memoryMean);
  json.fieldOrNull("memory_max", bucket.memoryMax);
  json.fieldOrNull("pids_max", bucket.pidsMax);
  json.fieldOrNull("io_read_bytes", bucket.ioReadBytes);
  json.fieldOrNull("io_write_bytes", bucket.ioWriteBytes);
  json.endObject();
  return std::move(json).take();
}

std::string deviceJson(const client::Device& device) {
  JsonWriter json;
  json.beginObject().key("device").beginObject();
  json.fieldOrNull("cpus", device.cpus);
  json.fieldOrNull("cpu_busy_usec", device.cpuBusyUsec);
  json.fieldOrNull("memory_total_bytes", device.memoryTotalBytes);
  json.fieldOrNull("memory_available_bytes", device.memoryAvailableBytes);
  pressureFields(json, device.pressure);
  json.key("energy");
  if (device.energy.empty()) {
    json.null();
  } else {
    json.beginArray();
    for (const client::Energy& one : device.energy)
      json.beginObject().untrustedField("domain", one.domain).field("microjoules", one.microjoules).endObject();
    json.endArray();
  }
  acceleratorFields(json, device.accelerators);
  json.key("battery");
  if (device.battery) {
    json.beginObject();
    json.fieldOrNull("percent", device.battery->percent);
    json.field("discharging", device.battery->discharging);
    json.fieldOrNull("microwatts", device.battery->microwatts);
    json.endObject();
  } else {
    json.null();
  }
  json.endObject().endObject();
  return std::move(json).take();
}

std::string logJson(const client::LogLine& line) {
  JsonWriter json;
  json.beginObject().field("seq", line.seq).field("at", line.at);
  if (!line.run.empty()) json.field("run", line.run);
  json.field("kind", line.kind).key("body");
  embed(json, line.bodyJson);
  json.field("hash", line.hash).endObject();
  return std::move(json).take();
}

std::string verifyJson(const client::VerifyAnswer& answer) {
  JsonWriter json;
  json.beginObject().field("ok", answer.ok).field("facts", answer.facts);
  json.untrustedFieldOrNull("head", answer.head);
  json.key("first_bad_seq");
  if (answer.firstBadSeq != 0)
    json.value(answer.firstBadSeq);
  else
    json.null();
  json.untrustedFieldOrNull("detail", answer.detail);
  json.endObject();
  return std::move(json).take();
}

std::string exitLine(const std::optional<client::ExitStatus>& exit) {
  JsonWriter json;
  json.beginObject();
  endFields(json, exit);
  json.endObject();
  return std::move(json).take();
}

std::string errorJson(std::string_view code, std::string_view message, std::string_view token, int exitStatus,
                      std::string_view detail) {
  JsonWriter json;
  json.beginObject().key("error").beginObject().field("code", code).untrustedField("message", message);
  json.key("token");
  if (token.empty())
    json.null();
  else
    json.value(token);
  json.field("exit_status", exitStatus).key("detail");
  embed(json, detail);
  json.endObject().endObject();
  return std::move(json).take();
}

std::string outputJson(std::string_view bytes) {
  JsonWriter json;
  json.beginObject().untrustedField("output", bytes).endObject();
  return std::move(json).take();
}

}  // namespace ringfence::cli
