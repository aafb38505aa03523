#include "supervisor/reclaimer.h"

#include <unistd.h>

#include <string>

namespace ringfence::supervisor {

Reclaimer::~Reclaimer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<void> Reclaimer::begin(UniqueFd file, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  if (busy_ || wanted_) return Error{ErrorCode::kBusy, "memory is being taken back from another run", 0};
  wanted_ = Wanted{std::move(file), bytes};
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_one();
  return {};
}

void Reclaimer::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || wanted_; });
    if (ending_) return;
    const Wanted wanted = std::exchange(wanted_, std::nullopt).value();
    busy_ = true;
    lock.unlock();
    const std::string text = std::to_string(wanted.bytes.count);
    // EAGAIN: less could be taken than was asked for. What was shows in the next reading.
    (void)!::write(wanted.file.get(), text.data(), text.size());
    lock.lock();
    busy_ = false;
  }
}

}  // namespace ringfence::supervisor
