#include "ui/cli/focus_views.h"

#include <algorithm>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::cli {

bool isProtected(const client::FocusAnswer& answer) {
  return answer.pid == 0 || std::ranges::any_of(answer.parts, [](const auto& part) { return !part.amount.empty(); });
}

std::string focusText(const client::FocusAnswer& answer) {
  if (answer.pid == 0) return "no program of yours has the focus\n";
  const std::string name = "process " + std::to_string(answer.pid) + " (" + escapeForDisplay(answer.group) + ")";
  std::string text = isProtected(answer) ? name + " has the focus\n" : "nothing can be protected for " + name + ":\n";
  for (const client::ProtectedPart& part : answer.parts) {
    text += part.amount.empty() ? "  not its " : "  its ";
    text += escapeForDisplay(part.what) + ": " + escapeForDisplay(part.amount.empty() ? part.why : part.amount) + "\n";
  }
  return text;
}

std::string focusJson(const client::FocusAnswer& answer) {
  JsonWriter json;
  json.beginObject();
  if (answer.pid == 0)
    json.key("pid").null().key("group").null();
  else
    json.field("pid", answer.pid).untrustedField("group", answer.group);
  json.key("protected").beginArray();
  for (const client::ProtectedPart& part : answer.parts) {
    if (!part.amount.empty()) json.beginObject().field("what", part.what).field("amount", part.amount).endObject();
  }
  json.endArray().key("unprotected").beginArray();
  for (const client::ProtectedPart& part : answer.parts) {
    if (part.amount.empty()) json.beginObject().field("what", part.what).field("why", part.why).endObject();
  }
  json.endArray().endObject();
  return std::move(json).take();
}

}  // namespace ringfence::cli
