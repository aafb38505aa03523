#include "ui/cli/daemon_program.h"

#include <unistd.h>

#include <climits>

namespace ringfence::cli {
namespace {

// The daemon's program: beside this one, or in sbin beside bin, else where packages put it, else on PATH (execvp).
std::string daemonProgram() {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length > 0) {
    std::string path(self, static_cast<std::size_t>(length));
    path.resize(path.rfind('/') + 1);
    for (const char* place : {"ringfenced", "../sbin/ringfenced"}) {
      if (::access((path + place).c_str(), X_OK) == 0) return path + place;
    }
  }
  return ::access("/usr/sbin/ringfenced", X_OK) == 0 ? "/usr/sbin/ringfenced" : "ringfenced";
}

}  // namespace

int becomeDaemonProgram(std::vector<std::string> arguments, const Error& whyAway, Form form) {
  arguments.insert(arguments.begin(), daemonProgram());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  return fail(whyAway, form);
}

}  // namespace ringfence::cli
