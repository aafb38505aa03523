#include "sdk/rpc/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "sdk/base/text.h"

extern char** environ;

namespace ringfence::rpc {
namespace {

struct Pipe {
  UniqueFd read, write;
};

Result<Pipe> makePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return posixError(errno, "making a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// What the child gets and how it starts; released on every path.
class Preparation {
 public:
  Preparation() {
    (void)::posix_spawn_file_actions_init(&files_);
    (void)::posix_spawnattr_init(&attributes_);
  }
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;
  ~Preparation() {
    (void)::posix_spawn_file_actions_destroy(&files_);
    (void)::posix_spawnattr_destroy(&attributes_);
  }

  int fill(int input, int output) {
    sigset_t none, ours;
    ::sigemptyset(&none);
    ::sigemptyset(&ours);
    ::sigaddset(&ours, SIGPIPE);
    if (const int failed = ::posix_spawn_file_actions_adddup2(&files_, input, STDIN_FILENO)) return failed;
    if (const int failed = ::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO)) return failed;
    if (const int failed = ::posix_spawnattr_setsigmask(&attributes_, &none)) return failed;
    if (const int failed = ::posix_spawnattr_setsigdefault(&attributes_, &ours)) return failed;
    return ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

}  // namespace

Result<Child> Child::start(const std::string& program, const std::vector<std::string>& argv) {
  Pipe input = RF_TRY(makePipe());
  Pipe output = RF_TRY(makePipe());
  const std::string what = "starting " + escapeForDisplay(program);
  std::vector<std::string> words = argv.empty() ? std::vector{program} : argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  Preparation preparation;
  int failed = preparation.fill(input.read.get(), output.write.get());
  pid_t pid = -1;
  if (failed == 0)
    failed =
        ::posix_spawnp(&pid, program.c_str(), preparation.files(), preparation.attributes(), pointers.data(), environ);
  if (failed != 0) return posixError(failed, what);
  return Child(pid, std::move(input.write), std::move(output.read));
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      signal_(other.signal_),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)) {}

Child::~Child() {
  if (pid_ < 0) return;
  (void)::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
}

void Child::signal(int number) {
  if (pid_ > 0) (void)::kill(pid_, number);
}

bool Child::hasEnded() {
  if (pid_ < 0) return true;
  int status = 0;
  const pid_t found = ::waitpid(pid_, &status, WNOHANG);
  if (found == 0 || (found < 0 && errno == EINTR)) return false;
  pid_ = -1;
  signal_ = found > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  status_ = signal_ != 0 ? 128 + signal_ : found > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  return true;
}

std::string Child::howItEnded() const {
  return signal_ != 0 ? "killed by signal " + std::to_string(signal_) : "ended with status " + std::to_string(status_);
}

}  // namespace ringfence::rpc
