// One file below the home of a run, from inside the fence and as the agent's user: no link is followed and no mount
// entered. What is in the way (a link, something that is no file) is moved aside under another name in the same
// directory. What is in another file system or bind mount than the home, a part of the person's real home that the
// policy grants, is not changed: kDenied.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"
#include "sdk/base/units.h"

namespace ringfence::hook {

inline constexpr Bytes kMaxHomeFile{1 << 20};

// "a/b.json"; absent: it leads nowhere, elsewhere than below the home, or is not plain.
std::optional<std::vector<std::string>> partsBelowHome(std::string_view path);

class HomeFile {
 public:
  // Makes the directories on the way. `parts` as from partsBelowHome. `said` gets what was moved aside, in words, a
  // line each, and outlives this.
  static Result<HomeFile> reach(const std::string& home, std::vector<std::string> parts, std::string& said);

  // Its text, of at most kMaxHomeFile; absent: there is none.
  Result<std::optional<std::string>> read();
  // Whoever reads meanwhile has the old text or the new one. As it was, or 0600.
  Result<void> replace(std::string_view text);
  Result<void> moveAside(const std::string& why);
  std::string shown() const;  // "~/a/b.json", escaped

 private:
  HomeFile(std::vector<std::string> parts, std::string& said) : parts_(std::move(parts)), said_(&said) {}
  std::string shownTo(std::size_t parts) const;
  Result<UniqueFd> enter(int directory, std::size_t part);
  Result<void> mayChange(std::size_t parts) const;
  Result<void> moveAside(int directory, std::size_t part, const std::string& why);

  std::vector<std::string> parts_;
  std::string* said_;
  UniqueFd directory_;
  std::uint64_t homeMount_ = 0;
  bool isForeign_ = false;
  mode_t mode_ = 0600;
};

}  // namespace ringfence::hook
