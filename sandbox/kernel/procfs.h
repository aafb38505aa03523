// Files of /proc as values. Text of the kernel, but partly chosen by runs (mount points, names): bounded and fuzzed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

struct ProcStatus {
  std::array<std::uint32_t, 4> uid{};  // real, effective, saved, file system
  std::array<std::uint32_t, 4> gid{};
  std::vector<std::uint32_t> groups;
  std::uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;
  bool noNewPrivs = false;
  int seccompMode = 0;
  int seccompFilters = -1;  // -1: this kernel does not say
  int threads = 0;
  std::vector<int> namespacePids;  // from the reader's namespace inwards
};
// Fails with kInvalid naming the first field that is missing or malformed.
Result<ProcStatus> parseStatus(std::string_view text);

// What tells about a thread that waits in a call: the same file, of any thread, also of one that has just ended.
struct ThreadStatus {
  std::string name;                    // chosen by the thread; as it is, not escaped
  int process = 0;                     // the thread group
  int parent = 0;                      // 0: outside the reader's pid namespace
  int tracer = 0;                      // 0: none
  std::optional<std::uint32_t> umask;  // nothing: it has ended
  std::uint64_t pending = 0;           // signals: bit N-1 is signal N
  std::uint64_t sharedPending = 0;     // of the whole process
  std::uint64_t blocked = 0;
  std::uint64_t ignored = 0;
  std::vector<int> namespacePids;
};
// Fails with kInvalid naming the first field that is missing or malformed.
Result<ThreadStatus> parseThreadStatus(std::string_view text);

// /proc/TID/stat: when the thread was made. With its number, that names it: numbers are used again.
Result<std::uint64_t> parseStartTime(std::string_view text);

struct MountEntry {
  std::string mountPoint;            // unescaped
  std::vector<std::string> options;  // per mount: "ro", "nosuid", …
  std::vector<std::string> tags;     // "shared:1", "master:2", …
  std::string type;
  bool has(std::string_view option) const;
};
Result<std::vector<MountEntry>> parseMountInfo(std::string_view text);

struct CgroupEntry {
  std::vector<std::string> controllers;  // empty: the v2 hierarchy
  std::string path;
};
Result<std::vector<CgroupEntry>> parseCgroups(std::string_view text);

// UINT64_MAX: unlimited.
struct LimitEntry {
  std::uint64_t soft = 0, hard = 0;
};
// /proc/PID/limits: one entry for each resource number, from 0.
Result<std::vector<LimitEntry>> parseLimits(std::string_view text);

// Names of the interfaces in /proc/PID/net/dev.
std::vector<std::string> parseInterfaces(std::string_view text);

}  // namespace ringfence::sandbox
