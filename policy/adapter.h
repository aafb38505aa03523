// What Ringfence knows of an agent that people already use, as data: how its command is known, what is added to its
// arguments and environment, which of its files in the private home make it speak, and which of its events are its
// word. Pure. Meaning, never enforcement: whatever an adapter says, the walls of the run are those of its policy.
//
//   auto read = decodeAdapter(*readSource("/usr/share/ringfence/adapters/claude.toml"));
//   if (const Adapter* adapter = std::get_if<Adapter>(&read))
//     if (auto place = placeOfAgent(*adapter, argv)) …
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/load.h"

namespace ringfence::policy {

// A JSON file below the agent's home. What is there stays; `merge` comes on top of it.
struct AdapterFile {
  std::string path;   // relative, plain parts alone
  std::string merge;  // a JSON object; $HOOK in its texts stands for the path of ringfence-hook
};

// The program that the agent's settings make it call.
struct AdapterHook {
  std::vector<std::string> events;   // the agent's own names of those with which it is heard
  std::uint64_t silentAfterSec = 0;  // of work without one of them: an alarm
};

// How it is asked to end, where that is not what any program understands (SIGTERM, then five seconds).
struct AdapterStop {
  std::string signal = "TERM";    // HUP, INT, QUIT or TERM
  std::uint64_t patienceSec = 5;  // then it is killed
};

struct Adapter {
  std::string name;
  std::string file;     // where it was written
  std::string summary;  // its first comment line
  // Any of these makes a command the agent's: the base name of its program, the end of the path of a script that an
  // interpreter runs, and a package that a runner (npx) fetches.
  std::vector<std::string> programs, scripts, packages;
  std::vector<std::string> arguments;  // right behind the word by which it is known
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<AdapterFile> files;
  std::vector<std::string> credentials;  // files below the home that hold its login; relative, plain parts alone
  std::optional<AdapterHook> hook;
  std::optional<AdapterStop> stop;
};

// Errors like those of a policy. A file counts whole or not at all, and the name in it is that of the file.
std::variant<Adapter, std::vector<Diagnostic>> decodeAdapter(const SourceText& source);

// Which word of a command is the agent: 0 for `claude -p …`, 1 for `node …/gemini.js`, 2 for `npx -y @openai/codex`.
// Absent: none. `program` is the file that the first word was found to be, which counts as well.
std::optional<std::size_t> placeOfAgent(const Adapter& adapter, const std::vector<std::string>& argv,
                                        const std::string& program);

// Whether an adapter with that text could know a word of the command: false only where it cannot, so that a launch
// of another program need not take each apart.
bool mayKnowAgent(std::string_view text, const std::vector<std::string>& argv, const std::string& program);

// `merge` of a file with the path of the hook in it.
std::string withHook(std::string merge, const std::string& hook);

}  // namespace ringfence::policy
