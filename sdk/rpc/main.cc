// ringfence-rpc: what stands inside a fence between programs that speak by lines of JSON. `ringfence mcp` and
// `ringfence acp` start it; nobody types it.
#include <sys/prctl.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/agent/agent.h"
#include "sdk/base/text.h"
#include "sdk/rpc/acp_guard.h"
#include "sdk/rpc/claude_guard.h"
#include "sdk/rpc/codex_guard.h"
#include "sdk/rpc/mcp_guard.h"
#include "sdk/rpc/mcp_tools.h"
#include "sdk/rpc/relay.h"

namespace ringfence::rpc {
namespace {

constexpr int kUsage = 2;
constexpr int kFailed = 1;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

constexpr char kHelp[] =
    "usage: ringfence-rpc tools\n"
    "       ringfence-rpc connect PATH\n"
    "       ringfence-rpc guard --name NAME --program FILE -- SERVER [ARG…]\n"
    "       ringfence-rpc acp|claude|codex --name NAME --program FILE [--usage hook] -- AGENT [ARG…]\n"
    "\n"
    "Started inside a fence by 'ringfence mcp' and 'ringfence acp'; 'ringfence mcp --help' has more.\n";

struct Arguments {
  std::string name, program;
  UsageFrom usage = UsageFrom::kAnswers;
  std::vector<std::string> argv;
};

// [--name NAME] [--program FILE] [--usage hook] -- WORD…
std::optional<Arguments> argumentsOf(const std::vector<std::string>& words) {
  Arguments arguments;
  std::size_t at = 1;
  for (; at + 1 < words.size() && words[at] != "--"; at += 2) {
    if (words[at] == "--name")
      arguments.name = words[at + 1];
    else if (words[at] == "--program")
      arguments.program = words[at + 1];
    else if (words[at] == "--usage" && words[at + 1] == "hook")
      arguments.usage = UsageFrom::kHook;
    else
      return std::nullopt;
  }
  if (at >= words.size() || words[at] != "--") return std::nullopt;
  arguments.argv.assign(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
  if (arguments.argv.empty() || arguments.argv.front().empty()) return std::nullopt;
  if (arguments.program.empty()) arguments.program = arguments.argv.front();
  const std::string& first = arguments.argv.front();
  if (arguments.name.empty()) arguments.name = first.substr(first.rfind('/') + 1);
  return arguments;
}

std::string workingDirectory() {
  char path[PATH_MAX];
  return ::getcwd(path, sizeof path) != nullptr ? path : "";
}

void complain(const std::string& words) { std::fprintf(stderr, "ringfence: %s\n", words.c_str()); }

int usage() {
  std::fputs(kHelp, stderr);
  return kUsage;
}

int finish(const Result<int>& status) {
  if (status) return *status;
  complain(status.error().message);
  if (status.error().code == ErrorCode::kNotFound) return kNotFound;
  return status.error().code == ErrorCode::kDenied ? kNotExecutable : kFailed;
}

int connect(const std::string& path) {
  const auto status = connectTo(path);
  if (status) return *status;
  complain(status.error().message);
  return kFailed;
}

int between(Mediator& mediator, const Arguments& arguments) {
  // What is started here has the same user: without this it could open our descriptors in /proc and go round us.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) {
    complain("what is started here could not be kept from our descriptors");
    return kFailed;
  }
  return finish(relay(mediator, {arguments.program, arguments.argv}));
}

// By the name of what is spoken; nothing: nobody speaks it.
std::unique_ptr<Mediator> mediatorOf(const std::string& protocol, const Arguments& arguments) {
  if (protocol == "guard") return std::make_unique<McpGuard>(arguments.name);
  if (protocol == "acp") return std::make_unique<AcpGuard>(workingDirectory(), arguments.usage);
  if (protocol == "claude") return std::make_unique<ClaudeGuard>(workingDirectory());
  if (protocol == "codex") return std::make_unique<CodexGuard>(workingDirectory());
  return nullptr;
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 1 && words[0] == "--version") {
    std::puts("ringfence-rpc " RINGFENCE_VERSION);
    return 0;
  }
  if (words.empty() || words[0] == "--help") {
    std::fputs(kHelp, words.empty() ? stderr : stdout);
    return words.empty() ? kUsage : 0;
  }
  if (words[0] == "connect") return words.size() == 2 ? connect(words[1]) : usage();
  const std::string absent = Agent().absent();
  if (words[0] == "tools") {
    if (words.size() != 1) return usage();
    if (!absent.empty()) complain(absent + ": nothing can be asked here, so all that is asked is denied");
    McpTools tools(workingDirectory(), absent);
    return finish(relay(tools, {}));
  }
  const auto arguments = argumentsOf(words);
  const auto mediator = arguments ? mediatorOf(words[0], *arguments) : nullptr;
  if (!mediator) return usage();
  if (!absent.empty()) complain(absent + ": nothing can be asked here, so no call is let through");
  return between(*mediator, *arguments);
}

}  // namespace
}  // namespace ringfence::rpc

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return ringfence::rpc::run({words + 1, words + (count > 0 ? count : 1)});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "ringfence: what stands between failed (%s), so it ends\n", failure.what());
  } catch (...) { std::fputs("ringfence: what stands between failed, so it ends\n", stderr); }
  return 1;
}
