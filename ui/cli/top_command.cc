#include <unistd.h>

#include <climits>
#include <string>
#include <vector>

#include "sdk/base/text.h"
#include "ui/cli/commands.h"

namespace ringfence::cli {
namespace {

// Where the program of the screen may be: beside this one, or where packages put what nobody types. Never on PATH,
// which may be somebody else's.
std::vector<std::string> topPrograms() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0) return {};
  std::string path(self, static_cast<std::size_t>(length));
  path.resize(path.rfind('/') + 1);
  return {path + "ringfence-top", path + "../libexec/ringfence/ringfence-top"};
}

}  // namespace

// Becomes the program of the screen: what draws it must not be loaded by every launch.
int topCommand(const Parsed& parsed) {
  std::vector<std::string> words{"ringfence-top"};
  for (const auto& [name, value] : parsed.options)
    words.push_back("--" + std::string(name) + (value.empty() ? "" : "=" + value));
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::string tried;
  for (const std::string& program : topPrograms()) {
    ::execv(program.c_str(), argv.data());
    tried += (tried.empty() ? "" : ", ") + escapeForDisplay(program);
  }
  complain("top: its program cannot be started; tried " + (tried.empty() ? "nothing" : tried) +
           ". 'ringfence usage' tells the same without a screen");
  return kExitFailed;
}

}  // namespace ringfence::cli
