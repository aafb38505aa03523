#include "sandbox/wire/denial.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "policy/words.h"
#include "sdk/base/bounded_text.h"
#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxText = 512;  // bytes

std::string_view outcomeName(DenialOutcome outcome) {
  switch (outcome) {
    case DenialOutcome::kForbidden: return "forbidden";
    case DenialOutcome::kDenied: return "denied";
    case DenialOutcome::kExpired: return "expired";
    case DenialOutcome::kStopped: return "stopped";
  }
  return "forbidden";
}

std::string_view cut(std::string_view text) { return beginningOf(text, kMaxText); }

}  // namespace

std::string denialJson(const Denial& denial) {
  const policy::Origin& origin = denial.rule.origin;
  // A path that was cut would be another path.
  const bool isHost = denial.operation == policy::Operation::kConnect;
  const std::string_view target(denial.target);
  JsonWriter json;
  json.beginObject().field("op", policy::wordOf(denial.operation));
  json.untrustedField("target", target.substr(0, isHost ? kMaxText : kMaxGuardText));
  json.field("outcome", outcomeName(denial.outcome)).untrustedField("rule", cut(denial.rule.text));
  if (origin.file.empty())
    json.key("file_line").null();
  else
    json.untrustedField("file_line", std::string(cut(origin.file)) + ":" + std::to_string(origin.line));
  json.untrustedField("say", cut(denial.say.empty() ? denial.rule.why : denial.say)).key("next").beginArray();
  json.value(denial.outcome == DenialOutcome::kExpired ? "ask" : "do not retry").endArray().endObject();
  return std::move(json).take();
}

std::string limitJson(const LimitTold& told) {
  JsonWriter json;
  json.beginObject().field("op", "limit").untrustedField("target", cut(told.limit)).field("outcome", "stopped");
  json.untrustedField("rule", "limits." + std::string(cut(told.limit)));
  if (told.place.empty())
    json.key("file_line").null();
  else
    json.untrustedField("file_line", cut(told.place));
  json.untrustedField("say", cut(told.say)).key("next").beginArray().value(cut(told.next)).endArray().endObject();
  return std::move(json).take();
}

namespace {

void append(int file, const std::string& line) {
  if (file < 0) return;
  struct stat status {};
  const bool isFull =
      ::fstat(file, &status) == 0 && static_cast<std::uint64_t>(status.st_size) + line.size() > kMaxDenialsFile.count;
  if (isFull && ::ftruncate(file, 0) != 0) return;
  (void)writeAll(file, line, "the file of denials");
}

}  // namespace

void tellAgent(int file, const Denial& denial) { append(file, denialJson(denial) + "\n"); }
void tellOfLimit(int file, const LimitTold& told) { append(file, limitJson(told) + "\n"); }

}  // namespace ringfence::sandbox
