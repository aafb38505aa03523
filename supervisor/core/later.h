// What a run changed that runs or is obeyed later outside, for whoever reads its end. From what its warden let through,
// not from a look at the disk; a run without a warden has none, which says nothing about it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "supervisor/core/state.h"

namespace ringfence::supervisor {

// Remembers what of it bears such a name, in `run`. `by`: who changed it; pid 0: not known.
void rememberChange(Run& run, std::string_view call, const std::string& target, const std::string& second,
                    const sandbox::ProcessLink& by = {});
// What is remembered, as values. Nothing: no warden watched.
std::optional<LaterReport> laterOf(const Run& run);
// Of a run of which the kernel ended something for memory: words that its agent can act on, then `note`.
std::string noteOfMemory(const Run& run, const FinalUsage& usage, std::string note);
// `note`, followed by what is remembered, in at most kMaxLaterNoteBytes more.
std::string noteOfEnd(const Run& run, std::string note);

}  // namespace ringfence::supervisor
