// How long a person's decision holds.
#pragma once

namespace ringfence::supervisor {

// kProject and kAlways are written as policy text that the person can read.
enum class GrantScope { kOnce, kRun, kProject, kAlways };

}  // namespace ringfence::supervisor
