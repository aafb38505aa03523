// What a command line runs in the end, where the program that it names only starts another or plays its part: `env`,
// `xargs`, `busybox` and `toybox`, the dynamic loader. So that a rule about `git push` also speaks of `env git push`.
//
// Not seen through: `sh -c` and what else interprets text (python -c, make, find -exec), a copy of a loader or of
// busybox under a name that says nothing. What those start by execve(2) is judged when they do; what they do themselves
// is bounded by the walls. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxUnwrapping = 8;

struct UnwrappedCommand {
  std::vector<std::string> argv;
  // How many words of the whole command line stand before them.
  std::size_t offset = 0;
  std::string wrapper;  // "env", "ld-linux-x86-64.so.2": for people
  // The program is loaded by the wrapper, so there is no execve(2) of it that could be judged.
  bool loadedInside = false;
};

// From the outermost to the innermost. `program`: the resolved path of what is executed.
std::vector<UnwrappedCommand> unwrapCommand(std::string_view program, const std::vector<std::string>& argv);

}  // namespace ringfence::sandbox
