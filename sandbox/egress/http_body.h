// Where the body of a request ends: told byte by byte, without keeping any. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/egress/http_head.h"
#include "sdk/base/result.h"

namespace ringfence::sandbox {

class BodyScanner {
 public:
  explicit BodyScanner(const Framing& framing);

  // How many of the bytes belong to the body; the rest is after its end. Fails with kInvalid for a chunk that is not
  // framed exactly as the standard says.
  Result<std::size_t> take(std::string_view bytes);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kData, kSize, kChunk, kChunkEnd, kTrailer, kDone };
  Result<void> takeSizeLine();
  Result<void> takeTrailerLine();
  Result<bool> takeLineByte(char c);  // true: the line is complete, without its CRLF

  State state_ = State::kDone;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  std::string line_;
  std::size_t trailers_ = 0;
};

}  // namespace ringfence::sandbox
