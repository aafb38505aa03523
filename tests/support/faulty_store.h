// A Store that commits when told to, runs out of space and loses power.
//
//   FaultyStore store;                       // every append is durable at once
//   store.holdCommits();                     // … until commit()
//   store.fillDisk(); …; store.makeRoom();   // then retry() commits
//   auto log = store.losePower();            // what a start after a power cut finds
#pragma once

#include <sys/eventfd.h>

#include <utility>

#include "sdk/base/unique_fd.h"
#include "supervisor/store/store.h"

namespace ringfence::test {

class FaultyStore final : public supervisor::Store {
 public:
  explicit FaultyStore(std::vector<supervisor::Fact> durable = {}) : durable_(std::move(durable)) {}

  Result<void> append(const std::vector<supervisor::Fact>& facts) override {
    if (queued_.size() + facts.size() > supervisor::kMaxQueuedFacts)
      return Error{ErrorCode::kUnavailable, "the queue of the store is full", 0};
    for (const supervisor::Fact& fact : facts) {
      RF_CHECK(fact.seq == durable_.size() + queued_.size() + 1);
      queued_.push_back(fact);
    }
    if (!held_) commit();
    return {};
  }
  int eventFd() const override { return event_.get(); }
  supervisor::Progress progress() override {
    eventfd_t count = 0;
    (void)eventfd_read(event_.get(), &count);
    return {.durableSeq = durable_.size(), .failure = failure_, .retirable = std::nullopt};
  }
  void retry() override {
    failure_.reset();
    commit();
  }

  void holdCommits() { held_ = true; }
  // Everything queued becomes durable, unless the disk is full or an earlier failure stands.
  void commit() {
    if (queued_.empty() || failure_) return;
    if (full_) {
      failure_ = Error{ErrorCode::kUnavailable, "log.db: database or disk is full", 0};
    } else {
      durable_.insert(durable_.end(), queued_.begin(), queued_.end());
      queued_.clear();
    }
    (void)eventfd_write(event_.get(), 1);
  }
  void fillDisk() { full_ = true; }
  void makeRoom() { full_ = false; }
  // Forgets what was not durable; returns what was.
  std::vector<supervisor::Fact> losePower() {
    queued_.clear();
    return durable_;
  }
  const std::vector<supervisor::Fact>& durable() const { return durable_; }

 private:
  UniqueFd event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::vector<supervisor::Fact> durable_, queued_;
  std::optional<Error> failure_;
  bool held_ = false;
  bool full_ = false;
};

}  // namespace ringfence::test
