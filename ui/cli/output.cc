#include "ui/cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "ui/cli/shapes.h"

namespace ringfence::cli {
namespace {

void toStderr(std::string_view text) {
  // Nowhere is left to say that stderr is gone.
  (void)writeAll(STDERR_FILENO, text, "stderr");
}

std::string unreachableHint() {
  return "Start the daemon with 'sudo systemctl start ringfenced' (or 'sudo ringfenced'), or set RINGFENCE_SOCKET.";
}

bool isUnreachable(const Error& error) { return error.code == ErrorCode::kUnavailable; }

}  // namespace

void print(std::string_view text) {
  if (!writeAll(STDOUT_FILENO, text, "stdout")) std::_Exit(kExitFailed);
}

void printLine(std::string_view text) { print(std::string(text) + "\n"); }

void complain(std::string_view message) { toStderr("ringfence: " + std::string(message) + "\n"); }

Colour stdoutColour() {
  const char* refused = std::getenv("NO_COLOR");
  const bool wanted = ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
  return wanted ? Colour::kOn : Colour::kOff;
}

std::string socketPath() {
  const char* named = ::secure_getenv("RINGFENCE_SOCKET");
  return named != nullptr && *named != '\0' ? named : "/run/ringfence/control.sock";
}

std::string escapeLines(std::string_view text) {
  std::string out;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    std::string_view line = text.substr(from, end - from);
    while (!line.empty()) {
      // A backslash is shown as it is: a source line must look like the file.
      const std::size_t plain = std::min(line.find('\\'), line.size());
      out += escapeForDisplay(line.substr(0, plain));
      if (plain < line.size()) out += '\\';
      line.remove_prefix(std::min(plain + 1, line.size()));
    }
    if (end < text.size()) out += '\n';
    from = end + 1;
  }
  return out;
}

int fail(const Error& error, Form form) {
  const int status = isUnreachable(error) ? kExitUnreachable : kExitFailed;
  if (form == Form::kJson) {
    toStderr(errorJson(errorCodeName(error.code), error.message, "", status, "") + "\n");
    return status;
  }
  std::string text = escapeLines(error.message);
  if (status == kExitUnreachable) {
    text = "cannot reach the daemon at " + escapeForDisplay(socketPath()) + ": " + text + ".\n" + unreachableHint();
  }
  complain(text);
  return status;
}

int fail(const client::Failure& failure, Form form) {
  if (!failure.refusal) return fail(failure.error, form);
  const client::Refusal& refusal = *failure.refusal;
  const int status = refusal.exitCode > 0 && refusal.exitCode < 256 ? refusal.exitCode : kExitFailed;
  if (form == Form::kJson) {
    toStderr(errorJson(refusal.code, refusal.message, refusal.token, status, refusal.json) + "\n");
  } else if (refusal.code == "policy" && refusal.message.starts_with("error")) {
    toStderr(escapeLines(refusal.message) + (refusal.message.ends_with('\n') ? "" : "\n"));  // rustc style, as it came
  } else {
    complain(escapeLines(refusal.message));
  }
  return status;
}

int failStart(std::string_view message, std::string_view token, int exitStatus, Form form) {
  if (form == Form::kJson)
    toStderr(errorJson("not-started", message, token, exitStatus, "") + "\n");
  else
    complain(message);
  complain("not started: " + std::string(token));
  return exitStatus;
}

}  // namespace ringfence::cli
