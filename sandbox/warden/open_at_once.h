// The short way of open(2) for nearly all that an agent opens for writing: a file that exists, whose name no link leads
// to, and that the rules allow. It is opened with the access that was asked for instead of being pinned first and
// opened a second time; nothing is cut, and nobody gets it, before it is judged by the name that the opened object has.
//
// What it opens before that is judged by its text already, and reached by those very names: nothing more is done than
// the caller may do as often as it likes. Whatever is otherwise goes the long way, which says how it fails.
#pragma once

#include <memory>
#include <string_view>

#include "sandbox/warden/deeds.h"
#include "sandbox/warden/rules.h"

namespace ringfence::sandbox {

// Null: nothing was done, and `call` is as it was.
std::unique_ptr<Deed> openAtOnce(PathCall& call, const std::shared_ptr<const Rules>& rules);

// The long way found a file of this name on a file system that makes nobody wait: others beside it may be opened at
// once.
void knowAsPlain(std::string_view path);

}  // namespace ringfence::sandbox
