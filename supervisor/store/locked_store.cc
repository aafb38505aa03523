#include "supervisor/store/locked_store.h"

#include <sys/eventfd.h>

#include <cerrno>

namespace ringfence::supervisor {

Result<std::unique_ptr<LockedStore>> LockedStore::create(Error why) {
  UniqueFd event(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return posixError(errno, "eventfd of the store");
  return std::unique_ptr<LockedStore>(new LockedStore(std::move(why), std::move(event)));
}

// What happens is known as long as this daemon lives, up to the bound of any store.
Result<void> LockedStore::append(const std::vector<Fact>& facts) {
  if (waiting_ + facts.size() > kMaxQueuedFacts) return why_;
  waiting_ += facts.size();
  return {};
}

Progress LockedStore::progress() {
  eventfd_t count = 0;
  (void)eventfd_read(event_.get(), &count);  // EAGAIN: nothing new.
  return {.durableSeq = 0, .failure = why_, .retirable = std::nullopt};
}

}  // namespace ringfence::supervisor
