#include "sandbox/egress/http_body.h"

#include <algorithm>
#include <charconv>

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxSizeLine = 256;
constexpr std::size_t kMaxTrailerLine = 8192;
constexpr std::size_t kMaxTrailers = 32;

Error bad(const char* why) { return {ErrorCode::kInvalid, why}; }

}  // namespace

BodyScanner::BodyScanner(const Framing& framing) {
  if (const auto* length = std::get_if<BodyLength>(&framing)) {
    left_ = length->bytes;
    state_ = left_ > 0 ? State::kData : State::kDone;
  } else if (std::holds_alternative<Chunked>(framing)) {
    state_ = State::kSize;
  }
}

Result<bool> BodyScanner::takeLineByte(char c) {
  if (line_.size() > (state_ == State::kTrailer ? kMaxTrailerLine : kMaxSizeLine)) return bad("a line too long");
  if (c == '\n') {
    if (!line_.ends_with('\r')) return bad("a line that ends without a carriage return");
    line_.pop_back();
    return true;
  }
  if (line_.ends_with('\r')) return bad("a carriage return within a line");
  if (c != '\r' && c != '\t' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)) return bad("a control character");
  line_ += c;
  return false;
}

Result<void> BodyScanner::takeSizeLine() {
  const std::string_view digits = std::string_view(line_).substr(0, std::min(line_.find(';'), line_.size()));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || left_ >> 60 != 0)
    return bad("a chunk whose size is no number");
  state_ = left_ > 0 ? State::kChunk : State::kTrailer;
  line_.clear();
  return {};
}

Result<void> BodyScanner::takeTrailerLine() {
  if (line_.empty())
    state_ = State::kDone;
  else if (++trailers_ > kMaxTrailers)
    return bad("too many trailers");
  line_.clear();
  return {};
}

Result<std::size_t> BodyScanner::take(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::kDone) {
    if (state_ == State::kData || state_ == State::kChunk) {
      const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      at += step;
      left_ -= step;
      if (left_ == 0) state_ = state_ == State::kData ? State::kDone : State::kChunkEnd;
      continue;
    }
    if (!RF_TRY(takeLineByte(bytes[at++]))) continue;
    if (state_ == State::kSize) {
      RF_TRY(takeSizeLine());
    } else if (state_ == State::kTrailer) {
      RF_TRY(takeTrailerLine());
    } else {
      if (!line_.empty()) return bad("a chunk longer than its size");
      state_ = State::kSize;
    }
  }
  return at;
}

}  // namespace ringfence::sandbox
