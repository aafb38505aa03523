// The answers that a server gives on one connection, looked at as they pass: where each begins and ends, and what those
// of models say that they used (stated_usage.h). It changes nothing and keeps no body. What it does not understand ends
// the looking, not the connection. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sandbox/egress/answer_counts.h"
#include "sandbox/egress/stated_usage.h"

namespace ringfence::sandbox {

class HttpAnswerReader {
 public:
  // Bytes from the server, in order. What answers state that are over goes to `counts`.
  void take(std::string_view bytes, AnswerCounts& counts);
  // No more come.
  void finish(AnswerCounts& counts);
  // It looks no more: this is no HTTP/1, or it lost its way.
  bool isOff() const { return state_ == State::kOff; }

 private:
  enum class State { kHead, kLength, kUntilEnd, kChunkSize, kChunk, kChunkEnd, kTrailer, kOff };
  static constexpr std::size_t kMaxHead = 8192;
  static constexpr std::size_t kMaxLine = 1024;

  std::size_t takeFirst(char c, AnswerCounts& counts);
  std::size_t takeHead(std::string_view bytes, AnswerCounts& counts);
  void startBody(AnswerCounts& counts);
  std::size_t takeBody(std::string_view bytes, AnswerCounts& counts);
  bool takeLine(char c);
  void endLine(AnswerCounts& counts);
  void endAnswer(AnswerCounts& counts);

  State state_ = State::kHead;
  std::string head_, line_;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  bool isFirst_ = false;    // of a body comes its first, of which `head_` has what could be a version
  std::optional<StatedUsageReader> usage_;
};

}  // namespace ringfence::sandbox
