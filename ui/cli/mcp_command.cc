#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/mcp_serve.h"
#include "ui/cli/rpc_program.h"

namespace ringfence::cli {
namespace {

using WordList = std::vector<std::string>;

constexpr std::string_view kProtocols[] = {"acp", "claude", "codex"};  // of those who drive agents

bool isInside() {
  const char* socket = std::getenv("RINGFENCE_AGENT_SOCKET");
  return socket != nullptr && *socket != '\0';
}

int refuseInside(const std::string& what) {
  complain(
      what +
      ": nothing can be given a fence of its own from inside one; outside, 'ringfence mcp serve --socket PATH' offers "
      "such a server, and 'ringfence mcp connect PATH' inside reaches it");
  return kExitUnreachable;
}

int misused(const std::string& message) {
  complain(message);
  complain("see 'ringfence mcp --help'");
  return kExitUsage;
}

// As 'ringfence run' takes them. Nothing: it was said what is wrong with them, with this status.
std::variant<Parsed, int> runWords(const WordList& words) {
  std::vector<const char*> arguments{"run"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  auto line = parseCommandLine(arguments);
  if (const auto* wrong = std::get_if<UsageError>(&line)) return misused(wrong->message);
  return std::get<Parsed>(std::move(line));
}

int explain(const Parsed& own) {
  print(verbHelp(*own.verb));
  return kExitOk;
}

int runServer(const Parsed& own, const WordList& words) {
  auto parsed = runWords(words);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  Parsed& run = std::get<Parsed>(parsed);
  if (run.help) return explain(own);
  if (run.has("detach")) return misused("mcp run: a server is spoken with, so '--detach' makes no sense");
  if (isInside()) return refuseInside("mcp run");
  run.between = {"guard"};
  return runCommand(run);
}

int serve(const Parsed& own, const WordList& words) {
  WordList rest;
  std::string path;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (word == "--") {
      rest.insert(rest.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
      break;
    }
    if (word.starts_with("--socket=")) {
      path = word.substr(9);
    } else if (word == "--socket" && at + 1 < words.size()) {
      path = words[++at];
    } else {
      rest.push_back(word);
    }
  }
  // What is wrong with them is said now and not at each connection.
  auto parsed = runWords(rest);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  if (std::get<Parsed>(parsed).help) return explain(own);
  if (path.empty()) return misused("mcp serve: where? --socket PATH");
  if (std::get<Parsed>(parsed).has("detach"))
    return misused("mcp serve: a server is spoken with, so '--detach' makes no sense");
  if (isInside()) return refuseInside("mcp serve");
  return serveServers(path, rest);
}

}  // namespace

int mcpCommand(const Parsed& parsed) {
  const WordList& words = parsed.words;
  if (words.empty()) return becomeRpcProgram({"tools"});
  const WordList rest(words.begin() + 1, words.end());
  if (words[0] == "run") return runServer(parsed, rest);
  if (words[0] == "serve") return serve(parsed, rest);
  if (words[0] == "guard" && !rest.empty()) return becomeRpcProgram(words);
  if (words[0] != "connect") return misused("mcp: unknown action '" + escapeForDisplay(words[0]) + "'");
  if (rest == WordList{"--help"} || rest == WordList{"-h"}) return explain(parsed);
  if (rest.size() != 1) return misused("mcp connect: which socket? One PATH");
  return becomeRpcProgram({"connect", rest[0]});
}

int acpCommand(const Parsed& parsed) {
  if (parsed.has("detach")) {
    complain("acp: an agent is spoken with, so '--detach' makes no sense");
    return kExitUsage;
  }
  if (isInside()) {
    complain("acp: nothing can be given a fence of its own from inside one");
    return kExitUnreachable;
  }
  const std::string protocol = parsed.value("protocol").value_or("acp");
  if (std::ranges::find(kProtocols, protocol) == std::end(kProtocols)) {
    complain("acp: --protocol '" + escapeForDisplay(protocol) + "': there are acp, claude and codex");
    return kExitUsage;
  }
  Parsed run = parsed;
  run.between = {protocol};
  return runCommand(run);
}

}  // namespace ringfence::cli
