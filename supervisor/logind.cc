#include "supervisor/logind.h"

#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace ringfence::supervisor {
namespace {

// What sd-login gives is the caller's to free.
struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Text = std::unique_ptr<char, Free>;

using Ask = int (*)(const char* session, char** answer);

// Empty: it has none, or it ended meanwhile.
std::string ask(Ask what, const char* session) {
  char* answer = nullptr;
  if (what(session, &answer) < 0) return "";
  const Text text(answer);
  return text ? text.get() : "";
}

LoginSession sessionCalled(const char* name) {
  return {.kind = ask(::sd_session_get_class, name),
          .state = ask(::sd_session_get_state, name),
          .onSeat = !ask(::sd_session_get_seat, name).empty(),
          .remote = ::sd_session_is_remote(name) != 0};  // In doubt it is.
}

}  // namespace

// Its folder alone is also what an image of a system left, of which nobody started the manager.
bool logindRuns() { return ::sd_booted() > 0 && ::access("/run/systemd/seats", F_OK) == 0; }

Login lookUpLogin(std::uint32_t uid, std::optional<std::uint32_t> owner) {
  LoginFindings findings{.logindRuns = logindRuns(), .owner = owner, .sessions = {}};
  if (!findings.logindRuns || owner != uid) return judgeLogin(uid, findings);
  char** names = nullptr;
  if (::sd_uid_get_sessions(uid, 0, &names) > 0 && names != nullptr) {
    for (char** name = names; *name != nullptr; ++name) {
      const Text text(*name);
      findings.sessions.push_back(sessionCalled(text.get()));
    }
  }
  const std::unique_ptr<char*, Free> list(names);
  return judgeLogin(uid, findings);
}

}  // namespace ringfence::supervisor
