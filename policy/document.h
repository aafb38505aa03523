// A policy after all its sources have been merged: plain values, no file names to open, nothing left to look up.
// Pure data. Made by policy/load.h, judged by policy/evaluate.h, turned into walls by sandbox/plan.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/clock.h"
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
enum class OnLimit { kPause, kDeny, kKill };
enum class OnAlarm { kRecord, kPause };
enum class PriorityClass { kInteractive, kBackground, kIdle };
// kCall: of a tool that an agent names itself. Nothing but the agent's own question is judged as one.
enum class Operation { kRead, kWrite, kExec, kConnect, kCall };

// "~/x", "$WORKSPACE/x", "/x", or a glob beginning "**/" which is relative to the workspace.
struct PathRule {
  std::string pattern;
  Origin origin;
  bool operator==(const PathRule&) const = default;
};

// "files.rewrite": what is opened in place of a path. A write goes to `to`; a read gets `content` where there is one.
struct PathRewrite {
  std::string pattern;
  std::string to;                      // absolute, "~/x" or "$WORKSPACE/x"; empty with `content`
  std::optional<std::string> content;  // what a reader sees
  std::string why;
  Origin origin;
  bool operator==(const PathRewrite&) const = default;
};

struct Files {
  WorkspaceAccess workspace = WorkspaceAccess::kReadWrite;
  std::vector<PathRule> read;
  std::vector<PathRule> write;
  std::vector<PathRule> ask;      // asked before the first change
  std::vector<PathRule> askRead;  // asked before the first read too
  std::vector<PathRule> forbid;
  std::vector<PathRewrite> rewrite;
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

// Connections to `host` (and `port`, where there is one) go to `to` instead.
struct HostRewrite {
  std::string host;
  std::optional<std::uint16_t> port;
  std::string to;  // "host" or "host:port"
  std::string why;
  Origin origin;
  bool operator==(const HostRewrite&) const = default;
};

// The agent gets a plain-http base URL in `baseVariable`; what it asks for there goes to `host` by TLS with `header`
// set to `prefix` and the value that the caller's environment has in `fromVariable`. The value itself never enters the
// fence, a fact or a file.
struct Credential {
  std::string host;
  std::uint16_t port = 443;
  std::string header;  // "x-api-key", "authorization"
  std::string prefix;  // "Bearer "
  std::string fromVariable;
  std::string baseVariable;  // "ANTHROPIC_BASE_URL"
  Origin origin;
  bool operator==(const Credential&) const = default;
};

struct Network {
  Decision fallback = Decision::kForbid;
  std::vector<HostRule> allow;
  std::vector<HostRule> ask;
  std::vector<HostRule> forbid;
  std::vector<HostRewrite> rewrite;
  std::vector<std::uint16_t> loopback;  // ports of the host's 127.0.0.1 that appear inside
  std::vector<std::uint16_t> publish;   // ports of the agent's 127.0.0.1 that appear on the host's
  std::vector<Credential> credentials;
  std::optional<Bytes> sendLimit;  // all that the run may send out of the device
  bool operator==(const Network&) const = default;
};

struct ExecRule {
  std::vector<std::string> match;  // argv prefix; the program as base name or absolute path
  Decision decide = Decision::kForbid;
  std::string why;
  Origin origin;
  std::vector<std::string> rewrite;  // kRewrite: words in place of the matched ones; what follows them stays
  bool operator==(const ExecRule&) const = default;
};

// A call of a tool of which an agent asks before it makes it. No wall knows of tools.
struct ToolRule {
  std::vector<std::string> match;       // names; "*" stands for any text, "?" for one character
  Decision decide = Decision::kForbid;  // no kRewrite
  std::string why;
  Origin origin;
  bool operator==(const ToolRule&) const = default;
};

struct Tools {
  Decision fallback = Decision::kAllow;
  std::vector<ToolRule> rules;
  bool operator==(const Tools&) const = default;
};

struct Limits {
  std::optional<CpuPercent> cpu;
  std::optional<Bytes> memory;
  std::optional<std::uint32_t> pids;
  std::optional<CpuPercent> npu;                 // of one NPU; absent: the run is given none
  std::optional<CpuPercent> gpu;                 // of one GPU; absent: the run is given none
  std::optional<Bytes> ioWrite;                  // to files, in a second
  std::optional<std::chrono::seconds> wallTime;  // from the start, sleep of the machine included
  // Budgets. A day is one of the machine's calendar, of all runs that one user has under the policy of one name.
  std::optional<std::uint64_t> tokens, tokensPerDay;              // of models, in and out
  std::optional<std::uint64_t> costMicroUsd, costPerDayMicroUsd;  // of models, told or estimated by list prices
  std::optional<std::uint64_t> prompts, promptsPerDay;            // questions to a person
  std::optional<std::chrono::seconds> wallTimePerDay;             // each run's own time, added up
  std::optional<std::uint32_t> warnAtPercent;                     // of each budget, then people know; absent: 80
  OnLimit onLimit = OnLimit::kPause;                              // of memory (at nine tenths), time and budgets
  OnAlarm onAlarm = OnAlarm::kRecord;                             // of a leak, a spin, a growing number of processes
  bool operator==(const Limits&) const = default;
};

struct Prompt {
  std::chrono::seconds timeout{600};  // then denied once
  std::uint32_t perMinute = 6;        // questions of one run; above this they are batched
  bool operator==(const Prompt&) const = default;
};

// A decision of a person that holds for more than one action: allowed without asking, below every `forbid`.
struct Grant {
  std::uint64_t id = 0;  // of the grant in the daemon's log; 0: written in a file
  Operation operation = Operation::kWrite;
  // The path with all below it, "host:port", the name of a tool; kExec: the program's absolute path.
  std::string target;
  std::vector<std::string> argv;  // kExec: the exact arguments
  std::string until;              // RFC 3339; empty: no end
  Origin origin;
  std::string why;
  bool operator==(const Grant&) const = default;
};
// By the wall clock; nothing: none. A Judge knows no time: whoever makes one leaves out what has ended.
std::optional<Microseconds> endOf(const Grant& grant);

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
  Tools tools;
  std::vector<Grant> grants;
  Prompt prompt;
  std::vector<PathRule> auditRead;  // what an audited run may also read
  IdentityKind identity = IdentityKind::kCaller;
  std::vector<std::string> groups;  // supplementary groups to keep, by name
  Limits limits;
  PriorityClass priority = PriorityClass::kBackground;
  std::optional<std::chrono::seconds> preemptGrace;  // how long a declared critical section may put off a hold
  Environment environment;
  // Origin of every value that some file wrote, by dotted key ("limits.memory"). Lists carry theirs in their entries.
  std::map<std::string, Origin> origins;
  bool operator==(const Document&) const = default;
};

// SHA-256 in hexadecimal over the canonical text of the document without its origins. Equal documents, equal hash.
std::string documentHash(const Document& document);

}  // namespace ringfence::policy
