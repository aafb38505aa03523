// The private homes of all users on the disk: STATE_DIR/homes/UID/DIRECTORY, each its user's, in directories that are
// root's alone. Beside it is DIRECTORY.used, which no run sees: it says the name of the policy, and its time when a run
// was started in the home last.
//
// A home that is removed gets another name, ".removed-…", at once; what is in it, perhaps millions of files that agents
// wrote, is looked at and goes on a thread, so that the loop does not wait. What a daemon that was killed left of it
// the next one removes.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/plan/make_plan.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/core/homes.h"

namespace ringfence::supervisor {

// At one look; of more, those that were used least lately.
inline constexpr std::size_t kMaxHomesFound = 4096;

// Made when it is missing, and noted as used now.
Result<UniqueFd> openPrivateHome(const std::string& stateDir, const sandbox::CallerAccount& account,
                                 const std::string& policyName);

class PrivateHomes {
 public:
  static Result<std::unique_ptr<PrivateHomes>> create(std::string stateDir);
  // Gives up what the thread is at.
  ~PrivateHomes() = default;

  // Those of `uid`, or of all, with their sizes. `done` is called by finish().
  using Looked = std::function<void(const Result<std::vector<FoundHome>>&)>;
  void look(std::optional<std::uint32_t> uid, Looked done);
  // From now on nobody finds it. Takes as long as a rename does.
  Result<void> setAside(std::uint32_t uid, const std::string& directory);
  // Removes whatever was set aside, by an earlier daemon as well. `done`, with what could not be removed, as above.
  struct Left {
    std::uint32_t uid = 0;
    Error error;
  };
  using Swept = std::function<void(const std::vector<Left>&)>;
  void sweep(Swept done);

  // Readable when finish() has something to do.
  int eventFd() const { return event_.get(); }
  // Tells whoever asked, and begins what was asked for next.
  void finish();

 private:
  struct Job {
    std::function<void(const std::stop_token&)> work;  // on the thread
    std::function<void()> done;
  };
  PrivateHomes(std::string directory, UniqueFd event) : directory_(std::move(directory)), event_(std::move(event)) {}
  void add(Job job);
  void begin();

  const std::string directory_;
  UniqueFd event_;
  std::deque<Job> jobs_;  // the first is being done
  std::jthread thread_;   // last: it uses all of the above
};

}  // namespace ringfence::supervisor
