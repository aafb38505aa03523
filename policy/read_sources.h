// Policy files from disk as texts. The only part of policy/ that opens anything; the daemon uses it for its own policy
// directories, the command line for those of its user.
#pragma once

#include <string>
#include <vector>

#include "policy/load.h"
#include "sdk/base/result.h"

namespace ringfence::policy {

// One regular file of at most 256 KiB. Symbolic links as the last part, pipes, sockets and devices are refused without
// waiting for them. Fails with kNotFound, kDenied or kInvalid, and the path.
Result<SourceText> readSource(const std::string& path);
Result<SourceText> readSourceAt(int directory, const std::string& name, const std::string& shown);

struct DirectoryTexts {
  std::vector<SourceText> texts;       // "*.toml", sorted by name
  std::vector<Diagnostic> unreadable;  // files and directories that could not be read, as errors about the whole file
};
// All policies of several directories, in their order. A directory that does not exist has none.
DirectoryTexts readDirectories(const std::vector<std::string>& directories);

}  // namespace ringfence::policy
