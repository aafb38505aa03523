// Policy files from disk as texts. The only part of policy/ that opens anything; the daemon uses it for its own policy
// directories, the command line for those of its user.
#pragma once

#include <string>
#include <vector>

#include "policy/load.h"
#include "sdk/base/clock.h"
#include "sdk/base/result.h"

namespace ringfence::policy {

// kRefuse: a symbolic link as the last part of the path is no policy. For directories that others may write to.
enum class Links { kRefuse, kFollow };

// One regular file of at most 256 KiB. Pipes, sockets and devices are refused without waiting for them. Fails with
// kNotFound, kDenied or kInvalid, and the path.
Result<SourceText> readSource(const std::string& path, Links links = Links::kRefuse);
// The same for `name` in an open directory; `shown` is what people call it.
Result<SourceText> readSourceAt(int directory, const std::string& name, const std::string& shown,
                                Links links = Links::kRefuse);

// All "*.toml" of a directory, sorted by name; a directory that does not exist has none. A file that cannot be read is
// among them, marked so. Fails when the directory cannot be listed: what is in it might have forbidden something.
Result<std::vector<SourceText>> readDirectory(const std::string& path, Links links = Links::kRefuse);

// The same for several directories, for a caller that hands texts on: what could not be read, files and directories, is
// kept apart as errors and must be heeded.
struct DirectoryTexts {
  std::vector<SourceText> texts;
  std::vector<Diagnostic> unreadable;
};
DirectoryTexts readDirectories(const std::vector<std::string>& directories, Links links = Links::kRefuse);

// What tells whether the policies of a directory must be read again: names, and of each its inode, size and times.
// Costs a listing and one stat a file. Take it before reading. A change within the same tick of the file system's clock
// as the last one may not show: `newest` says when that can be.
struct DirectoryStamp {
  std::string text;       // equal: nothing has changed
  Microseconds newest{};  // wall clock; the latest change of any of the files
};
DirectoryStamp stampDirectory(const std::string& path);

// Where the shipped policies are: in the prefix that this program was installed to, else /usr/share/ringfence/policies.
// Adapters likewise.
std::string shippedDirectory(const char* what = "policies");

// The policy directories of a machine: the first is the shipped one, all others are the system's.
Result<Sources> readPolicyDirectories(const std::vector<std::string>& directories);

}  // namespace ringfence::policy
