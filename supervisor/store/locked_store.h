// In place of a log that cannot be trusted or read: nothing ever becomes durable. So nothing is started, let go or
// allowed, and holding and ending, which wait for no disk, work. The damaged file is not touched.
#pragma once

#include <memory>

#include "sdk/base/unique_fd.h"
#include "supervisor/store/store.h"

namespace ringfence::supervisor {

class LockedStore final : public Store {
 public:
  static Result<std::unique_ptr<LockedStore>> create(Error why);

  Result<void> append(const std::vector<Fact>& facts) override;
  // Readable from the beginning on, once.
  int eventFd() const override { return event_.get(); }
  Progress progress() override;
  void retry() override {}

 private:
  LockedStore(Error why, UniqueFd event) : why_(std::move(why)), event_(std::move(event)) {}

  const Error why_;
  const UniqueFd event_;
  std::size_t waiting_ = 0;
};

}  // namespace ringfence::supervisor
