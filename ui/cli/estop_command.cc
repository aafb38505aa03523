// The emergency stop: asked for without the daemon, ended with it.
#include <unistd.h>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "sdk/client/stop_client.h"
#include "ui/cli/commands.h"
#include "ui/cli/shapes.h"
#include "ui/cli/stop_views.h"

namespace ringfence::cli {
namespace {

// What it reads back takes five seconds at most.
constexpr std::chrono::seconds kPatience{15};

int failToStop(const Error& error, Form form) {
  const bool isAbsent = error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kNotFound;
  const int status = isAbsent ? kExitUnreachable : kExitFailed;
  if (form == Form::kJson) {
    const std::string line = errorJson(errorCodeName(error.code), error.message, "", status, "") + "\n";
    (void)writeAll(STDERR_FILENO, line, "stderr");  // Nowhere is left to say that stderr is gone.
    return status;
  }
  const bool isUncertain = error.code == ErrorCode::kUncertain;
  complain((isUncertain ? "it is not known whether everything was stopped: " : "nothing was stopped: ") +
           escapeLines(error.message));
  if (isUncertain) {
    complain(
        "'ringfence ps' shows what stands still, and 'ringfence freeze --now --all' asks the daemon to hold your runs; "
        "a second stop within three seconds kills");
  }
  if (isAbsent) {
    complain(
        "ringfence-stop is not there; 'ringfence freeze --now --all' and 'ringfence kill --all' ask the daemon "
        "instead, for "
        "runs of yours");
  }
  return status;
}

}  // namespace

int estopCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  const auto answer = client::askStop(parsed.has("kill") ? "kill ringfence estop" : "stop ringfence estop", kPatience);
  if (!answer) return failToStop(answer.error(), form);
  const auto receipt = readReceipt(*answer);
  if (!receipt)
    return failToStop({ErrorCode::kUncertain, "ringfence-stop answered something that is no receipt"}, form);
  if (form == Form::kJson)
    printLine(*answer);
  else
    print(receipt->text);
  if (!receipt->refused.empty()) complain(escapeLines(receipt->refused));
  const bool wasKilled = receipt->killed || !parsed.has("kill");
  return receipt->verified && receipt->latched && wasKilled ? kExitOk : kExitFailed;
}

int rearmCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->rearm();
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& held = std::get<std::vector<std::string>>(answer);
  if (form == Form::kJson)
    printLine(rearmedJson(held));
  else
    print(rearmedText(held));
  return kExitOk;
}

}  // namespace ringfence::cli
