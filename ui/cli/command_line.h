// The arguments of the program as values: one table of verbs drives the parser, the help and the nearest-name hints.
// Pure; prints nothing.
//
//   auto parsed = parseCommandLine({argv + 1, argv + argc});
//   if (auto* wrong = std::get_if<UsageError>(&parsed)) …
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ringfence::cli {

struct Option {
  std::string_view name;   // without its dashes
  char letter = 0;         // 0: no short form
  std::string_view value;  // what --help calls its value; empty: a flag
  std::string_view help;
  std::string_view refusal;  // not empty: known, but this build does not enforce it, and says so
};

enum class Words {
  kNone,
  kOneRun,       // RUN
  kOptionalRun,  // [RUN]
  kOneNumber,    // ID
  kAction,       // VERB's own few words: [WORD…]
  kRunAndWords,  // RUN [-- WORD…]
  kRuns,         // RUN…|--all
  kCommand,      // [--] COMMAND [ARG…]: the first word ends the options
  kRest,         // everything behind the verb belongs to it
};

struct Verb {
  std::string_view name;
  std::string_view synopsis;  // behind "ringfence "
  std::string_view summary;   // one line, for the list
  std::string_view details;   // paragraphs, for the verb's own help
  std::span<const Option> options;
  Words words = Words::kNone;
};

// In the order of --help. Only what works is in it.
std::span<const Verb> verbs();
const Verb* findVerb(std::string_view name);

struct Parsed {
  const Verb* verb = nullptr;  // null: only with help or version
  bool help = false;
  bool version = false;
  std::vector<std::pair<std::string_view, std::string>> options;  // name, value; as often as given
  std::vector<std::string> words;
  // The command is started inside by ringfence-rpc, which stands between it and whoever started us: its words for that,
  // in front of "--name". Empty: nothing stands there.
  std::vector<std::string> between;

  bool has(std::string_view option) const;
  std::optional<std::string> value(std::string_view option) const;  // the last one
  std::vector<std::string> values(std::string_view option) const;
};

struct UsageError {
  std::string message;
  const Verb* verb = nullptr;  // whose help answers it; null: the general one
};

std::variant<Parsed, UsageError> parseCommandLine(std::span<const char* const> arguments);

std::string generalHelp();
std::string verbHelp(const Verb& verb);

}  // namespace ringfence::cli
