#include "ui/cli/account.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "sdk/base/io.h"
#include "sdk/base/unique_fd.h"

extern char** environ;

namespace ringfence::cli {
namespace {

constexpr const char* kGetent = "/usr/bin/getent";
constexpr int kNoSuchKey = 2;  // its exit status

bool parseNumber(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

std::string_view firstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

Result<int> waitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return posixError(errno, std::string("waiting for ") + kGetent);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What it prints; empty when the database has no such key.
Result<std::string> ask(const char* database, const std::string& key) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return posixError(errno, "making a pipe");
  const UniqueFd ours(ends[0]);
  UniqueFd its(ends[1]);
  posix_spawn_file_actions_t files;
  (void)::posix_spawn_file_actions_init(&files);
  int failed = ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (failed == 0) failed = ::posix_spawn_file_actions_adddup2(&files, its.get(), STDOUT_FILENO);
  std::array<std::string, 4> words{kGetent, "--", database, key};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  pid_t pid = -1;
  if (failed == 0) failed = ::posix_spawn(&pid, kGetent, &files, nullptr, argv, environ);
  (void)::posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return Error{ErrorCode::kUnavailable, posixError(failed, kGetent).message, failed};
  its.reset();
  auto text = readAll(ours.get(), kibibytes(1024), kGetent);
  const int status = RF_TRY(waitFor(pid));
  if (!text) return std::move(text).error();
  if (status == kNoSuchKey) return std::string();
  if (status != 0)
    return Error{ErrorCode::kUnavailable,
                 std::string(kGetent) + " " + database + " ended with status " + std::to_string(status)};
  return text;
}

Result<std::optional<Account>> askForAccount(const std::string& key) {
  const std::string line = RF_TRY(ask("passwd", key));
  if (line.empty()) return std::optional<Account>();
  auto account = parseAccount(firstLine(line));
  if (!account) return Error{ErrorCode::kUnavailable, std::string(kGetent) + " did not print an account"};
  return account;
}

}  // namespace

std::optional<Account> parseAccount(std::string_view line) {
  std::array<std::string_view, 7> fields;
  for (std::string_view& field : fields) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    field = line.substr(0, colon);
    const bool isLast = &field == &fields.back();
    if (isLast != (colon == line.size())) return std::nullopt;
    line.remove_prefix(std::min(colon + 1, line.size()));
  }
  Account account{.name = std::string(fields[0]), .uid = 0, .gid = 0, .home = std::string(fields[5])};
  if (account.name.empty() || !parseNumber(fields[2], account.uid) || !parseNumber(fields[3], account.gid))
    return std::nullopt;
  return account;
}

std::optional<std::vector<std::uint32_t>> parseGroups(std::string_view line) {
  std::vector<std::uint32_t> groups;
  bool isName = true;
  while (true) {
    const std::size_t from = std::min(line.find_first_not_of(" \t"), line.size());
    line.remove_prefix(from);
    if (line.empty()) break;
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
    if (std::exchange(isName, false)) continue;
    if (!parseNumber(word, groups.emplace_back())) return std::nullopt;
  }
  if (isName) return std::nullopt;
  return groups;
}

// A number is taken for an id there, and here it is a name that nobody has.
Result<std::optional<Account>> findAccount(const std::string& name) {
  auto account = RF_TRY(askForAccount(name));
  if (account && account->name != name) account.reset();
  return account;
}

Result<std::optional<Account>> findAccount(std::uint32_t uid) {
  auto account = RF_TRY(askForAccount(std::to_string(uid)));
  if (account && account->uid != uid) account.reset();
  return account;
}

Result<std::vector<std::uint32_t>> findGroups(const Account& account) {
  const std::string line = RF_TRY(ask("initgroups", account.name));
  auto groups = parseGroups(firstLine(line));
  if (!groups) return Error{ErrorCode::kUnavailable, std::string(kGetent) + " did not print the groups of an account"};
  if (std::ranges::find(*groups, account.gid) == groups->end()) groups->push_back(account.gid);
  return *std::move(groups);
}

}  // namespace ringfence::cli
