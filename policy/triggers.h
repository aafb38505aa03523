// Files that a person or a program outside runs or obeys later because of their name. A run may change them, that is
// often its task; whoever reads the end of the run is told. Goes by names alone: it knows neither the mode of a file
// nor what its first line says, so a program under an ordinary name, or a whole folder that was moved, is not found.
// Pure.
//
//   if (auto who = policy::obeyedBy("/w/app/Makefile")) …  // "make"
#pragma once

#include <optional>
#include <string_view>

namespace ringfence::policy {

// Who runs or obeys a file of this path; nothing: no name of the table.
std::optional<std::string_view> obeyedBy(std::string_view path);

// For whoever keeps a folder's names and not its path: false only where no path that ends in that name is obeyed,
// unless its folder is one of obeysAll().
bool mayBeObeyed(std::string_view name);
// Whether whatever is in a folder of that name may be obeyed.
bool obeysAll(std::string_view folder);

}  // namespace ringfence::policy
