// A program whose execs are notified, and a small loop that answers them as a warden would. The program runs in a
// process of its own, forked by another one: whoever traces sees only what it traces.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/evaluate.h"
#include "sandbox/warden/exec_case.h"

namespace ringfence::test {

enum class Mediation {
  kNone,      // no filter at all
  kProceed,   // judged by the copied arguments, then let go on: what a race can win
  kVerified,  // as the warden does it
};

// What the person says to a question.
struct Reply {
  enum class Kind { kAllow, kDeny, kRewrite } kind = Kind::kDeny;
  std::vector<std::string> argv;
};

struct ExecTally {
  std::vector<sandbox::ExecOutcome> outcomes;
  std::vector<policy::Action> asked;
  int notified = 0;
  int forbidden = 0;
  int broken = 0;
  int status = -1;  // of the program, as waitpid(2) has it
  std::string output;
  int count(sandbox::ExecOutcome::End end) const;
};

class ExecWorld {
 public:
  explicit ExecWorld(policy::Document document = everythingReadable());
  static policy::Document everythingReadable();

  std::function<Reply(const policy::Action&)> person;
  // After a call was let proceed, before what came of it is looked at.
  std::function<void(const sandbox::Notification&)> afterAdmit;

  // Before a notified call's arguments are read; before an allowed one is let proceed.
  std::function<void(const sandbox::Notification&)> beforeReading;
  std::function<void(const sandbox::Notification&)> beforeAdmit;
  // The errno that the kernel gives before anybody hears of the call; 0: none.
  std::function<int(const sandbox::Notification&)> failInstead;
  // So many calls that should proceed are made again instead, as when the kernel could not wait for a lock.
  int interruptions = 0;

  // Runs `program` in a process of its own until it ends; what it and its children write to 1 and 2 is the output.
  ExecTally run(Mediation mediation, const std::function<int()>& program);

 private:
  policy::Document document_;
};

// execv(3) and execvp(3); return errno.
int runProgram(const std::string& path, std::vector<std::string> argv);
int runSearched(const std::string& name, std::vector<std::string> argv);
// With a null pointer at the end; `argv` must live on.
std::vector<char*> argumentPointers(std::vector<std::string>& argv);

// What a shell would call the status.
int exitCode(int status);

}  // namespace ringfence::test
