#include "supervisor/name_service.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>

#include "sandbox/kernel/namespaces.h"
#include "sdk/base/text.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor {
namespace {

constexpr Microseconds kMemory = std::chrono::seconds(60);
constexpr Microseconds kPause = std::chrono::seconds(10);  // after a look-up that failed
constexpr std::size_t kAnswerLimit = 1 << 20;              // a group with all its members

struct CloseFile {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }  // Only read from.
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// Lines that begin with + or - are orders to the name service, not users.
bool isEntry(const char* name) { return name != nullptr && name[0] != '+' && name[0] != '-' && name[0] != '\0'; }

template <typename Wanted>
std::optional<UserEntry> findUser(std::FILE* file, Wanted wanted) {
  while (const passwd* entry = file == nullptr ? nullptr : ::fgetpwent(file)) {
    if (!isEntry(entry->pw_name) || !wanted(*entry)) continue;
    return UserEntry{entry->pw_uid, entry->pw_gid, entry->pw_name, entry->pw_dir, entry->pw_shell};
  }
  return std::nullopt;
}

template <typename Take>
void readGroups(std::FILE* file, Take take) {
  while (const group* entry = file == nullptr ? nullptr : ::fgetgrent(file)) {
    if (isEntry(entry->gr_name)) take(entry->gr_name, entry->gr_gid);
  }
}

File openFile(const std::string& path) { return File(std::fopen(path.c_str(), "re")); }
File openText(std::string& text) { return File(text.empty() ? nullptr : ::fmemopen(text.data(), text.size(), "r")); }

// What the program prints before the deadline, and its exit status; -1: it was not done by then, and is ended.
int outputOf(const std::vector<std::string>& words, Milliseconds patience, std::string& output) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/bin:/bin";
  std::array<char*, 2> environment{path, nullptr};
  pid_t child = -1;
  const int failed = ::posix_spawn(&child, argv[0], &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  theirs.reset();
  if (failed != 0) return -1;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  bool isDone = false;
  while (output.size() < kAnswerLimit) {
    const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd watched{ours.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&watched, 1, static_cast<int>(left.count())) == 0) break;
    char buffer[4096];
    const ssize_t got = ::read(ours.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    isDone = got == 0;
    if (got <= 0) break;
    output.append(buffer, static_cast<std::size_t>(got));
  }
  // Its end of the pipe is closed when it exits; one that closes it and stays is ended at the deadline as well.
  const auto life = sandbox::openPidfd(child);
  const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd end{life ? life->get() : -1, POLLIN, 0};
  isDone = isDone && life && ::poll(&end, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) == 1;
  if (!isDone) (void)::kill(child, SIGKILL);  // Not waited for yet, so the pid is still its own.
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return isDone && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

// The answer's text; empty: not known.
Result<std::string> NameService::ask(const std::string& database, const std::string& key, Microseconds now) {
  const std::pair<std::string, std::string> question{database, key};
  if (const auto known = remembered_.find(question); known != remembered_.end() && now < known->second.until)
    return known->second.answer;
  if (::access(place_.getent.c_str(), X_OK) != 0)
    return posixError(errno, escapeForDisplay(key) +
                                 " is not in this machine's files and the name service cannot be "
                                 "asked: running " +
                                 place_.getent);
  constexpr int kNotFound = 2;
  std::string output;
  const int status = outputOf({place_.getent, database, "--", key}, place_.patience, output);
  if (status == kNotFound) output.clear();
  if (database == "group") output.resize(output.rfind(':') + 1);  // Without the members, who may be many.
  Result<std::string> answer = output;
  if (status != 0 && status != kNotFound) {
    answer = Error{ErrorCode::kBusy, "the name service does not answer for " + escapeForDisplay(key) +
                                         "; try again in a moment, and see whether `getent " + database + " " +
                                         escapeForDisplay(key) + "` answers within a second"};
  }
  if (answer && database == "initgroups") return answer;  // Somebody may just have been taken out of a group.
  if (remembered_.size() >= kMaxRememberedNames) remembered_.clear();
  remembered_.insert_or_assign(question, Remembered{answer, now + (answer ? kMemory : kPause)});
  return answer;
}

Result<std::optional<UserEntry>> NameService::user(std::uint32_t uid, Microseconds now) {
  const auto wanted = [uid](const passwd& entry) { return entry.pw_uid == uid; };
  if (auto found = findUser(openFile(place_.passwd).get(), wanted)) return found;
  std::string answer = RF_TRY(ask("passwd", std::to_string(uid), now));
  return findUser(openText(answer).get(), wanted);
}

Result<std::optional<UserEntry>> NameService::user(const std::string& name, Microseconds now) {
  // getent takes digits for an id.
  const auto wanted = [&name](const passwd& entry) { return name == entry.pw_name; };
  if (auto found = findUser(openFile(place_.passwd).get(), wanted)) return found;
  std::string answer = RF_TRY(ask("passwd", name, now));
  return findUser(openText(answer).get(), wanted);
}

Result<std::map<std::string, std::uint32_t>> NameService::groupIds(const std::vector<std::string>& wanted,
                                                                   const std::vector<std::uint32_t>& held,
                                                                   std::uint32_t caller, Microseconds now) {
  std::map<std::string, std::uint32_t> found;
  if (wanted.empty()) return found;
  std::set<std::uint32_t> unnamed(held.begin(), held.end());
  const std::set<std::uint32_t> all = unnamed;
  std::set<std::string> unknown(wanted.begin(), wanted.end());
  readGroups(openFile(place_.group).get(), [&](const std::string& name, std::uint32_t id) {
    unnamed.erase(id);
    // The first line with a name counts.
    if (unknown.erase(name) > 0 && all.contains(id)) found[name] = id;
  });
  if (unnamed.empty() || unknown.empty()) return found;
  if (unknown.size() > kMaxGroupsAskedFor)
    return Error{ErrorCode::kUnsupported, "the policy keeps more than " + std::to_string(kMaxGroupsAskedFor) +
                                              " groups that this machine's own list does not have"};
  if (const auto paused = pausedUntil_.find(caller); paused != pausedUntil_.end() && now < paused->second)
    return Error{ErrorCode::kBusy, "the name service did not answer about a group; try again in ten seconds"};
  const auto latest = std::chrono::steady_clock::now() + place_.patience;  // for the next question, not its answer
  for (const std::string& name : unknown) {
    auto answer =
        std::chrono::steady_clock::now() < latest
            ? ask("group", name, now)
            : Result<std::string>(Error{ErrorCode::kBusy, "the name service is too slow for the policy's groups"});
    if (!answer) {
      if (pausedUntil_.size() >= kMaxRememberedNames) pausedUntil_.clear();
      pausedUntil_[caller] = now + kPause;
      return std::move(answer).error();
    }
    readGroups(openText(*answer).get(), [&](const std::string& each, std::uint32_t id) {
      if (each == name && all.contains(id)) found[name] = id;
    });
  }
  return found;
}

Result<std::vector<std::uint32_t>> NameService::groupsOf(const std::string& user, Microseconds now) {
  const std::string answer = RF_TRY(ask("initgroups", user, now));
  if (!answer.empty() && !answer.starts_with(user + " "))
    return Error{ErrorCode::kInternal, "the name service answers about somebody else than " + escapeForDisplay(user)};
  std::vector<std::uint32_t> groups;
  std::size_t at = std::min(user.size(), answer.size());
  while (at < answer.size()) {
    if (answer[at] < '0' || answer[at] > '9') {
      ++at;
      continue;
    }
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(answer.data() + at, answer.data() + answer.size(), id);
    if (error == std::errc()) groups.push_back(id);
    at = static_cast<std::size_t>(end - answer.data());
  }
  return groups;
}

}  // namespace ringfence::supervisor
