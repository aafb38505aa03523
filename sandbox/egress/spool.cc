#include "sandbox/egress/spool.h"

#include <algorithm>
#include <utility>

namespace ringfence::sandbox {
namespace {

// So much at most is lost of each connection to what a string takes in advance.
constexpr std::size_t kPiece = 16 * 1024;

}  // namespace

Spool::Spool(Spool&& other) noexcept
    : pool_(other.pool_),
      pieces_(std::move(other.pieces_)),
      taken_(std::exchange(other.taken_, 0)),
      size_(std::exchange(other.size_, 0)) {
  other.pieces_.clear();
}

Spool::~Spool() { pool_->used -= size_; }

void Spool::append(std::string_view bytes) {
  size_ += bytes.size();
  pool_->used += bytes.size();
  pool_->peak = std::max(pool_->peak, pool_->used);
  while (!bytes.empty()) {
    if (pieces_.empty() || pieces_.back().size() >= kPiece) pieces_.emplace_back();
    std::string& last = pieces_.back();
    const std::size_t count = std::min(kPiece - last.size(), bytes.size());
    last.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
  }
}

std::size_t Spool::room() const {
  const std::size_t own = kMostSpooled > size_ ? kMostSpooled - size_ : 0;
  return std::min(own, pool_->room());
}

std::string_view Spool::front() const {
  return pieces_.empty() ? std::string_view() : std::string_view(pieces_.front()).substr(taken_);
}

void Spool::consume(std::size_t count) {
  count = std::min(count, front().size());
  size_ -= count;
  pool_->used -= count;
  taken_ += count;
  if (pieces_.empty() || taken_ < pieces_.front().size()) return;
  pieces_.pop_front();
  taken_ = 0;
}

}  // namespace ringfence::sandbox
