#include "sdk/base/text.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <numeric>

namespace ringfence {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // 0: the bytes here are not UTF-8
};

CodePoint decodeAt(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[at + i]); };
  const std::size_t left = bytes.size() - at;
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  char32_t value = 0;
  char32_t smallest = 0;
  if ((first & 0xe0) == 0xc0) {
    length = 2;
    value = first & 0x1f;
    smallest = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    length = 3;
    value = first & 0x0f;
    smallest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4;
    value = first & 0x07;
    smallest = 0x10000;
  } else
    return {};
  if (left < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3f);
  }
  if (value < smallest || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, length};
}

// Characters that hide, reorder or forge what is shown.
bool isDeceptive(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

void appendEscaped(std::string& out, CodePoint point, std::uint8_t byte) {
  char text[16];
  if (point.length == 0)
    std::snprintf(text, sizeof text, "\\x%02x", byte);
  else if (point.value == '\n')
    std::snprintf(text, sizeof text, "\\n");
  else if (point.value == '\t')
    std::snprintf(text, sizeof text, "\\t");
  else if (point.value == '\r')
    std::snprintf(text, sizeof text, "\\r");
  else if (point.value < 0x80)
    std::snprintf(text, sizeof text, "\\x%02x", static_cast<unsigned>(point.value));
  else
    std::snprintf(text, sizeof text, "\\u{%x}", static_cast<unsigned>(point.value));
  out += text;
}

}  // namespace

std::string escapeForDisplay(std::string_view bytes) {
  const auto isPlain = [](char c) { return c >= ' ' && c <= '~' && c != '\\'; };
  if (std::ranges::all_of(bytes, isPlain)) return std::string(bytes);
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const CodePoint point = decodeAt(bytes, at);
    const std::size_t length = std::max<std::size_t>(point.length, 1);
    if (point.length == 0 || isDeceptive(point.value))
      appendEscaped(out, point, static_cast<std::uint8_t>(bytes[at]));
    else if (point.value == '\\')
      out += "\\\\";
    else
      out += bytes.substr(at, length);
    at += length;
  }
  return out;
}

bool needsEscaping(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const CodePoint point = decodeAt(bytes, at);
    if (point.length == 0 || point.value == '\\' || isDeceptive(point.value)) return true;
    at += point.length;
  }
  return false;
}

bool isValidUtf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = decodeAt(bytes, at).length;
    if (length == 0) return false;
    at += length;
  }
  return true;
}

namespace {

void appendJsonEscape(std::string& out, char32_t value) {
  char text[16];
  if (value < 0x10000) {
    std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(value));
  } else {
    const auto rest = static_cast<unsigned>(value) - 0x10000;
    std::snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
  }
  out += text;
}

}  // namespace

std::string escapeJson(std::string_view json) {
  const auto isPlain = [](char c) { return static_cast<std::uint8_t>(c) < 0x7f; };
  if (std::ranges::all_of(json, isPlain)) return std::string(json);
  std::string out;
  out.reserve(json.size());
  for (std::size_t at = 0; at < json.size();) {
    const CodePoint point = decodeAt(json, at);
    const std::size_t length = std::max<std::size_t>(point.length, 1);
    if (point.value >= 0x7f && isDeceptive(point.value))
      appendJsonEscape(out, point.value);
    else
      out += json.substr(at, length);
    at += length;
  }
  return out;
}

std::string quoteJson(std::string_view text) {
  if (!isValidUtf8(text)) return quoteJson(escapeForDisplay(text));
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (const auto byte = static_cast<std::uint8_t>(c); byte < 0x20)
      appendJsonEscape(out, byte);
    else
      out += c;
  }
  out += '"';
  return escapeJson(out);
}

namespace {
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string encodeBase64(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = (group << 8) | (i < left ? static_cast<std::uint8_t>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out += i <= left ? kBase64[(group >> (18 - 6 * i)) & 63] : '=';
  }
  return out;
}

std::optional<std::string> decodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 4) {
    std::uint32_t group = 0;
    std::size_t padding = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const char c = text[at + i];
      const bool last = at + 4 == text.size();
      if (c == '=' && last && i >= 2) {
        ++padding;
        group <<= 6;
        continue;
      }
      const std::size_t digit = kBase64.find(c);
      if (digit == std::string_view::npos || padding > 0) return std::nullopt;
      group = (group << 6) | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t i = 0; i + padding < 3; ++i) out += static_cast<char>((group >> (16 - 8 * i)) & 0xff);
  }
  return out;
}

std::string encodeHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

namespace {

std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string_view> nearestName(std::string_view name, const std::vector<std::string_view>& candidates) {
  std::optional<std::string_view> best;
  std::size_t bestDistance = std::max<std::size_t>(name.size() / 3, 1) + 1;
  if (name.size() > 64) return std::nullopt;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

}  // namespace ringfence
