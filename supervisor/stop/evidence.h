// What the kernel says about every process of the agents after a freeze. No heap, no write: it only reads.
//
// frozen: stopped by the freeze, or by a signal or a tracer, or waiting for a child of vfork: the kernel counts all of
// these as frozen. held: waiting in a call that was handed to a warden, which is frozen as well: nobody can answer it,
// and when it is answered no instruction of the process runs before the thaw. finishing: inside a call that it began
// before the stop, or not yet back from it: it cannot run an instruction of its own any more, but what it asked the
// kernel for is still being done.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/stop/branches.h"
#include "supervisor/stop/frozen_processes.h"
#include "supervisor/stop/short_text.h"

namespace ringfence::supervisor::stop {

// Runs of which each is told; all are counted.
inline constexpr std::size_t kMaxRunsListed = 640;

struct RunEvidence {
  ShortText<31> run;
  std::uint32_t frozen = 0, held = 0, finishing = 0;
  // Whose it is, as its group says; absent: nobody knows.
  std::optional<std::uint32_t> owner;
  // The first process of each of its first groups; 0: none.
  std::array<int, 4> pids{};
  // One process that the launcher forked ahead, for a run that nobody has asked for yet.
  bool isPrepared = false;

  std::uint32_t processes() const { return frozen + held + finishing; }
};

struct Evidence {
  std::uint32_t runs = 0;     // without those that are only prepared
  std::uint32_t unowned = 0;  // of these, those of whom nobody knows whose they are
  std::uint32_t processes = 0, frozen = 0, held = 0, finishing = 0;
  bool isWhole = true;  // false: the kernel did not let something be read, so there may be more
  std::size_t listed = 0;
  std::array<RunEvidence, kMaxRunsListed> list;

  // Nobody runs and nothing of what they asked for is still being done, as far as the kernel tells.
  bool isStopped() const { return isWhole && finishing == 0; }
};

enum class ThreadState { kGone, kFrozen, kHeld, kFinishing };
// From the letter of /proc/TID/stat and the name in /proc/TID/wchan. Pure. Where the kernel does not tell what a thread
// waits in, it is finishing.
ThreadState classifyThread(char state, std::string_view waitsIn);

class EvidenceReader {
 public:
  static Result<EvidenceReader> open();

  // Only how many there are, all of them as frozen: of groups that were just told by the kernel to be so.
  void count(const Branches& branches, Evidence& into) const;
  // At each thread of whoever is not in `known`, where those are put who are in the freeze for good. kUntilRefuted ends
  // with the first one that is finishing, and when the kernel says meanwhile that both branches are frozen: `into` is
  // not whole then.
  enum class Extent { kUntilRefuted, kAll };
  void look(Branches& branches, FrozenProcesses& known, Extent extent, Evidence& into) const;
  // Whether the run is that user's; where nobody knows, whether one of its processes is: of a run that is gone, no.
  bool isOf(const RunEvidence& run, std::uint32_t uid) const;

 private:
  explicit EvidenceReader(UniqueFd proc) : proc_(std::move(proc)) {}
  struct Reading {
    Evidence& into;
    FrozenProcesses* known;         // null: the kernel has told that all are frozen
    Branches* refutedBy = nullptr;  // of a reading that may end early

    bool isOver() const { return refutedBy != nullptr && into.finishing != 0; }
  };
  void read(const Branches& branches, const Reading& reading) const;
  void readGroup(int group, int depth, RunEvidence& run, Reading reading) const;
  void readProcesses(int group, RunEvidence& run, const Reading& reading) const;
  ThreadState processState(int pid, FrozenProcesses& known) const;
  bool isPrepared(const RunEvidence& run) const;

  UniqueFd proc_;
};

}  // namespace ringfence::supervisor::stop
