// The policies of the daemon's own directories as they are in force. Looked at whenever one is wanted, so an edited
// file counts from the next run on. A file loads whole or not at all: one that is broken leaves its last good version
// in force, and says so. A file that never was good since the daemon started has none: policies that need it are
// refused. An editor that writes in place can be read half-way: such a text counts when it is valid, until the next
// look.
//
//   for (const std::string& line : policies.look(now)) say(line);
//   policy::load(policies.inForce(), "coding");
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/load.h"
#include "policy/read_sources.h"
#include "sdk/base/clock.h"

namespace ringfence::supervisor {

enum class Instead { kLastGood, kNothing };

// A file that is not in force as it stands on the disk.
struct BrokenPolicy {
  policy::Diagnostic what;
  Instead inForce = Instead::kNothing;
  bool operator==(const BrokenPolicy&) const = default;
};
// "FILE:LINE:COLUMN: MESSAGE; its last good version stays in force".
std::string describe(const BrokenPolicy& broken);

struct AdoptedPolicies {
  policy::Sources sources;
  std::vector<BrokenPolicy> broken;
};
// What of `found` may replace what is in force: all but the files that do not load by themselves, and those that break
// a policy which loads now. A file that is gone is gone. Pure.
AdoptedPolicies adoptPolicies(const policy::Sources& inForce, policy::Sources found);

class SystemPolicies {
 public:
  enum class Reading { kWhenChanged, kAlways };

  // The first directory is the shipped layer, the others are the system's.
  explicit SystemPolicies(std::vector<std::string> directories) : directories_(std::move(directories)) {}

  // Reads what has changed. Yields a line for each file that is newly broken or right again.
  std::vector<std::string> look(Microseconds wallNow, Reading reading = Reading::kWhenChanged);

  const policy::Sources& inForce() const { return inForce_; }
  const std::vector<BrokenPolicy>& broken() const { return broken_; }
  // Not empty: a directory has never been listed since the start, so what it may forbid is unknown: launch nothing.
  const std::vector<policy::Diagnostic>& unlisted() const { return unlisted_; }

 private:
  policy::Sources readAll();

  std::vector<std::string> directories_;
  std::map<std::string, policy::DirectoryStamp> stamps_;
  std::map<std::string, std::vector<policy::SourceText>> listed_;  // the last listing of each directory
  Microseconds readAt_{};
  policy::Sources inForce_;
  std::vector<BrokenPolicy> broken_;
  std::vector<BrokenPolicy> unlistedNow_;  // directories that could not be listed
  std::vector<policy::Diagnostic> unlisted_;
};

}  // namespace ringfence::supervisor
