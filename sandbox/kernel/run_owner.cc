#include "sandbox/kernel/run_owner.h"

#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "sdk/base/whole_number.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kAttribute = "security.ringfence.uid";
constexpr std::uint32_t kNobody = UINT32_MAX;  // what the kernel says where there is no id

}  // namespace

Result<void> writeRunOwner(int group, std::uint32_t uid) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), uid).ptr;
  if (::fsetxattr(group, kAttribute, digits.data(), static_cast<std::size_t>(end - digits.data()), 0) != 0)
    return posixError(errno, "saying on its control group whose the run is");
  return {};
}

std::optional<std::uint32_t> readRunOwner(int group) {
  std::array<char, 16> text;
  const ssize_t got = ::fgetxattr(group, kAttribute, text.data(), text.size());
  if (got <= 0) return std::nullopt;
  const auto uid = wholeNumber<std::uint32_t>({text.data(), static_cast<std::size_t>(got)});
  return uid == kNobody ? std::nullopt : uid;
}

}  // namespace ringfence::sandbox
