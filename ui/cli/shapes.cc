#include "ui/cli/shapes.h"

#include <algorithm>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

template <typename Number>
void optionalField(JsonWriter& json, std::string_view name, const std::optional<Number>& number) {
  json.key(name);
  if (number)
    json.value(*number);
  else
    json.null();
}

void textOrNull(JsonWriter& json, std::string_view name, const std::string& text) {
  if (text.empty())
    json.key(name).null();
  else
    json.untrustedField(name, text);
}

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

void usageFields(JsonWriter& json, const client::Usage& usage) {
  json.key("usage").beginObject();
  optionalField(json, "cpu_usec", usage.cpuUsec);
  optionalField(json, "memory_bytes", usage.memoryBytes);
  optionalField(json, "memory_peak_bytes", usage.memoryPeakBytes);
  optionalField(json, "pids", usage.pids);
  optionalField(json, "io_read_bytes", usage.ioReadBytes);
  optionalField(json, "io_write_bytes", usage.ioWriteBytes);
  // Not metered by this build.
  json.key("npu_usec").null().key("gpu_usec").null().key("tokens").null();
  json.endObject();
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

}  // namespace

std::string runJson(const client::RunDetails& run) {
  JsonWriter json;
  json.beginObject().field("id", run.id).untrustedField("name", run.name).field("state", run.state);
  endFields(json, run.exit);
  json.field("uid", run.uid).field("caller_uid", run.callerUid);
  pidField(json, run.pid);
  commandFields(json, run.command);
  json.untrustedField("workspace", run.workspace);
  json.key("policy").beginObject().untrustedField("name", run.policyName).field("hash", run.policyHash);
  textOrNull(json, "file", run.policyFile);
  textOrNull(json, "file_sha256", run.policyFileSha256);
  json.endObject();
  textOrNull(json, "started", run.started);
  textOrNull(json, "ended", run.ended);
  textOrNull(json, "token", run.token);
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
  textOrNull(json, "head", answer.head);
  json.key("first_bad_seq");
  if (answer.firstBadSeq != 0)
    json.value(answer.firstBadSeq);
  else
    json.null();
  textOrNull(json, "detail", answer.detail);
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
