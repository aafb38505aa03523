#include "ui/cli/rpc_program.h"

#include <stdlib.h>
#include <unistd.h>

#include <climits>

#include "sdk/base/text.h"
#include "ui/cli/output.h"

namespace ringfence::cli {

// Beside this program, or where packages put what nobody types. Never on PATH, which may be somebody else's.
Result<std::string> findRpcProgram() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  std::string folder(self, length > 0 ? static_cast<std::size_t>(length) : 0);
  folder.resize(folder.rfind('/') + 1);
  std::string tried;
  for (const char* place : {"ringfence-rpc", "../libexec/ringfence/ringfence-rpc"}) {
    char real[PATH_MAX];
    const std::string path = folder + place;
    if (::access(path.c_str(), X_OK) == 0 && ::realpath(path.c_str(), real) != nullptr) return std::string(real);
    tried += (tried.empty() ? "" : ", ") + escapeForDisplay(path);
  }
  return Error{ErrorCode::kNotFound, "the program ringfence-rpc is not there; tried " + tried, 0};
}

int becomeRpcProgram(const std::vector<std::string>& words) {
  const auto program = findRpcProgram();
  if (!program) {
    complain(program.error().message);
    return kExitFailed;
  }
  std::vector<std::string> all{"ringfence-rpc"};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(program->c_str(), argv.data());
  complain(escapeForDisplay(*program) + " cannot be started");
  return kExitFailed;
}

}  // namespace ringfence::cli
