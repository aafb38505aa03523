// The program `ringfence`: finds the verb and calls it.
#include <malloc.h>

#include <cstdlib>
#include <string_view>

#include "ui/cli/command_line.h"
#include "ui/cli/commands.h"
#include "ui/cli/output.h"
#ifdef RINGFENCE_HAS_POLICY_COMMAND
#include "ui/cli/policy_command.h"
#endif

namespace ringfence::cli {
namespace {

int helpCommand(const Parsed& parsed) {
  if (parsed.words.empty() || parsed.help) {
    print(generalHelp());
    return kExitOk;
  }
  if (const Verb* verb = findVerb(parsed.words[0])) {
    print(verbHelp(*verb));
    return kExitOk;
  }
  const char* const asked[] = {parsed.words[0].c_str()};
  complain(std::get<UsageError>(parseCommandLine(asked)).message);
  return kExitUsage;
}

struct Handler {
  std::string_view verb;
  int (*call)(const Parsed&);
};

constexpr Handler kHandlers[] = {
    {"run", runCommand},
    {"attach", attachCommand},
    {"ps", psCommand},
    {"show", showCommand},
    {"logs", logsCommand},
    {"freeze", freezeCommand},
    {"resume", resumeCommand},
    {"stop", stopCommand},
    {"kill", killCommand},
    {"log", logCommand},
    {"export", exportCommand},
    {"verify", verifyCommand},
    {"doctor", doctorCommand},
    {"usage", usageCommand},
    {"top", topCommand},
    {"pending", pendingCommand},
    {"allow", allowCommand},
    {"deny", denyCommand},
    {"rewrite", rewriteCommand},
    {"grants", grantsCommand},
    {"why", whyCommand},
    {"price", priceCommand},
    {"prune", pruneCommand},
    {"focus", focusCommand},
    {"estop", estopCommand},
    {"rearm", rearmCommand},
    {"mcp", mcpCommand},
    {"acp", acpCommand},
    {"adapter", adapterCommand},
    {"shim", shimCommand},
    {"help", helpCommand},
#ifdef RINGFENCE_HAS_POLICY_COMMAND
    {"policy", [](const Parsed& parsed) { return policyCommand(parsed.words); }},
#endif
};

int answerUsageError(const UsageError& wrong) {
  complain(wrong.message);
  complain(wrong.verb != nullptr ? "see 'ringfence " + std::string(wrong.verb->name) + " --help'"
                                 : std::string("see 'ringfence --help'"));
  return kExitUsage;
}

int runVerb(int argc, char** argv) {
  const auto line = parseCommandLine({argv + 1, argv + (argc > 0 ? argc : 1)});
  if (const auto* wrong = std::get_if<UsageError>(&line)) return answerUsageError(*wrong);
  const Parsed& parsed = std::get<Parsed>(line);
  if (parsed.version) {
    printLine("ringfence " RINGFENCE_VERSION);
    return kExitOk;
  }
  if (parsed.help) {
    print(parsed.verb != nullptr ? verbHelp(*parsed.verb) : generalHelp());
    return kExitOk;
  }
  for (const Handler& handler : kHandlers) {
    if (handler.verb == parsed.verb->name) return handler.call(parsed);
  }
  checkFailed("every verb of the table has a handler", __FILE__, __LINE__);
}

}  // namespace
}  // namespace ringfence::cli

int main(int argc, char** argv) {
  // In so short a life memory is asked for in larger pieces and not given back.
  (void)::mallopt(M_TOP_PAD, 512 << 10);
  (void)::mallopt(M_TRIM_THRESHOLD, 4 << 20);
  const int status = ringfence::cli::runVerb(argc, argv);
  // Nothing of ours is buffered: destructors of global objects would only cost time.
  std::_Exit(status);
}
