#include "sdk/rpc/lines.h"

#include <algorithm>

namespace ringfence::rpc {
namespace {

constexpr std::size_t kIdle = 64 << 10;  // that is kept of a buffer for the next line

}  // namespace

void LineReader::feed(std::string_view bytes) { buffer_ += bytes; }

void LineReader::compact() {
  buffer_.erase(0, taken_);
  looked_ -= taken_;
  taken_ = 0;
  if (buffer_.empty() && buffer_.capacity() > kIdle) std::string().swap(buffer_);
}

std::optional<LineReader::Line> LineReader::next() {
  const std::size_t end = buffer_.find('\n', looked_);
  if (end == std::string::npos) {
    looked_ = buffer_.size();
    if (buffer_.size() - taken_ > limit_) {
      isSkipping_ = true;
      taken_ = buffer_.size();
    }
    compact();
    return std::nullopt;
  }
  Line line;
  line.isTooLong = isSkipping_ || end - taken_ > limit_;
  if (!line.isTooLong) line.text = buffer_.substr(taken_, end - taken_);
  if (line.text.ends_with('\r')) line.text.pop_back();
  isSkipping_ = false;
  taken_ = end + 1;
  looked_ = taken_;
  if (taken_ == buffer_.size() || taken_ > kIdle) compact();
  return line;
}

}  // namespace ringfence::rpc
