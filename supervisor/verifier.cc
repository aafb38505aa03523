#include "supervisor/verifier.h"

#include <sys/eventfd.h>

#include <cerrno>

namespace ringfence::supervisor {

Result<std::unique_ptr<Verifier>> Verifier::create(std::string file) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return posixError(errno, "eventfd of the log's check");
  return std::unique_ptr<Verifier>(new Verifier(std::move(file), std::move(event)));
}

Verifier::~Verifier() = default;  // The thread is asked to stop and joined before what it writes to is gone.

void Verifier::verify(const std::string& against, Done done) {
  if (asked_.size() >= kMaxWaitingChecks) {
    return done(Error{ErrorCode::kBusy, "the log is being checked for " + std::to_string(kMaxWaitingChecks) +
                                            " others; try again in a moment"});
  }
  asked_.push_back({against, std::move(done)});
  if (asked_.size() == 1) begin();
}

void Verifier::begin() {
  thread_ = std::jthread([this, against = asked_.front().against](const std::stop_token& stop) {
    report_ = verifyLog(file_, against, stop);
    (void)eventfd_write(event_.get(), 1);  // Fails for no value of ours.
  });
}

void Verifier::finish() {
  eventfd_t count = 0;
  if (eventfd_read(event_.get(), &count) != 0 || asked_.empty()) return;
  thread_.join();
  const Done done = std::move(asked_.front().done);
  asked_.pop_front();
  done(std::move(report_));
  if (!asked_.empty()) begin();
}

}  // namespace ringfence::supervisor
