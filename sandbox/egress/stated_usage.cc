#include "sandbox/egress/stated_usage.h"

#include <algorithm>
#include <charconv>

namespace ringfence::sandbox {
namespace {

// More than any model can use in one answer: a count above it is a mistake, or made up.
constexpr std::uint64_t kMaxStated = 1'000'000'000;
constexpr std::string_view kData = "data:";

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void raise(std::optional<std::uint64_t>& to, std::uint64_t count) { to = std::max(to.value_or(0), count); }

}  // namespace

void StatedUsageReader::startDocument() {
  state_ = State::kValue;
  depth_ = 0;
  isKey_ = cut_ = false;
  text_.clear();
  key_.clear();
}

void StatedUsageReader::take(std::string_view bytes) {
  for (const char c : bytes) {
    if (form_ == Form::kEvents)
      takeEvent(c);
    else
      takeDocument(c);
  }
}

void StatedUsageReader::takeEvent(char c) {
  if (c == '\n' || c == '\r') {
    line_ = Line::kStart;
    start_.clear();
    return startDocument();
  }
  if (line_ == Line::kOther) return;
  if (line_ == Line::kData) return takeDocument(c);
  start_ += c;
  if (!kData.starts_with(start_))
    line_ = Line::kOther;
  else if (start_.size() == kData.size())
    line_ = Line::kData;
}

void StatedUsageReader::keep(char c) {
  if (text_.size() < kMaxText)
    text_ += c;
  else
    cut_ = true;
}

void StatedUsageReader::open(bool isObject) {
  if (depth_ == kMaxDepth) {
    state_ = State::kLost;
    return;
  }
  Place inside = Place::kElsewhere;
  const Place outside = place();
  // A stream of answers may come as one list of them.
  if (!isObject && depth_ == 0) inside = Place::kList;
  if (isObject && (depth_ == 0 || outside == Place::kList)) inside = Place::kTop;
  if (isObject && outside == Place::kTop && (key_ == "message" || key_ == "response")) inside = Place::kPart;
  if (isObject && (outside == Place::kTop || outside == Place::kPart)) {
    if (key_ == "usage") inside = Place::kUsage;
    if (key_ == "usageMetadata") inside = Place::kMetadata;
  }
  levels_[depth_++] = {inside, isObject};
  isKey_ = isObject;
  key_.clear();
}

void StatedUsageReader::close() {
  if (depth_ == 0) {
    state_ = State::kLost;
    return;
  }
  --depth_;
  isKey_ = false;
  key_.clear();
}

void StatedUsageReader::endString() {
  state_ = State::kValue;
  if (isKey_) {
    key_ = cut_ ? std::string() : text_;
  } else if (!cut_ && !text_.empty() && text_.size() <= kMaxModelName) {
    const bool isNamed = place() == Place::kTop || place() == Place::kPart;
    if (isNamed && (key_ == "model" || key_ == "modelVersion")) model_ = text_;
  }
  text_.clear();
  cut_ = false;
}

void StatedUsageReader::endNumber() {
  std::uint64_t count = 0;
  const char* const end = text_.data() + text_.size();
  const auto [rest, problem] = std::from_chars(text_.data(), end, count);
  const bool isCount = !cut_ && problem == std::errc() && rest == end && count <= kMaxStated;
  text_.clear();
  cut_ = false;
  state_ = State::kValue;
  if (!isCount) return;
  if (place() == Place::kUsage) {
    if (key_ == "input_tokens" || key_ == "prompt_tokens") raise(input_, count);
    if (key_ == "output_tokens" || key_ == "completion_tokens") raise(output_, count);
  } else if (place() == Place::kMetadata) {
    if (key_ == "promptTokenCount") raise(input_, count);
    if (key_ == "candidatesTokenCount") raise(output_, count);
    if (key_ == "thoughtsTokenCount") raise(thoughts_, count);
  } else if (place() == Place::kTop) {
    if (key_ == "prompt_eval_count") raise(input_, count);
    if (key_ == "eval_count") raise(output_, count);
  }
}

void StatedUsageReader::takeDocument(char c) {
  switch (state_) {
    case State::kLost: return;
    case State::kEscape:
      // No name that matters here is written with one.
      cut_ = true;
      state_ = State::kString;
      return;
    case State::kString:
      if (c == '\\')
        state_ = State::kEscape;
      else if (c == '"')
        endString();
      else
        keep(c);
      return;
    case State::kNumber:
    case State::kWord:
      if (!isBlank(c) && c != ',' && c != '}' && c != ']') return keep(c);
      if (state_ == State::kNumber) endNumber();
      text_.clear();
      cut_ = false;
      state_ = State::kValue;
      break;
    case State::kValue: break;
  }
  if (isBlank(c)) return;
  switch (c) {
    case '{': return open(true);
    case '[': return open(false);
    case '}':
    case ']': return close();
    case ',': isKey_ = depth_ > 0 && levels_[depth_ - 1].isObject; return key_.clear();
    case ':': isKey_ = false; return;
    case '"': state_ = State::kString; return;
    default: break;
  }
  state_ = c >= '0' && c <= '9' ? State::kNumber : State::kWord;
  keep(c);
}

std::optional<StatedUsage> StatedUsageReader::stated() const {
  if (!input_ && !output_ && !thoughts_) return std::nullopt;
  return StatedUsage{model_, input_.value_or(0), output_.value_or(0) + thoughts_.value_or(0)};
}

}  // namespace ringfence::sandbox
