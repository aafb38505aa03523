// What runs wrote, kept on disk after their end: STATE_DIR/output/RUN_ID, root alone, each an output ring of just the
// size that its run needed. Written before the launcher is told to forget the run, so that one of the two has it
// whatever dies when; a file comes into being whole, by its name. No sync: what a power cut tears is found by its
// length and said to be lost.
//
// On a thread of its own: a file may have megabytes and a disk may stall, and neither the loop nor the log's thread,
// for which launches wait, may wait for that.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/run_id.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"

namespace ringfence::supervisor {

// Of all ended runs together; the oldest go first.
inline constexpr Bytes kMaxKeptOutput{64 << 20};
inline constexpr std::size_t kMaxKeptOutputFiles = 1000;
// A disk that stalls must not make memory grow: what comes beyond that is given up as if there were no room.
inline constexpr std::size_t kMaxWaitingOutputs = 64;
// What could not be written stays readable until the daemon restarts: the last ones only, each costs its ring's memory.
inline constexpr std::size_t kMaxUnwrittenOutputs = 64;

class OutputSpool {
 public:
  // Removes what belongs to no run that `isKnown`, and what a crash left half written.
  static Result<std::unique_ptr<OutputSpool>> open(const std::string& directory,
                                                   const std::function<bool(const RunId&)>& isKnown,
                                                   Bytes bound = kMaxKeptOutput);
  // Finishes the file in hand. What waits stays with the launcher, which has not been told to forget it.
  ~OutputSpool();

  enum class Keeping { kBegun, kNothingToKeep };
  // Of a ring whose writer is done. Begun: finish() tells the end of it in a later turn. Does not block.
  Keeping keep(const RunId& run, UniqueFd ring);

  // Readable when finish() has something to tell.
  int eventFd() const { return event_.get(); }
  struct Finished {
    RunId run;
    Result<void> written;
  };
  std::vector<Finished> finish();

  // For the beat of the daemon (heartbeat.h): through the thread that writes.
  void pass(std::uint64_t token);
  std::uint64_t passed() const { return passed_; }

  // An output ring, to be read only. Fails with kNotFound when nothing is kept, saying why where that is known.
  Result<UniqueFd> read(const RunId& run) const;

 private:
  struct Job {
    RunId run;
    UniqueFd ring;
    Result<void> written;
  };
  struct File {
    RunId run;
    std::uint64_t bytes = 0;
  };
  OutputSpool(UniqueFd directory, UniqueFd event, Bytes bound)
      : directory_(std::move(directory)), event_(std::move(event)), bound_(bound) {}
  Result<void> takeStock(const std::function<bool(const RunId&)>& isKnown);
  void loop();
  Result<void> write(const RunId& run, int ring);
  void remove(const RunId& run);
  void makeRoom(std::uint64_t bytes);

  const UniqueFd directory_;
  const UniqueFd event_;
  const Bytes bound_;

  // The thread's own, the oldest first.
  std::deque<File> files_;
  std::uint64_t total_ = 0;

  // The loop's own.
  std::set<RunId> begun_;
  std::deque<std::pair<RunId, UniqueFd>> unwritten_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> waiting_;
  std::vector<Job> done_;
  bool stop_ = false;
  std::uint64_t token_ = 0;
  std::atomic<std::uint64_t> passed_ = 0;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace ringfence::supervisor
