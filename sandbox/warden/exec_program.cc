#include "sandbox/warden/exec_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>

#include "sandbox/kernel/path_calls.h"
#include "sandbox/warden/exec_head.h"
#include "sandbox/warden/exec_unwrap.h"
#include "sandbox/warden/file_system.h"
#include "sandbox/warden/fixed_path.h"
#include "sandbox/warden/resolve.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

Error refusedAs(int error, const std::string& path) { return posixError(error, "executing " + path); }

Error unjudgeable(const std::string& path, const char* why) {
  return {ErrorCode::kDenied, "executing " + path + ": " + why};
}

Result<UniqueFd> openObject(const Caller& caller, const std::string& text, int directory, LastLink last) {
  if (text.empty()) return refusedAs(ENOENT, text);
  CopiedPath path{.text = text};
  if (!text.starts_with('/')) {
    auto base = caller.folder(directory);
    if (!base) return refusedAs(base.error().value, text);
    path.base = std::move(*base);
  }
  auto object = pinObject(caller, path, last);
  if (!object) return refusedAs(object.error().value, text);
  return std::move(*object);
}

// Nothing: whoever may execute it need not be allowed to read it, and then neither could its interpreter.
std::optional<ProgramHead> readHead(int fd) {
  const UniqueFd readable(openHow(AT_FDCWD, handleOf(fd).c_str(), {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY}));
  if (!readable) return std::nullopt;
  std::array<char, kProgramHead> head{};
  std::size_t size = 0;
  while (size < head.size()) {
    const ssize_t got = ::read(readable.get(), head.data() + size, head.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  return readProgramHead({head.data(), size});
}

// Fails as execve(2) would for an object that cannot be executed by this user.
Result<ExecObject> inspect(UniqueFd fd, const std::string& path) {
  struct statx status {};
  constexpr unsigned kWanted = STATX_BASIC_STATS | STATX_MNT_ID;
  if (::statx(fd.get(), "", AT_EMPTY_PATH, kWanted, &status) != 0) return refusedAs(errno, path);
  if (S_ISLNK(status.stx_mode)) return refusedAs(ELOOP, path);
  if (!S_ISREG(status.stx_mode)) return refusedAs(EACCES, path);
  const auto known = knownProgram(status);
  if (!known && ::access(handleOf(fd.get()).c_str(), X_OK) != 0) return refusedAs(errno, path);
  std::optional<ProgramHead> head = known ? known->head : readHead(fd.get());
  if (status.stx_nlink == 0) return unjudgeable(path, "the file was deleted, so no rule can speak of it");
  auto real = known && !known->path.empty() ? OrErrno<std::string>(known->path) : pathOf(fd.get());
  if (!real || real->empty()) return unjudgeable(path, "it has no path inside the fence");
  if (!known && head) knowProgram(status, {.head = *head, .path = isReadOnly(fd.get()) ? *real : std::string()});
  ExecObject object{.device = makedev(status.stx_dev_major, status.stx_dev_minor),
                    .inode = status.stx_ino,
                    .path = std::move(*real),
                    .head = std::move(head)};
  object.fd = std::move(fd);
  return object;
}

// What `text` is known to lead to for good.
std::optional<ExecObject> findFixed(const std::string& text) {
  struct statx status {};
  auto known = knownAt(text, status);
  if (!known) return std::nullopt;
  return ExecObject{.fd = {},
                    .fixed = true,
                    .device = makedev(status.stx_dev_major, status.stx_dev_minor),
                    .inode = status.stx_ino,
                    .path = std::move(known->path),
                    .head = std::move(known->head)};
}

// So that findFixed() has it the next time.
void keepFixed(const std::string& text, const ExecObject& object) {
  if (!object.head || !text.starts_with('/') || !isReadOnly(object.fd.get())) return;
  struct statx status {};
  if (::statx(object.fd.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &status) != 0) return;
  if (leadsForGood(text, status)) knowAt(text, status, {.head = *object.head, .path = object.path});
}

Result<ExecObject> findObject(const Caller& caller, const std::string& text, int directory, LastLink last) {
  if (last == LastLink::kFollow) {
    if (auto fixed = findFixed(text)) return std::move(*fixed);
  }
  UniqueFd fd = RF_TRY(openObject(caller, text, directory, last));
  ExecObject object = RF_TRY(inspect(std::move(fd), text));
  if (last == LastLink::kFollow) keepFixed(text, object);
  return object;
}

bool isCloseOnExec(const Caller& caller, int fd) {
  const std::string file = std::to_string(caller.thread()) + "/fdinfo/" + std::to_string(fd);
  const auto info = readFileAt(caller.proc(), file, kibibytes(64));
  if (!info) return true;
  const std::size_t at = info->find("flags:\t");
  const unsigned long flags = at == std::string::npos ? 0 : std::strtoul(info->c_str() + at + 7, nullptr, 8);
  return (flags & O_CLOEXEC) != 0;
}

// By which name an interpreter finds the script again.
Result<std::string> scriptName(const Caller& caller, const ExecCopy& copy) {
  if (copy.directory == AT_FDCWD || copy.path.starts_with('/')) return copy.path;
  if (isCloseOnExec(caller, copy.directory)) return refusedAs(ENOENT, copy.path);
  return "/dev/fd/" + std::to_string(copy.directory) + "/" + copy.path;
}

Result<void> addInterpreters(const Caller& caller, const ExecCopy& copy, ExecProgram& program) {
  std::string name = copy.path;
  for (;;) {
    const ExecObject& script = program.chain.back();
    const std::optional<ProgramHead> head = script.head;
    if (!head || head->format == ProgramFormat::kNative) return {};
    if (head->format == ProgramFormat::kUnknown) return refusedAs(ENOEXEC, copy.path);
    if (program.chain.size() == 1) name = RF_TRY(scriptName(caller, copy));
    if (program.chain.size() > kMaxInterpreters) return refusedAs(ELOOP, copy.path);
    ExecObject interpreter = RF_TRY(findObject(caller, head->script.interpreter, AT_FDCWD, LastLink::kFollow));
    interpreter.argv = interpreterArguments(head->script, name, script.argv);
    name = head->script.interpreter;
    program.chain.push_back(std::move(interpreter));
  }
}

void findLoaded(const Caller& caller, ExecObject& object) {
  for (const UnwrappedCommand& inner : unwrapCommand(object.path, object.argv)) {
    const bool byPath = inner.loadedInside && inner.argv.front().find('/') != std::string::npos;
    object.loads.push_back(byPath ? realPathOf(caller, inner.argv.front()).value_or("") : "");
  }
}

}  // namespace

Result<ExecProgram> openProgram(const Caller& caller, const ExecCopy& copy) {
  constexpr int kKnownFlags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  if ((copy.flags & ~kKnownFlags) != 0) return refusedAs(EINVAL, copy.path);
  if ((copy.flags & AT_EMPTY_PATH) != 0) return unjudgeable("a descriptor", "only a program with a path can be judged");
  const LastLink last = (copy.flags & AT_SYMLINK_NOFOLLOW) != 0 ? LastLink::kKeep : LastLink::kFollow;
  ExecObject object = RF_TRY(findObject(caller, copy.path, copy.directory, last));
  object.argv = copy.argv.empty() ? std::vector<std::string>{""} : copy.argv;
  ExecProgram program;
  program.chain.push_back(std::move(object));
  RF_TRY(addInterpreters(caller, copy, program));
  for (ExecObject& each : program.chain) findLoaded(caller, each);
  return program;
}

std::vector<ExecIdentity> identityOf(const ExecProgram& program) {
  std::vector<ExecIdentity> identity;
  for (const ExecObject& object : program.chain) identity.push_back({object.device, object.inode, object.path});
  return identity;
}

std::optional<std::string> realPathOf(const Caller& caller, const std::string& path) {
  const auto object = openObject(caller, path, AT_FDCWD, LastLink::kFollow);
  if (!object) return std::nullopt;
  auto real = pathOf(object->get());
  if (!real || real->empty()) return std::nullopt;
  return std::move(*real);
}

std::optional<std::string> findProgram(const Caller& caller, const std::string& name, std::string_view searchPath) {
  while (!name.empty()) {
    const std::size_t end = searchPath.find(':');
    const std::string directory(searchPath.substr(0, end));
    const std::string path = (directory.empty() ? "." : directory) + "/" + name;
    auto object = openObject(caller, path, AT_FDCWD, LastLink::kFollow);
    if (object && inspect(std::move(*object), path)) return path;
    if (end == std::string_view::npos) break;
    searchPath.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace ringfence::sandbox
