// Bytes of a peer, cut into lines. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/units.h"

namespace ringfence::rpc {

inline constexpr Bytes kMaxLine{16 << 20};  // of one message; images travel in them

class LineReader {
 public:
  struct Line {
    std::string text;  // without its end; empty where isTooLong
    bool isTooLong = false;
  };

  explicit LineReader(Bytes limit = kMaxLine) : limit_(limit.count) {}

  // Holds not more than the limit of a line that does not end.
  void feed(std::string_view bytes);
  // The next whole line; nothing: it has not ended yet.
  std::optional<Line> next();
  // A line that was begun has not ended.
  bool isWithin() const { return isSkipping_ || taken_ < buffer_.size(); }

 private:
  void compact();

  std::size_t limit_;
  std::string buffer_;
  std::size_t taken_ = 0, looked_ = 0;
  bool isSkipping_ = false;
};

}  // namespace ringfence::rpc
