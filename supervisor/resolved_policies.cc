#include "supervisor/resolved_policies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "sandbox/wire/guard.h"
#include "sdk/base/io.h"
#include "sdk/base/sha256.h"

namespace ringfence::supervisor {
namespace {

// The message to a guard holds a run's id and places as well; here they say nothing.
constexpr char kNoRun[] = "r-0000000000000000";

bool isName(const std::string& name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

ResolvedPolicies::Kept ResolvedPolicies::keep(const policy::Document& document) {
  if (last_ && *last_ == document) return {lastHash_, last_, {}};
  auto kept = std::make_shared<const policy::Document>(document);
  sandbox::GuardRules rules;
  rules.run = *RunId::parse(kNoRun);
  rules.document = document;
  auto bytes = sandbox::encodeBounded(sandbox::GuardOrder(std::move(rules)));
  if (!bytes) return {{}, std::move(kept), std::move(bytes).error()};
  std::string hash = sha256Hex(*bytes);
  auto written = write(hash, *bytes);
  if (!written) return {std::move(hash), std::move(kept), std::move(written).error()};
  last_ = std::move(kept);
  lastHash_ = std::move(hash);
  return {lastHash_, last_, {}};
}

// Not synced: after a power cut there is no run that needs it.
Result<void> ResolvedPolicies::write(const std::string& hash, const std::string& bytes) {
  const std::string path = directory_ + "/" + hash;
  if (written_.contains(hash) && ::access(path.c_str(), F_OK) == 0) return {};
  if (::mkdir(directory_.c_str(), 0700) < 0 && errno != EEXIST) return posixError(errno, "making " + directory_);
  const std::string temporary = directory_ + "/.new";
  const UniqueFd file = RF_TRY(openAt(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  RF_TRY(writeAll(file.get(), bytes, temporary));
  if (::rename(temporary.c_str(), path.c_str()) < 0) return posixError(errno, "naming " + path);
  written_.insert(hash);
  ++fresh_;
  return {};
}

Result<std::shared_ptr<const policy::Document>> ResolvedPolicies::find(const std::string& hash) const {
  if (last_ && hash == lastHash_) return last_;
  if (!isName(hash)) return Error{ErrorCode::kNotFound, "no resolved policy is named"};
  const std::string bytes = RF_TRY(readFileAt(AT_FDCWD, directory_ + "/" + hash, sandbox::kMaxGuardOrder));
  if (sha256Hex(bytes) != hash)
    return Error{ErrorCode::kInvalid, directory_ + "/" + hash + " was changed: it is not what its name says"};
  auto order = RF_TRY(sandbox::decodeGuardOrder(std::string_view(bytes)));
  auto* rules = std::get_if<sandbox::GuardRules>(&order);
  if (rules == nullptr) return Error{ErrorCode::kInvalid, directory_ + "/" + hash + " holds no policy"};
  return std::make_shared<const policy::Document>(std::move(rules->document));
}

void ResolvedPolicies::prune(const std::set<std::string>& inUse) {
  fresh_ = 0;
  std::vector<std::pair<std::filesystem::file_time_type, std::string>> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, failed)) {
    const std::string name = entry.path().filename();
    std::error_code ignored;
    if (isName(name)) files.emplace_back(entry.last_write_time(ignored), name);
  }
  if (files.size() <= kMaxKeptPolicies) return;
  std::ranges::sort(files);
  std::size_t surplus = files.size() - kMaxKeptPolicies;
  for (const auto& [time, name] : files) {
    if (surplus == 0) return;
    if (inUse.contains(name)) continue;
    (void)::unlink((directory_ + "/" + name).c_str());  // One too many does no harm.
    written_.erase(name);
    --surplus;
  }
}

}  // namespace ringfence::supervisor
