#include "ui/tray/prompt_queue.h"

#include <algorithm>
#include <utility>

namespace ringfence::ui {

void PromptQueue::update(std::vector<std::uint64_t> waiting) {
  waiting_ = std::move(waiting);
  const auto waits = [&](std::uint64_t id) { return std::ranges::find(waiting_, id) != waiting_.end(); };
  std::erase_if(aside_, [&](std::uint64_t id) { return !waits(id); });
  const bool wasOpen = current_.has_value();
  if (current_ && !waits(*current_)) current_.reset();
  if (wasOpen || quiet_ == Quiet::kNo) choose();
}

void PromptQueue::setQuiet(Quiet quiet) {
  quiet_ = quiet;
  if (quiet_ == Quiet::kNo) choose();
}

void PromptQueue::choose() {
  if (current_) return;
  const auto fresh = std::ranges::find_if(waiting_, [&](std::uint64_t id) { return !aside_.contains(id); });
  if (fresh != waiting_.end()) current_ = *fresh;
}

void PromptQueue::putAside() {
  aside_.insert(waiting_.begin(), waiting_.end());
  current_.reset();
}

void PromptQueue::open() {
  aside_.clear();
  choose();
}

void PromptQueue::next() {
  const auto now = current_ ? std::ranges::find(waiting_, *current_) : waiting_.end();
  if (now == waiting_.end()) return;
  current_ = std::next(now) == waiting_.end() ? waiting_.front() : *std::next(now);
}

std::optional<PromptQueue::Shown> PromptQueue::shown() const {
  if (!current_ || audience_ == Audience::kAnybody) return std::nullopt;
  const auto place = std::ranges::find(waiting_, *current_) - waiting_.begin();
  return Shown{*current_, static_cast<int>(place) + 1, static_cast<int>(waiting_.size())};
}

}  // namespace ringfence::ui
