// The small script that stands before an agent on PATH and sends it through the fence. Pure.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::cli {

struct Shim {
  std::string name;       // of the program that it stands for
  std::string directory;  // where it is; absolute
  std::string ringfence;  // this program; absolute
  std::string policy;
};

// A script for sh. It looks for the first program of its name on PATH that is no shim. Inside a run it becomes that
// program; else `ringfence run`, with it as the command. It never becomes itself or another shim, so it cannot go
// round.
std::string shimText(const Shim& shim);

// How many bytes of a file tell whether it is a shim.
inline constexpr std::size_t kShimHead = 64;
bool isShim(std::string_view head);

// `text` as one word for sh.
std::string shellWord(std::string_view text);

}  // namespace ringfence::cli
