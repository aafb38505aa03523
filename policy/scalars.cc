#include "policy/scalars.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "policy/address.h"
#include "sdk/base/money.h"

namespace ringfence::policy {
namespace {

constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 60;
constexpr std::uint64_t kMaxPercent = 1'000'000;
constexpr std::uint64_t kMaxSeconds = 7 * 24 * 3600;
constexpr std::uint64_t kMaxDollars = 1'000'000;
constexpr std::size_t kMaxPathLength = 4095;
constexpr std::size_t kMaxNameLength = 64;

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLower(char c) { return c >= 'a' && c <= 'z'; }
bool isUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool isControl(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }

Error invalid(std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; }

// The digits at the front, and what follows them. Nothing when there are none or they do not fit.
struct Number {
  std::uint64_t value = 0;
  std::string_view rest;
};
std::optional<Number> leadingNumber(std::string_view text) {
  Number number;
  if (text.empty() || !isDigit(text.front())) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
  if (error != std::errc()) return std::nullopt;
  number.rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return number;
}

// Every part of a path but the leading anchor ("", "~", "$WORKSPACE", "**").
Result<void> checkParts(const std::vector<std::string_view>& parts, GlobUse globs) {
  for (const std::string_view part : parts) {
    if (part == "..") return invalid("a path may not have `..` in it: it would say one place and mean another");
    if (part == ".") return invalid("a path may not have `.` in it");
    if (globs == GlobUse::kForbidden && part.find_first_of("*?") != std::string_view::npos) {
      return invalid("a grant names one path; patterns with * and ? are for `forbid` and `ask`");
    }
    if (part.find("**") != std::string_view::npos && part != "**") return invalid("`**` stands alone between slashes");
  }
  return {};
}

Result<std::string> hostName(std::string_view name, std::string_view shown) {
  std::size_t label = 0;
  bool digitsOnly = true;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return invalid("a label of a host name may not be empty");
      label = 0;
      digitsOnly = true;
      continue;
    }
    if (!isLower(c) && !isDigit(c) && c != '-' && c != '_')
      return invalid("a host name has letters, digits, - and dots only");
    digitsOnly = digitsOnly && isDigit(c);
    if (++label > 63) return invalid("a label of a host name has at most 63 characters");
  }
  if (label == 0 || name.size() > 253) return invalid("this is not a host name");
  // "2130706433" and "127.1" are addresses to some programs and names to others.
  if (digitsOnly) return invalid("an address is written in full: 127.0.0.1");
  return std::string(shown);
}

}  // namespace

Result<std::uint64_t> parseSize(std::string_view text) {
  static constexpr std::pair<std::string_view, int> kUnits[] = {
      {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  const auto number = leadingNumber(text);
  if (number) {
    for (const auto& [unit, shift] : kUnits) {
      if (number->rest != unit) continue;
      if (number->value == 0) return invalid("a size of nothing");
      if (number->value > kMaxSize >> shift) return invalid("a size larger than any machine");
      return number->value << shift;
    }
  }
  return invalid("a size is a whole number and B, KiB, MiB, GiB or TiB: \"6GiB\"");
}

Result<std::uint64_t> parseRate(std::string_view text) {
  if (!text.ends_with("/s")) return invalid("a rate is a size in a second: \"50MiB/s\"");
  return parseSize(text.substr(0, text.size() - 2));
}

Result<std::uint64_t> parsePercent(std::string_view text) {
  const auto number = leadingNumber(text);
  if (!number || number->rest != "%") return invalid("a percentage is a whole number and %: \"200%\" is two CPUs");
  if (number->value == 0 || number->value > kMaxPercent) return invalid("a percentage is from 1 to 1000000");
  return number->value;
}

Result<std::uint64_t> parseShare(std::string_view text) {
  const auto number = leadingNumber(text);
  if (!number || number->rest != "%") return invalid("a share is a whole number and %: \"50%\"");
  if (number->value == 0 || number->value > 100) return invalid("a share is from 1% to 100%");
  return number->value;
}

Result<std::uint64_t> parseDuration(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {{"s", 1}, {"m", 60}, {"h", 3600}};
  const auto number = leadingNumber(text);
  if (number) {
    for (const auto& [unit, seconds] : kUnits) {
      if (number->rest != unit) continue;
      if (number->value == 0 || number->value > kMaxSeconds / seconds) return invalid("a time is from 1s to 168h");
      return number->value * seconds;
    }
  }
  return invalid("a time is a whole number and s, m or h: \"10m\"");
}

Result<std::uint64_t> parseMoney(std::string_view text) {
  constexpr std::size_t kDigits = 6;
  const auto whole = text.starts_with('$') ? leadingNumber(text.substr(1)) : std::nullopt;
  if (!whole) return invalid("an amount of money is $, dollars and perhaps a fraction: \"$2.50\"");
  std::uint64_t micro = 0;
  if (!whole->rest.empty()) {
    std::string digits(whole->rest.substr(1));
    const bool isFraction = whole->rest.front() == '.' && !digits.empty() && std::ranges::all_of(digits, isDigit);
    if (!isFraction || digits.size() > kDigits)
      return invalid("after the dollars stand a point and at most six digits: \"$2.50\"");
    digits.resize(kDigits, '0');
    micro = leadingNumber(digits)->value;
  }
  if (whole->value > kMaxDollars || (whole->value == kMaxDollars && micro != 0))
    return invalid("an amount of money is at most $1000000");
  micro += whole->value * kMicroUsd;
  if (micro == 0) return invalid("an amount of money is not nothing");
  return micro;
}

bool isPolicyName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameLength || (!isLower(name.front()) && !isDigit(name.front()))) return false;
  return std::ranges::all_of(name, [](char c) { return isLower(c) || isDigit(c) || c == '.' || c == '_' || c == '-'; });
}

bool isGroupName(std::string_view name) {
  if (name.empty() || name.size() > 32 || isDigit(name.front()) || name.front() == '-') return false;
  return std::ranges::all_of(
      name, [](char c) { return isLower(c) || isUpper(c) || isDigit(c) || c == '_' || c == '-' || c == '.'; });
}

bool isVariableName(std::string_view name) {
  if (name.empty() || name.size() > 256 || isDigit(name.front())) return false;
  return std::ranges::all_of(name, [](char c) { return isLower(c) || isUpper(c) || isDigit(c) || c == '_'; });
}

Result<std::string> parsePath(std::string_view text, GlobUse globs) {
  if (text.size() > kMaxPathLength) return invalid("a path has at most 4095 bytes");
  if (std::ranges::any_of(text, isControl)) return invalid("a path may not have control characters in it");
  if (text.find_first_of("[]{}\\") != std::string_view::npos)
    return invalid("[ ] { } and \\ mean nothing in a path here; only *, ? and ** do");

  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t slash = std::min(text.find('/', at), text.size());
    parts.push_back(text.substr(at, slash - at));
    at = slash + 1;
  }
  const std::string_view anchor = parts.front();
  const bool anchored = (anchor.empty() && text.starts_with('/')) || anchor == "~" || anchor == "$WORKSPACE";
  if (!anchored && !(anchor == "**" && globs == GlobUse::kAllowed && parts.size() > 1)) {
    return invalid(globs == GlobUse::kAllowed ? "a path begins with /, ~/, $WORKSPACE/ or **/"
                                              : "a path begins with /, ~/ or $WORKSPACE/");
  }
  parts.erase(parts.begin());
  std::erase_if(parts, [](std::string_view part) { return part.empty(); });
  RF_TRY(checkParts(parts, globs));
  if (anchor == "**" && parts.empty()) return invalid("`**/` needs a name after it");
  std::string path(anchor);
  for (const std::string_view part : parts) path.append("/").append(part);
  return path.empty() ? "/" : path;
}

Result<std::string> parseHost(std::string_view text) {
  if (const auto address = Address::parse(text)) return address->text();
  std::string lower(text);
  for (char& c : lower) c = isUpper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.ends_with('.')) lower.pop_back();
  std::string_view name = lower;
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.find('*') != std::string_view::npos) return invalid("`*` stands only in front: \"*.example.org\"");
  return hostName(name, lower);
}

}  // namespace ringfence::policy
