// The adapters of a machine and of its user, read once: shipped ones, the system's, the user's own. Of one name the
// strongest counts: the user's over the system's over the shipped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/adapter.h"
#include "policy/diagnostic.h"

namespace ringfence::cli {

struct BrokenAdapter {
  std::string name, file;
  std::vector<policy::Diagnostic> diagnostics;  // at least one
};

struct AdapterShelf {
  std::vector<policy::Adapter> adapters;  // one of each name, by name
  std::vector<BrokenAdapter> broken;      // one of them keeps weaker ones of its name out

  const policy::Adapter* find(std::string_view name) const;
  const BrokenAdapter* findBroken(std::string_view name) const;
};

// $RINGFENCE_ADAPTER_DIR (several, as in PATH) stands in for the shipped and the system's directory. `home`: of the
// user; empty: none is known. What cannot be read is among the broken.
AdapterShelf readAdapters(const std::string& home);
// Of those only the ones that could know a word of that command: the others are not taken apart, and so not broken.
AdapterShelf readAdaptersFor(const std::string& home, const std::vector<std::string>& argv, const std::string& program);
// The directories that it reads, weak to strong.
std::vector<std::string> adapterDirectories(const std::string& home);

}  // namespace ringfence::cli
