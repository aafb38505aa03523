// Takes memory back from runs on a thread of its own: the kernel makes whoever asks do the work, a second a few hundred
// mebibytes, and the loop must not wait for that. One at a time; what is asked for meanwhile is not done, and is asked
// for again by whoever still wants it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"

namespace ringfence::supervisor {

class Reclaimer {
 public:
  Reclaimer() = default;
  ~Reclaimer();
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  // `file`: memory.reclaim of the group. kBusy while an earlier one goes on. Does not block.
  Result<void> begin(UniqueFd file, Bytes bytes);

 private:
  struct Wanted {
    UniqueFd file;
    Bytes bytes;
  };
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Wanted> wanted_;
  bool busy_ = false, ending_ = false;
  std::thread thread_;  // from the first use on
};

}  // namespace ringfence::supervisor
