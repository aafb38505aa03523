// The policies that runs go by, after all merging: kept as files named by the SHA-256 of what is in them, because a
// daemon that comes after another must tell the guards of its runs the same rules, and because the log names them. No
// secret is in them.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "policy/document.h"
#include "sdk/base/result.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxKeptPolicies = 1000;

class ResolvedPolicies {
 public:
  // A directory of root's alone; made when it is needed.
  explicit ResolvedPolicies(std::string directory) : directory_(std::move(directory)) {}

  struct Kept {
    std::string hash;
    std::shared_ptr<const policy::Document> document;
    Result<void> written;  // not: it lives as long as this daemon
  };
  Kept keep(const policy::Document& document);
  // Fails with kNotFound, and with kInvalid for a file that is not what its name says.
  Result<std::shared_ptr<const policy::Document>> find(const std::string& hash) const;
  // So many were written since the last time that there may be too many.
  bool isPruneDue() const { return fresh_ >= kMaxKeptPolicies; }
  // Removes the oldest beyond kMaxKeptPolicies that are not in use.
  void prune(const std::set<std::string>& inUse);

 private:
  Result<void> write(const std::string& hash, const std::string& bytes);

  std::string directory_;
  std::shared_ptr<const policy::Document> last_;
  std::string lastHash_;
  std::set<std::string> written_;
  std::size_t fresh_ = 0;
};

}  // namespace ringfence::supervisor
