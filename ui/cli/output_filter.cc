#include "ui/cli/output_filter.h"

#include <algorithm>
#include <cstdint>

#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

constexpr std::size_t kLongestColour = 32;

// Length of a colour sequence (ESC [ digits ; : m) at the front; 0: it is none; npos: it may become one.
std::size_t colourAt(std::string_view bytes) {
  if (bytes.size() < 2) return bytes.npos;
  if (bytes[1] != '[') return 0;
  const std::size_t end = bytes.find_first_not_of("0123456789;:", 2);
  if (end == bytes.npos) return bytes.size() < kLongestColour ? bytes.npos : 0;
  return bytes[end] == 'm' && end < kLongestColour ? end + 1 : 0;
}

// How many bytes at the end begin a UTF-8 character that is not complete.
std::size_t unfinishedTail(std::string_view bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto byte = static_cast<std::uint8_t>(bytes[bytes.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

// Appends what is safe to show of `bytes` and returns how many were used.
std::size_t filter(std::string_view bytes, std::string& out) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (c == '\n' || c == '\t' || c == '\\') {
      out += c;
      ++at;
    } else if (c == '\r') {
      // A line end; alone it would let a later text overwrite this one, so it ends the line as well.
      if (at + 1 == bytes.size()) return at;
      out += '\n';
      at += bytes[at + 1] == '\n' ? 2 : 1;
    } else if (c == '\x1b') {
      const std::size_t length = colourAt(bytes.substr(at));
      if (length == bytes.npos) return at;
      if (length == 0)
        out += escapeForDisplay(bytes.substr(at, 1));
      else
        out += bytes.substr(at, length);
      at += std::max<std::size_t>(length, 1);
    } else {
      const std::size_t end = std::min(bytes.find_first_of("\n\t\\\r\x1b", at), bytes.size());
      out += escapeForDisplay(bytes.substr(at, end - at));
      at = end;
    }
  }
  return at;
}

}  // namespace

std::string OutputFilter::feed(std::string_view bytes) {
  kept_ += bytes;
  std::string out;
  const std::size_t usable = kept_.size() - unfinishedTail(kept_);
  const std::size_t used = filter(std::string_view(kept_).substr(0, usable), out);
  kept_.erase(0, used);
  return out;
}

std::string OutputFilter::finish() {
  if (kept_ == "\r") return kept_.clear(), "\n";
  std::string out = escapeForDisplay(kept_);
  kept_.clear();
  return out;
}

}  // namespace ringfence::cli
