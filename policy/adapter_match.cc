// Which word of a command is the agent.
#include <algorithm>
#include <array>
#include <string_view>

#include "policy/adapter.h"

namespace ringfence::policy {
namespace {

std::string_view baseOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

// "…/@openai/codex/bin/codex.js" ends in "codex/bin/codex.js", at a border of parts.
bool endsWith(std::string_view path, std::string_view end) {
  return path.ends_with(end) && (path.size() == end.size() || path[path.size() - end.size() - 1] == '/');
}

bool isScript(const Adapter& adapter, std::string_view path) {
  return std::ranges::any_of(adapter.scripts, [&](const std::string& end) { return endsWith(path, end); });
}

// "@openai/codex@0.169.0" is "@openai/codex".
std::string_view packageOf(std::string_view word) {
  const std::size_t version = word.find('@', word.starts_with('@') ? word.find('/') : 0);
  return version == std::string_view::npos ? word : word.substr(0, version);
}

bool isInterpreter(std::string_view base) {
  static constexpr std::array<std::string_view, 4> kInterpreters{"node", "nodejs", "bun", "deno"};
  return std::ranges::find(kInterpreters, base) != kInterpreters.end();
}

// Where the words of a runner of packages begin: 1 for `npx PACKAGE`, 2 for `npm exec PACKAGE`. 0: it is none.
std::size_t runnerWords(const std::vector<std::string>& argv) {
  struct Runner {
    std::string_view program, verb;
  };
  static constexpr std::array<Runner, 7> kRunners{
      {{"npx", ""}, {"bunx", ""}, {"npm", "exec"}, {"npm", "x"}, {"pnpm", "dlx"}, {"yarn", "dlx"}, {"bun", "x"}}};
  const std::string_view base = baseOf(argv[0]);
  for (const Runner& runner : kRunners) {
    if (runner.program != base) continue;
    if (runner.verb.empty()) return 1;
    if (argv.size() > 1 && argv[1] == runner.verb) return 2;
  }
  return 0;
}

// The first word from there that is no option. An option that takes the word behind it hides that word's meaning: then
// nothing is known, and nothing is done.
std::optional<std::size_t> firstWord(const std::vector<std::string>& argv, std::size_t from) {
  for (std::size_t i = from; i < argv.size(); ++i) {
    if (argv[i] == "--") return i + 1 < argv.size() ? std::optional(i + 1) : std::nullopt;
    if (!argv[i].starts_with('-')) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> placeOfAgent(const Adapter& adapter, const std::vector<std::string>& argv,
                                        const std::string& program) {
  if (argv.empty()) return std::nullopt;
  if (contains(adapter.programs, baseOf(argv[0])) || isScript(adapter, argv[0]) || isScript(adapter, program)) return 0;
  if (const std::size_t from = runnerWords(argv)) {
    const auto word = firstWord(argv, from);
    return word && contains(adapter.packages, packageOf(argv[*word])) ? word : std::nullopt;
  }
  if (!isInterpreter(baseOf(argv[0]))) return std::nullopt;
  const auto word = firstWord(argv, 1);
  const bool isKnown = word && (isScript(adapter, argv[*word]) || contains(adapter.programs, baseOf(argv[*word])));
  return isKnown ? word : std::nullopt;
}

// What an adapter names ends in that word, and in the file in a quote behind it. In one with a backslash it may be
// written in another way.
bool mayKnowAgent(std::string_view text, const std::vector<std::string>& argv, const std::string& program) {
  if (text.find('\\') != std::string_view::npos) return true;
  if (argv.empty()) return false;
  const auto ends = [text](std::string_view word) {
    for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      const std::size_t behind = at + word.size();
      if (behind < text.size() && (text[behind] == '"' || text[behind] == '\'')) return true;
    }
    return false;
  };
  if (ends(baseOf(argv[0])) || ends(baseOf(program))) return true;
  const std::size_t from = runnerWords(argv);
  if (from == 0 && !isInterpreter(baseOf(argv[0]))) return false;
  const auto word = firstWord(argv, from == 0 ? 1 : from);
  return word && (ends(packageOf(argv[*word])) || ends(baseOf(argv[*word])));
}

}  // namespace ringfence::policy
