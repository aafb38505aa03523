#include "ui/shared/fact_walk.h"

#include <QTimer>
#include <algorithm>

namespace ringfence::ui {

FactWalk::FactWalk(const FactLog& facts, std::function<void(const ShownFact&)> visit, QObject* parent)
    : QObject(parent), facts_(facts), visit_(std::move(visit)), slices_(new QTimer(this)) {
  slices_->setInterval(0);
  connect(slices_, &QTimer::timeout, this, &FactWalk::goOn);
  connect(&facts, &FactLog::appended, this, [this] { slices_->start(); });
  connect(&facts, &FactLog::cleared, this, &FactWalk::restart);
  slices_->start();
}

void FactWalk::restart() {
  next_ = facts_.first();
  emit voided();
  slices_->start();
}

void FactWalk::goOn() {
  next_ = std::max(next_, facts_.first());
  const std::uint64_t until = std::min(facts_.end(), next_ + kSlice);
  const bool isSome = next_ < until;
  for (; next_ < until; ++next_) visit_(facts_.at(next_));
  if (next_ >= facts_.end()) slices_->stop();
  if (isSome) emit advanced();
}

}  // namespace ringfence::ui
