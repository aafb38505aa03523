// Which logins were imported into which private home, as the log has it: an import is a run of ringfence-hook, and a
// home that was pruned has none. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::cli {

struct Import {
  std::string path;    // below the home
  std::string policy;  // whose private home it went to
  std::string at, run;
  std::uint32_t uid = 0;  // of whom
};

class ImportHistory {
 public:
  // Lines of the log, in order.
  void note(const client::LogLine& line);
  // The last of each path and home that is there still, by policy and path. What an agent did with it since is not
  // known.
  std::vector<Import> imports() const;

 private:
  std::map<std::string, Import> underWay_;  // by run
  std::vector<Import> done_;
};

std::string importsTable(const std::vector<Import>& imports);
std::string importJson(const Import& one);

}  // namespace ringfence::cli
