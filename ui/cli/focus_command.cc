
#include "sdk/base/text.h"
#include "sdk/base/whole_number.h"
#include "ui/cli/commands.h"
#include "ui/cli/focus_views.h"

namespace ringfence::cli {
namespace {

std::optional<std::int32_t> processIn(const std::string& word) {
  const auto pid = wholeNumber<std::int32_t>(word);
  return pid == 0 ? std::nullopt : pid;
}

}  // namespace

int focusCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  const bool clear = parsed.has("clear");
  if (parsed.words.size() + (clear ? 1 : 0) > 1) {
    complain("focus takes one PID, or --clear");
    return kExitUsage;
  }
  std::optional<std::int32_t> pid;
  if (!parsed.words.empty()) {
    pid = processIn(parsed.words[0]);
    if (!pid) {
      complain(escapeForDisplay(parsed.words[0]) + ": not the number of a process");
      return kExitUsage;
    }
  }
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = clear ? client->clearFocus() : pid ? client->setFocus(*pid) : client->focus();
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& focus = std::get<client::FocusAnswer>(answer);
  if (form == Form::kJson)
    printLine(focusJson(focus));
  else
    print(focusText(focus));
  return isProtected(focus) ? kExitOk : kExitFailed;
}

}  // namespace ringfence::cli
