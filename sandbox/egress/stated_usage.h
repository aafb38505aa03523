// What the answer of a model says that it used, read from its JSON as it passes: of one document, of lines of
// documents, or of a stream of events. Nothing is kept but a few counts and a name, however long the answer is. Pure.
//
// Known forms: `usage` with input_tokens and output_tokens, or with prompt_tokens and completion_tokens, at the top or
// in `message` or `response`; `usageMetadata` with promptTokenCount and candidatesTokenCount, in which thoughts are not
// (thoughtsTokenCount); prompt_eval_count and eval_count at the top. Tokens that came from a cache are not counted.
// What is anything else, is no JSON, or is nested deeper than a bound, states nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sandbox/wire/guard.h"

namespace ringfence::sandbox {

struct StatedUsage {
  std::string model;  // empty: it named none; at most kMaxModelName bytes
  std::uint64_t inputTokens = 0, outputTokens = 0;
  bool operator==(const StatedUsage&) const = default;
};

class StatedUsageReader {
 public:
  // kDocuments: JSON, one after the other. kEvents: lines, of which those that begin with "data:" hold one each.
  enum class Form { kDocuments, kEvents };
  explicit StatedUsageReader(Form form) : form_(form) {}

  void take(std::string_view bytes);
  // Absent: it stated nothing. A count that came several times in one answer grew: the greatest one counts.
  std::optional<StatedUsage> stated() const;

 private:
  enum class State { kValue, kString, kEscape, kNumber, kWord, kLost };
  // Where a document is, as far as that matters: at its top, in a part that may hold usage, in usage, elsewhere.
  enum class Place : std::uint8_t { kList, kTop, kPart, kUsage, kMetadata, kElsewhere };
  enum class Line { kStart, kData, kOther };
  struct Level {
    Place place = Place::kElsewhere;
    bool isObject = false;
  };
  static constexpr std::size_t kMaxDepth = 64;
  static constexpr std::size_t kMaxText = 128;  // of a key, a model's name or a number

  void takeDocument(char c);
  void takeEvent(char c);
  void startDocument();
  void open(bool isObject);
  void close();
  void endString();
  void endNumber();
  void keep(char c);
  Place place() const { return depth_ == 0 ? Place::kElsewhere : levels_[depth_ - 1].place; }

  Form form_;
  State state_ = State::kValue;
  std::array<Level, kMaxDepth> levels_{};
  std::size_t depth_ = 0;
  bool isKey_ = false, cut_ = false;
  std::string text_, key_;
  Line line_ = Line::kStart;
  std::string start_;  // of a line of events, until it is known what it is
  std::optional<std::uint64_t> input_, output_, thoughts_;
  std::string model_;
};

}  // namespace ringfence::sandbox
