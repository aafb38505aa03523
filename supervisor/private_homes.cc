#include "supervisor/private_homes.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "sandbox/kernel/tree.h"
#include "sdk/base/directory.h"
#include "sdk/base/io.h"
#include "sdk/base/run_id.h"
#include "sdk/base/whole_number.h"

namespace ringfence::supervisor {
namespace {

constexpr int kDirectory = O_DIRECTORY | O_NOFOLLOW;
constexpr char kHomes[] = "homes";
constexpr char kUsed[] = ".used";
constexpr std::string_view kAside = ".removed-";
constexpr Bytes kNoteLimit = kibibytes(4);

Result<void> makeDirectoryAt(int parent, const std::string& name, std::uint32_t uid, std::uint32_t gid) {
  if (::mkdirat(parent, name.c_str(), 0700) < 0)
    return errno == EEXIST ? Result<void>() : posixError(errno, "making the directory " + name);
  if (::fchownat(parent, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
    return posixError(errno, "giving away the directory " + name);
  return {};
}

Result<void> noteUse(int ofUser, const std::string& directory, const std::string& policyName) {
  const std::string name = directory + kUsed;
  const UniqueFd note = RF_TRY(openAt(ofUser, name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
  RF_TRY(writeAll(note.get(), policyName, name));  // The same as before, where it is not new.
  if (::futimens(note.get(), nullptr) < 0) return posixError(errno, "noting the time in " + name);
  return {};
}

Microseconds timeOf(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + Microseconds(time.tv_nsec / 1000);
}

// All but its size.
FoundHome lookAt(int ofUser, std::uint32_t uid, const std::string& directory) {
  FoundHome home{.uid = uid, .directory = directory};
  struct stat about {};
  const std::string note = directory + kUsed;
  if (::fstatat(ofUser, note.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0) {
    home.noted = timeOf(about.st_mtim);
    auto policy = readFileAt(ofUser, note, kNoteLimit);
    // A full disk may have kept it from being written.
    if (policy && homeDirectoryName(*policy) == directory) home.policy = *std::move(policy);
  }
  if (::fstatat(ofUser, directory.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0) home.changed = timeOf(about.st_ctim);
  return home;
}

void measure(const std::string& homes, FoundHome& home, const std::stop_token& stop) {
  const auto ofUser = openAt(AT_FDCWD, homes + "/" + std::to_string(home.uid), kDirectory | O_PATH);
  const auto size = ofUser ? sandbox::measureTree(ofUser->get(), home.directory, stop) : ofUser.error();
  if (!size) {
    home.isMore = true;
    home.trouble = size.error().sysErrno == EXDEV ? "something is mounted on it" : size.error().message;
    return;
  }
  home.bytes = size->bytes;
  home.isMore = size->isMore || size->hasMounts;
  if (size->hasMounts) home.trouble = "something is mounted in it";
}

using ForName = std::function<void(int ofUser, std::uint32_t uid, const std::string& name)>;

// Of every directory of a user, or of that one's.
Result<void> forEachName(const std::string& homes, std::optional<std::uint32_t> only, const ForName& what) {
  auto users = Directory::open(AT_FDCWD, homes);
  if (!users) return users.error().code == ErrorCode::kNotFound ? Result<void>() : std::move(users).error();
  while (const dirent* user = users->next()) {
    const auto uid = wholeNumber<std::uint32_t>(user->d_name);
    if (!uid || (only && *only != *uid)) continue;
    const UniqueFd ofUser = RF_TRY(openAt(users->fd(), user->d_name, O_RDONLY | kDirectory));
    Directory listing = RF_TRY(Directory::open(ofUser.get(), "."));
    std::vector<std::string> names;  // All of them first: what is done may remove some.
    while (const dirent* entry = listing.next()) names.emplace_back(entry->d_name);
    for (const std::string& name : names) what(ofUser.get(), *uid, name);
  }
  return {};
}

Result<std::vector<FoundHome>> findHomes(const std::string& homes, std::optional<std::uint32_t> uid,
                                         const std::stop_token& stop) {
  std::vector<FoundHome> found;
  RF_TRY(forEachName(homes, uid, [&](int ofUser, std::uint32_t owner, const std::string& name) {
    if (name.find('.') == std::string::npos) found.push_back(lookAt(ofUser, owner, name));
  }));
  std::ranges::sort(found, {}, [](const FoundHome& home) { return home.noted.value_or(home.changed); });
  if (found.size() > kMaxHomesFound) found.resize(kMaxHomesFound);
  for (FoundHome& home : found) measure(homes, home, stop);
  return found;
}

std::vector<PrivateHomes::Left> removeSetAside(const std::string& homes, const std::stop_token& stop) {
  std::vector<PrivateHomes::Left> left;
  auto looked = forEachName(homes, std::nullopt, [&](int ofUser, std::uint32_t uid, const std::string& name) {
    if (!name.starts_with(kAside)) return;
    auto removed = sandbox::removeTree(ofUser, name, stop);
    if (removed) return;
    left.push_back({uid, std::move(removed).error().with("a removed home of uid " + std::to_string(uid))});
  });
  if (!looked) left.push_back({0, std::move(looked).error()});
  return left;
}

}  // namespace

// The parents belong to root, so nobody else can have put a link there.
Result<UniqueFd> openPrivateHome(const std::string& stateDir, const sandbox::CallerAccount& account,
                                 const std::string& policyName) {
  const UniqueFd state = RF_TRY(openAt(AT_FDCWD, stateDir, kDirectory | O_PATH));
  RF_TRY(makeDirectoryAt(state.get(), kHomes, 0, 0));
  const UniqueFd homes = RF_TRY(openAt(state.get(), kHomes, kDirectory | O_PATH));
  const std::string user = std::to_string(account.uid);
  RF_TRY(makeDirectoryAt(homes.get(), user, 0, 0));
  const UniqueFd ofUser = RF_TRY(openAt(homes.get(), user, kDirectory | O_PATH));
  const std::string name = homeDirectoryName(policyName);
  RF_TRY(makeDirectoryAt(ofUser.get(), name, account.uid, account.gid));
  RF_TRY(noteUse(ofUser.get(), name, policyName));
  return openAt(ofUser.get(), name, kDirectory | O_PATH);
}

Result<std::unique_ptr<PrivateHomes>> PrivateHomes::create(std::string stateDir) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return posixError(errno, "eventfd of the private homes");
  return std::unique_ptr<PrivateHomes>(new PrivateHomes(std::move(stateDir) + "/" + kHomes, std::move(event)));
}

Result<void> PrivateHomes::setAside(std::uint32_t uid, const std::string& directory) {
  const UniqueFd ofUser = RF_TRY(openAt(AT_FDCWD, directory_ + "/" + std::to_string(uid), kDirectory | O_PATH));
  const std::string aside = std::string(kAside) + RunId::random().text();
  if (::renameat(ofUser.get(), directory.c_str(), ofUser.get(), aside.c_str()) < 0)
    return posixError(errno, "removing the home " + directory + " of uid " + std::to_string(uid));
  (void)::unlinkat(ofUser.get(), (directory + kUsed).c_str(), 0);  // Alone it says nothing.
  return {};
}

void PrivateHomes::look(std::optional<std::uint32_t> uid, Looked done) {
  auto found = std::make_shared<Result<std::vector<FoundHome>>>(std::vector<FoundHome>());
  add({[this, uid, found](const std::stop_token& stop) { *found = findHomes(directory_, uid, stop); },
       [found, done = std::move(done)] { done(*found); }});
}

void PrivateHomes::sweep(Swept done) {
  auto left = std::make_shared<std::vector<Left>>();
  add({[this, left](const std::stop_token& stop) { *left = removeSetAside(directory_, stop); },
       [left, done = std::move(done)] { done(*left); }});
}

void PrivateHomes::add(Job job) {
  jobs_.push_back(std::move(job));
  if (jobs_.size() == 1) begin();
}

void PrivateHomes::begin() {
  thread_ = std::jthread([this, work = jobs_.front().work](const std::stop_token& stop) {
    work(stop);
    (void)eventfd_write(event_.get(), 1);  // Fails for no value of ours.
  });
}

void PrivateHomes::finish() {
  eventfd_t count = 0;
  if (eventfd_read(event_.get(), &count) != 0 || jobs_.empty()) return;
  thread_.join();
  const auto done = std::move(jobs_.front().done);
  jobs_.pop_front();
  // What is asked for meanwhile waits its turn.
  if (!jobs_.empty()) begin();
  done();
}

}  // namespace ringfence::supervisor
