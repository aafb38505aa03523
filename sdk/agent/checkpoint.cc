#include "sdk/agent/checkpoint.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "sdk/agent/agent.h"
#include "sdk/agent/checkpoint_text.h"
#include "sdk/agent/digest.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence {
namespace {

using agent::CheckpointContent;
using agent::findMember;
using agent::jsonKey;
using agent::JsonMember;
using std::chrono::steady_clock;

constexpr std::size_t kMaxName = 64, kMaxStepId = 64, kMaxDepth = 256;
constexpr std::chrono::milliseconds kLookAgain{20};
constexpr std::string_view kBegun = "{}", kResult = "\"result\"";

bool isNameCharacter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         letter == '.' || letter == '_' || letter == '-';
}

bool isName(std::string_view name) {
  const bool begins = !name.empty() && name[0] != '.' && name[0] != '_' && name[0] != '-';
  return begins && name.size() <= kMaxName && std::ranges::all_of(name, isNameCharacter);
}

// One value that every reader of the file can read.
bool isKeepable(std::string_view json) { return nlohmann::json::accept(json) && agent::jsonDepth(json) <= kMaxDepth; }

// As os.path.expanduser and os.path.realpath of Python have it, or the same program would have two.
std::string home() {
  if (const char* named = std::getenv("HOME"); named != nullptr) return named;
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_dir : "/";
}

std::string wholePathOf(const std::string& text) {
  std::error_code failed;
  std::string path = std::filesystem::weakly_canonical(text.empty() ? "." : text, failed).string();
  if (failed) path = std::filesystem::absolute(text.empty() ? "." : text, failed).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// As os.makedirs: what is above it has the rights that such folders have.
Result<void> makeFolder(const std::string& folder) {
  std::error_code failed;
  const auto above = std::filesystem::path(folder).parent_path();
  if (!above.empty()) std::filesystem::create_directories(above, failed);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return posixError(errno, "making " + folder);
  return {};
}

Result<void> synced(int fd, const std::string& what) {
  if (::fsync(fd) != 0) return posixError(errno, "writing " + what + " to the disk");
  return {};
}

}  // namespace

class Checkpoint::File {
 public:
  File(std::string place, UniqueFd folder, UniqueFd lock, Agent* told)
      : path(std::move(place)), agent(told), folder_(std::move(folder)), lock_(std::move(lock)) {}

  // kBusy: somebody else has it for longer than that.
  Result<void> takeLock(steady_clock::time_point until) const {
    for (;;) {
      if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
      if (errno != EWOULDBLOCK && errno != EINTR) return posixError(errno, "locking " + path);
      if (steady_clock::now() >= until) return Error{ErrorCode::kBusy, path + ": another process has it"};
      std::this_thread::sleep_for(kLookAgain);
    }
  }

  // kInvalid: it is damaged.
  Result<void> read() {
    const auto fd = openAt(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd && fd.error().sysErrno == ENOENT) return {};
    if (!fd) return fd.error();
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return posixError(errno, "reading " + path);
    if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kInvalid, path + " is not a regular file"};
    const std::string text = RF_TRY(readAll(fd->get(), {agent::kMaxCheckpointBytes}, path));
    auto found = agent::checkpointIn(text);
    if (!found) return Error{ErrorCode::kInvalid, path + " " + found.error().message};
    content = *std::move(found);
    return {};
  }

  // Replaces it on the disk and here; what was there is there when it fails.
  bool write(CheckpointContent next) {
    if (next.steps.size() > agent::kMaxCheckpointSteps)
      return fails(CheckpointFault::kTooLarge, path + ": more than " + std::to_string(agent::kMaxCheckpointSteps) +
                                                   " steps; forget those that are past");
    const std::string text = agent::checkpointText(next);
    if (text.size() > agent::kMaxCheckpointBytes)
      return fails(CheckpointFault::kTooLarge,
                   path + ": more than " + std::to_string(agent::kMaxCheckpointBytes) + " bytes");
    if (const auto replaced = replace(text); !replaced)
      return fails(CheckpointFault::kUnavailable, replaced.error().message);
    content = std::move(next);
    trouble = {};
    return true;
  }

  bool fails(CheckpointFault fault, std::string say) {
    trouble = {fault, std::move(say)};
    return false;
  }
  bool takesStep(std::string_view step) {
    if (!step.empty() && step.size() <= kMaxStepId && isValidUtf8(step)) return true;
    return fails(CheckpointFault::kInvalid, "a step has an id of 1 to 64 bytes of UTF-8");
  }

  const std::string path;
  CheckpointContent content;
  CheckpointTrouble trouble;
  Agent* const agent;

 private:
  Result<void> replace(const std::string& text) const {
    const std::string fresh = path + ".new";
    {
      const UniqueFd fd = RF_TRY(openAt(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
      RF_TRY(writeAll(fd.get(), text, fresh));
      RF_TRY(synced(fd.get(), fresh));
    }
    if (::rename(fresh.c_str(), path.c_str()) != 0) return posixError(errno, "renaming " + fresh);
    return synced(folder_.get(), path);
  }

  UniqueFd folder_, lock_;
};

Checkpoint::Checkpoint(std::unique_ptr<File> file) : file_(std::move(file)) {}
Checkpoint::~Checkpoint() = default;
Checkpoint::Checkpoint(Checkpoint&& other) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&& other) noexcept = default;

std::optional<Checkpoint> Checkpoint::open(std::string_view name, const CheckpointOptions& options,
                                           CheckpointTrouble& trouble) {
  trouble = {};
  if (!isName(name)) {
    trouble = {CheckpointFault::kInvalid,
               quoteJson(name) + " is no name for a checkpoint: letters, digits, '.', '_' and '-', at most 64"};
    return std::nullopt;
  }
  const auto opened = [&]() -> Result<std::unique_ptr<File>> {
    const std::string folder = options.folder.empty() ? home() + "/.local/state/ringfence" : options.folder;
    RF_TRY(makeFolder(folder));
    const std::string mark = agent::digestHex(wholePathOf(options.workspace)).substr(0, 16);
    const std::string path = folder + "/" + std::string(name) + "-" + mark + ".checkpoint";
    UniqueFd place = RF_TRY(openAt(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY));
    UniqueFd lock = RF_TRY(openAt(AT_FDCWD, path + ".lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    auto file = std::make_unique<File>(path, std::move(place), std::move(lock), options.agent);
    RF_TRY(file->takeLock(steady_clock::now() + options.patience));
    RF_TRY(file->read());
    return file;
  };
  auto file = opened();
  if (file) return Checkpoint(*std::move(file));
  const ErrorCode code = file.error().code;
  trouble.say = file.error().message;
  trouble.fault = code == ErrorCode::kBusy && file.error().sysErrno == 0      ? CheckpointFault::kBusy
                  : code == ErrorCode::kInvalid && file.error().sysErrno == 0 ? CheckpointFault::kDamaged
                                                                              : CheckpointFault::kUnavailable;
  return std::nullopt;
}

const std::string& Checkpoint::path() const { return file_->path; }
const CheckpointTrouble& Checkpoint::trouble() const { return file_->trouble; }

// Whatever is there was looked at when it was read.
std::optional<CheckpointRestored> Checkpoint::restore() const {
  return agent::restoredIn(file_->content.data).value_or(std::nullopt);
}

bool Checkpoint::save(std::string_view dataJson, std::int64_t version) {
  if (!isKeepable(dataJson)) return file_->fails(CheckpointFault::kInvalid, "what is to be kept is not one JSON value");
  const char* run = std::getenv("RINGFENCE_RUN");
  CheckpointContent next = file_->content;
  next.data = agent::checkpointData(dataJson, version, run != nullptr ? run : "", std::chrono::system_clock::now());
  if (!file_->write(std::move(next))) return false;
  if (file_->agent != nullptr) (void)file_->agent->safePoint();
  return true;
}

std::optional<std::string> Checkpoint::once(std::string_view step, const Effect& effect, Unsure unsure) {
  if (!file_->takesStep(step)) return std::nullopt;
  const std::string key = jsonKey(step);
  if (const JsonMember* begun = findMember(file_->content.steps, key)) {
    const auto members = agent::jsonMembersOf(begun->value);
    if (const JsonMember* result = members ? findMember(*members, kResult) : nullptr) {
      file_->trouble = {};
      return result->value;
    }
    if (unsure == Unsure::kRefuse) {
      file_->fails(CheckpointFault::kUnsure,
                   "step " + quoteJson(step) + " was begun and its end was not kept: its effect may have happened");
      return std::nullopt;
    }
  } else {
    CheckpointContent next = file_->content;
    next.steps.push_back({key, std::string(kBegun)});
    if (!file_->write(std::move(next))) return std::nullopt;
  }
  std::optional<std::string> result = effect();
  if (!result || !isKeepable(*result)) {
    file_->fails(result ? CheckpointFault::kInvalid : CheckpointFault::kNoResult,
                 "step " + quoteJson(step) + (result ? " yielded what is not one JSON value" : " yielded nothing"));
    return std::nullopt;
  }
  CheckpointContent next = file_->content;  // It may have kept something itself.
  std::erase_if(next.steps, [&](const JsonMember& one) { return one.key == key; });
  next.steps.push_back({key, "{" + std::string(kResult) + ":" + *result + "}"});
  return file_->write(std::move(next)) ? std::move(result) : std::nullopt;
}

bool Checkpoint::forget(std::string_view step) {
  if (!file_->takesStep(step)) return false;
  CheckpointContent next = file_->content;
  std::erase_if(next.steps, [key = jsonKey(step)](const JsonMember& one) { return one.key == key; });
  return file_->write(std::move(next));
}

}  // namespace ringfence
