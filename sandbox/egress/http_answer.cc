#include "sandbox/egress/http_answer.h"

#include <algorithm>
#include <utility>

#include "sdk/base/whole_number.h"

namespace ringfence::sandbox {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// In lower case; empty: there is no such field. Of several the first, which is enough to look.
std::string fieldOf(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos) {
    const std::size_t begin = at + 2;
    at = head.find("\r\n", begin);
    const std::string_view line = head.substr(begin, at == std::string_view::npos ? at : at - begin);
    const std::size_t colon = line.find(':');
    if (colon != name.size()) continue;
    if (!std::ranges::equal(line.substr(0, colon), name, {}, lower)) continue;
    std::string value(trimmed(line.substr(colon + 1)));
    std::ranges::transform(value, value.begin(), lower);
    return value;
  }
  return {};
}

std::optional<StatedUsageReader::Form> formOf(std::string_view contentType) {
  using Form = StatedUsageReader::Form;
  const std::string_view type = trimmed(contentType.substr(0, contentType.find(';')));
  if (type == "text/event-stream") return Form::kEvents;
  if (type == "application/json" || type == "application/x-ndjson" || type == "application/ndjson")
    return Form::kDocuments;
  return std::nullopt;
}

}  // namespace

void HttpAnswerReader::take(std::string_view bytes, AnswerCounts& counts) {
  while (!bytes.empty() && state_ != State::kOff) {
    if (isFirst_)
      bytes.remove_prefix(takeFirst(bytes.front(), counts));
    else
      bytes.remove_prefix(state_ == State::kHead ? takeHead(bytes, counts) : takeBody(bytes, counts));
  }
}

// The answer to a HEAD tells the length of a body that does not come: what begins like an answer is one, however it is
// cut. How many bytes were used.
std::size_t HttpAnswerReader::takeFirst(char c, AnswerCounts& counts) {
  const bool fits = c == kVersion[head_.size()];
  if (fits) head_ += c;
  if (fits && head_.size() < kVersion.size()) return 1;
  isFirst_ = false;
  if (fits) {
    usage_.reset();
    state_ = State::kHead;
    return 1;
  }
  take(std::exchange(head_, {}), counts);
  return 0;
}

// How many bytes belong to the head.
std::size_t HttpAnswerReader::takeHead(std::string_view bytes, AnswerCounts& counts) {
  const std::size_t before = head_.size();
  head_ += bytes.substr(0, kMaxHead - std::min(kMaxHead, before));
  const std::size_t shown = std::min(head_.size(), kVersion.size());
  const std::size_t end = head_.find(kHeadEnd, before < kHeadEnd.size() ? 0 : before - kHeadEnd.size());
  if (head_.compare(0, shown, kVersion, 0, shown) != 0 || (end == std::string::npos && head_.size() >= kMaxHead)) {
    state_ = State::kOff;
    return bytes.size();
  }
  if (end == std::string::npos) return bytes.size();
  const std::size_t length = end + kHeadEnd.size();
  head_.resize(length);
  startBody(counts);
  head_.clear();
  return length - before;
}

void HttpAnswerReader::startBody(AnswerCounts& counts) {
  const std::size_t space = head_.find(' ');
  const auto status = wholeNumber<std::uint64_t>(
      std::string_view(head_).substr(std::min(space, head_.size() - 1) + 1).substr(0, 3), 10);
  // After 101 something else is spoken here.
  if (!status || *status == 101) {
    state_ = State::kOff;
    return;
  }
  if (*status < 200) return;  // The answer itself is still to come.
  const std::string coding = fieldOf(head_, "content-encoding");
  const auto form = formOf(fieldOf(head_, "content-type"));
  usage_.reset();
  // What is compressed stays unknown.
  if (*status < 300 && form && (coding.empty() || coding == "identity")) usage_.emplace(*form);
  const std::string transfer = fieldOf(head_, "transfer-encoding"), length = fieldOf(head_, "content-length");
  left_ = 0;
  if (*status == 204 || *status == 304) return endAnswer(counts);
  if (transfer == "chunked") {
    state_ = State::kChunkSize;
    isFirst_ = true;
  } else if (!transfer.empty()) {
    state_ = State::kOff;
  } else if (length.empty()) {
    state_ = State::kUntilEnd;
  } else if (const auto bytes = wholeNumber<std::uint64_t>(length)) {
    left_ = *bytes;
    state_ = State::kLength;
    isFirst_ = true;
    if (left_ == 0) endAnswer(counts);
  } else {
    state_ = State::kOff;
  }
}

void HttpAnswerReader::endAnswer(AnswerCounts& counts) {
  state_ = State::kHead;
  if (!usage_) return;
  if (const auto stated = usage_->stated()) counts.add(*stated);
  usage_.reset();
}

// True: the line is complete.
bool HttpAnswerReader::takeLine(char c) {
  if (c == '\n') return true;
  if (line_.size() == kMaxLine)
    state_ = State::kOff;
  else if (c != '\r')
    line_ += c;
  return false;
}

void HttpAnswerReader::endLine(AnswerCounts& counts) {
  const std::string line = std::exchange(line_, {});
  if (state_ == State::kTrailer) {
    if (line.empty()) endAnswer(counts);
    return;
  }
  if (state_ == State::kChunkEnd) {
    state_ = line.empty() ? State::kChunkSize : State::kOff;
    return;
  }
  const auto size = wholeNumber<std::uint64_t>(trimmed(std::string_view(line).substr(0, line.find(';'))), 16);
  if (!size) {
    state_ = State::kOff;
    return;
  }
  left_ = *size;
  state_ = left_ > 0 ? State::kChunk : State::kTrailer;
}

// How many bytes were used.
std::size_t HttpAnswerReader::takeBody(std::string_view bytes, AnswerCounts& counts) {
  const bool isCounted = state_ == State::kLength || state_ == State::kChunk;
  if (isCounted || state_ == State::kUntilEnd) {
    const std::size_t count =
        isCounted ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())) : bytes.size();
    if (usage_) usage_->take(bytes.substr(0, count));
    if (!isCounted) return count;
    left_ -= count;
    if (left_ == 0 && state_ == State::kLength)
      endAnswer(counts);
    else if (left_ == 0)
      state_ = State::kChunkEnd;
    return count;
  }
  if (takeLine(bytes.front())) endLine(counts);
  return 1;
}

void HttpAnswerReader::finish(AnswerCounts& counts) {
  if (state_ != State::kOff && usage_) endAnswer(counts);
  state_ = State::kOff;
}

}  // namespace ringfence::sandbox
