// A policy after all its sources have been merged: plain values, no file names to open, nothing left to look up.
// Pure data. Made by policy/load.h, judged by policy/evaluate.h, turned into walls by sandbox/plan.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/units.h"

namespace ringfence::policy {

// Where a value was written. `file` is what the person can open ("/etc/ringfence/policies/base.toml"),
// lines count from 1.
struct Origin {
  std::string file;
  std::uint32_t line = 0;
  std::string text;  // the source line, without its newline
  bool operator==(const Origin&) const = default;
};

enum class Mode { kEnforce, kAudit };
enum class Decision { kAllow, kAsk, kForbid, kRewrite };
enum class WallStrength { kRequired, kBestEffort, kOff };
enum class WorkspaceAccess { kReadWrite, kReadOnly };
enum class IdentityKind { kCaller, kOwn };
enum class PriorityClass { kInteractive, kBackground, kIdle };

// "~/x", "$WORKSPACE/x", "/x", or a glob beginning "**/" which is relative to the workspace.
struct PathRule {
  std::string pattern;
  Origin origin;
  bool operator==(const PathRule&) const = default;
};

struct Files {
  WorkspaceAccess workspace = WorkspaceAccess::kReadWrite;
  std::vector<PathRule> read;
  std::vector<PathRule> write;
  std::vector<PathRule> ask;
  std::vector<PathRule> forbid;
  bool operator==(const Files&) const = default;
};

struct HostRule {
  std::string host;  // exact name, or "*.example.org"; empty when `cidr` is set
  std::string cidr;
  std::optional<std::uint16_t> port;
  std::string why;
  Origin origin;
  bool operator==(const HostRule&) const = default;
};

struct Network {
  Decision fallback = Decision::kForbid;
  std::vector<HostRule> allow;
  std::vector<HostRule> ask;
  std::vector<HostRule> forbid;
  bool operator==(const Network&) const = default;
};

struct ExecRule {
  std::vector<std::string> match;  // argv prefix; the program as base name or absolute path
  Decision decide = Decision::kForbid;
  std::string why;
  Origin origin;
  bool operator==(const ExecRule&) const = default;
};

struct Limits {
  std::optional<CpuPercent> cpu;
  std::optional<Bytes> memory;
  std::optional<std::uint32_t> pids;
  bool operator==(const Limits&) const = default;
};

struct Walls {
  WallStrength mount = WallStrength::kRequired;
  WallStrength pid = WallStrength::kRequired;
  WallStrength net = WallStrength::kRequired;
  WallStrength ipc = WallStrength::kRequired;
  WallStrength uts = WallStrength::kRequired;
  WallStrength cgroup = WallStrength::kRequired;
  WallStrength seccomp = WallStrength::kRequired;
  WallStrength landlock = WallStrength::kRequired;
  WallStrength privileges = WallStrength::kRequired;
  WallStrength limits = WallStrength::kRequired;
  bool operator==(const Walls&) const = default;
};

struct Environment {
  std::vector<std::string> pass;  // names taken from the caller
  std::map<std::string, std::string> set;
  bool operator==(const Environment&) const = default;
};

struct Document {
  std::string name;
  Mode mode = Mode::kEnforce;
  Walls walls;
  Files files;
  Network network;
  std::vector<ExecRule> exec;
  IdentityKind identity = IdentityKind::kCaller;
  std::vector<std::string> groups;  // supplementary groups to keep, by name
  Limits limits;
  PriorityClass priority = PriorityClass::kBackground;
  Environment environment;
  // Origin of every value that some file wrote, by dotted key ("limits.memory"). Lists carry theirs in their entries.
  std::map<std::string, Origin> origins;
  bool operator==(const Document&) const = default;
};

// SHA-256 in hexadecimal over the canonical text of the document without its origins. Equal documents, equal hash.
std::string documentHash(const Document& document);

}  // namespace ringfence::policy
