// Checks of the log's chain beside the loop: they read the whole file, and nobody else waits for that. One at a time,
// on a thread and a connection of their own, which see one moment of the file.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/store/verify_log.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxWaitingChecks = 16;

class Verifier {
 public:
  using Done = std::function<void(Result<VerifyReport>)>;

  static Result<std::unique_ptr<Verifier>> create(std::string file);
  // Gives up a check that runs.
  ~Verifier();

  // `done` is called by finish(), or at once when too many wait.
  void verify(const std::string& against, Done done);

  // Readable when finish() has something to do.
  int eventFd() const { return event_.get(); }
  // Tells whoever asked, and begins the next check.
  void finish();

 private:
  struct Asked {
    std::string against;
    Done done;
  };
  Verifier(std::string file, UniqueFd event) : file_(std::move(file)), event_(std::move(event)) {}
  void begin();

  std::string file_;
  UniqueFd event_;
  std::deque<Asked> asked_;                       // the first is being checked
  Result<VerifyReport> report_ = VerifyReport();  // the thread's until it has written to event_
  std::jthread thread_;
};

}  // namespace ringfence::supervisor
