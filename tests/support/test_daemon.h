// A real ringfenced with its launcher, in directories and control groups of its own; needs root. Ends and removes
// everything that it made when destroyed.
//
//   TestDaemon daemon;
//   client::Client client = daemon.connect();
//   auto accepted = client.run(daemon.request({"/bin/true"}));
//   …
//   daemon.shutDown();
//   CHECK(daemon.leftovers().empty());
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "sdk/client/client.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

// The first true value of `holds`, looked at every few milliseconds; false when `seconds` are over.
bool eventually(const std::function<bool()>& holds, double seconds = 60.0);
bool isAlive(pid_t pid);  // exists and is no zombie

class TestDaemon {
 public:
  struct Options {
    std::vector<std::string> policyDirs;  // none: the shipped profiles
    std::vector<std::string> arguments;   // more of them
    std::string stateDir;                 // "": one of its own
  };
  TestDaemon() : TestDaemon(Options{}) {}
  explicit TestDaemon(Options options);
  ~TestDaemon();
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;

  // Starts it and waits until it is ready. False when it ended instead; log() says why.
  bool start();
  // SIGTERM, and its exit status; agents keep running.
  int stop();
  void killDaemon();
  pid_t killLauncher();  // the pid it had; 0: there was none
  // Ends every run, the daemon, the launcher and ringfence-stop.
  void shutDown();

  pid_t pid() const { return pid_; }
  pid_t launcherPid() const;
  pid_t stopPid() const;  // of ringfence-stop; 0: there is none
  std::string log() const;
  const std::string& base() const { return base_.path(); }
  std::string socket() const { return runDir_ + "/control.sock"; }
  const std::string& runDir() const { return runDir_; }
  const std::string& stateDir() const { return stateDir_; }
  const std::string& workspace() const { return workspace_; }
  const std::string& cgroupRoot() const { return cgroupRoot_; }

  client::Client connect() const;
  // A run of argv[0] (absolute) in the workspace, its output captured; of the profile coding, but in the interactive
  // class: one of the background class starves on a busy machine.
  client::RunRequest request(std::vector<std::string> argv) const;
  // As above, with output and input at /dev/null.
  client::RunRequest foregroundRequest(std::vector<std::string> argv) const;
  // Waits for the end of a run that was started in the foreground on `client`.
  static client::ExitStatus waitForEnd(client::Client& client);
  // Waits until the run shows that state; false when it does not.
  bool reaches(const std::string& run, const std::string& state) const;

  // Directories of control groups, in every hierarchy; and what is in them.
  std::vector<std::string> groups() const;
  std::vector<pid_t> processes() const;
  // What is still there: groups, processes, mounts.
  std::vector<std::string> leftovers() const;

 private:
  pid_t pidOf(const std::string& wanted, const std::string& comm) const;
  void removeGroups() const;

  Options options_;
  TempDir base_;
  std::string runDir_, stateDir_, workspace_, cgroupRoot_, logFile_;
  UniqueFd workspaceFd_;
  UniqueFd null_;
  pid_t pid_ = 0;
};

}  // namespace ringfence::test
