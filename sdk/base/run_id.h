// The name of a run for programs: "r-" and 16 lowercase hexadecimal digits, random, never reused. It is also the name
// of the run's control group directory, so nothing else may be in it.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace ringfence {

class RunId {
 public:
  RunId() = default;  // Empty: "no run".
  static RunId random();
  static std::optional<RunId> parse(std::string_view text);

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const RunId&) const = default;

 private:
  explicit RunId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace ringfence
