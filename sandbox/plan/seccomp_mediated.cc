#include "sandbox/plan/seccomp_mediated.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "sandbox/plan/seccomp_builder.h"
#include "sandbox/plan/seccomp_default.h"

namespace ringfence::sandbox {
namespace {

// Change what a path names.
constexpr std::string_view kByPath[] = {"creat",     "mkdir",     "mkdirat",     "mknod",       "mknodat",  "symlink",
                                        "symlinkat", "link",      "linkat",      "rename",      "renameat", "renameat2",
                                        "unlink",    "unlinkat",  "rmdir",       "truncate",    "chmod",    "fchmodat",
                                        "fchmodat2", "chown",     "lchown",      "fchownat",    "utime",    "utimes",
                                        "setxattr",  "lsetxattr", "removexattr", "lremovexattr"};
// The same through a descriptor, which may be open for reading alone.
constexpr std::string_view kByDescriptor[] = {"fchmod", "fchown", "fsetxattr", "fremovexattr"};
// By path, or by descriptor where the path is NULL.
constexpr std::string_view kByEither[] = {"utimensat", "futimesat"};
constexpr std::string_view kExecs[] = {"execve", "execveat"};

// ioctl requests that change a file, its attributes or what is in a directory through a descriptor for reading: the
// letter of a kind of request and its number, whatever size it says.
constexpr std::uint32_t kChangingRequests[] = {
    0x6602,                  // FS_IOC_SETFLAGS
    0x6604,                  // EXT4_IOC_SETVERSION
    0x6613,                  // FS_IOC_SET_ENCRYPTION_POLICY
    0x6685,                  // FS_IOC_ENABLE_VERITY
    0x5820,                  // FS_IOC_FSSETXATTR
    0x7602,                  // FS_IOC_SETVERSION
    0x7211,                  // FAT_IOCTL_SET_ATTRIBUTES
    0x9401, 0x9417,          // BTRFS_IOC_SNAP_CREATE and V2
    0x940e, 0x9418,          // BTRFS_IOC_SUBVOL_CREATE and V2
    0x940f, 0x943f,          // BTRFS_IOC_SNAP_DESTROY and V2
    0x941a, 0x9425, 0x9402,  // BTRFS_IOC_SUBVOL_SETFLAGS, SET_RECEIVED_SUBVOL, DEFRAG
};

template <std::size_t size>
bool contains(const std::string_view (&names)[size], std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

SeccompRule asNotified(SeccompRule rule) {
  rule.action = SeccompAction::kNotify;
  return rule;
}

// In place of "allowed unless it makes a file": what makes one is notified under the same conditions.
void addOpen(TableBuilder& table, const SeccompRule& rule, std::uint8_t flags, OpensNotified opens) {
  constexpr std::uint64_t kCreating = kOpenCreates | kOpenTemporary;
  const bool creates = rule.checks.front().value != 0;
  if (creates) return table.add(asNotified(rule));
  if (opens == OpensNotified::kAll) {
    table.allow(rule.call, {masked(flags, kCreating | kOpenPath, kOpenPath)});
    return table.notify(rule.call, {masked(flags, kCreating | kOpenPath, 0)});
  }
  constexpr std::uint64_t kChanging[] = {01, 02, 01000};  // O_WRONLY, O_RDWR, O_TRUNC
  table.allow(rule.call, {masked(flags, kCreating | kChanging[0] | kChanging[1] | kChanging[2], 0)});
  for (const std::uint64_t bit : kChanging) table.notify(rule.call, {masked(flags, kCreating | bit, bit)});
}

void addMediated(TableBuilder& table, const SeccompRule& rule, const Mediation& mediation) {
  const bool descriptors = mediation.attributes == AttributesNotified::kByDescriptorToo;
  if (rule.call == "ioctl" && descriptors) return;  // anew, with more requests refused
  if (rule.action != SeccompAction::kAllow) return table.add(rule);
  if (rule.call == "open" || rule.call == "openat") {
    return addOpen(table, rule, rule.call == "open" ? 1 : 2, mediation.opens);
  }
  if (contains(kByEither, rule.call) && !descriptors) {
    constexpr std::uint8_t kPath = 1;
    table.allow(rule.call, {{kPath, ArgOp::kEqual, 0, 0}});
    return table.notify(rule.call, {{kPath, ArgOp::kNotEqual, 0, 0}});
  }
  const bool notified = contains(kByPath, rule.call) || (descriptors && contains(kByDescriptor, rule.call)) ||
                        contains(kByEither, rule.call) ||
                        (mediation.execs == ExecsNotified::kAll && contains(kExecs, rule.call));
  table.add(notified ? asNotified(rule) : rule);
}

// Everything but `refused`, letter by letter: few conditions, where the complement of scattered numbers has hundreds.
void allowRequestsButKinds(TableBuilder& table, const std::vector<std::uint32_t>& refused) {
  constexpr std::uint8_t kRequest = 1;
  constexpr std::uint64_t kLetter = 0xff00;
  std::map<std::uint32_t, std::vector<std::uint32_t>> numbers;
  for (const std::uint32_t request : refused) {
    table.refuse("ioctl", EPERM, {masked(kRequest, 0xffff, request)});
    numbers[request >> 8].push_back(request & 0xff);
  }
  std::vector<std::uint32_t> letters;
  for (const auto& [letter, ofLetter] : numbers) letters.push_back(letter);
  for (const ArgCheck& other : complementOf(kRequest, letters, 8))
    table.allow("ioctl", {masked(kRequest, (other.mask << 8) & kLetter, other.value << 8)});
  for (const auto& [letter, ofLetter] : numbers) {
    for (const ArgCheck& other : complementOf(kRequest, ofLetter, 8))
      table.allow("ioctl", {masked(kRequest, kLetter | (other.mask & 0xff), letter << 8 | other.value)});
  }
}

SeccompTable makeTable(const Mediation& mediation) {
  const SeccompTable& plain = defaultSeccompTable();
  TableBuilder table;
  for (const SeccompRule& rule : plain.rules) addMediated(table, rule, mediation);
  table.notify("openat2");
  if (mediation.attributes == AttributesNotified::kByDescriptorToo) {
    std::vector<std::uint32_t> refused = terminalRequests();
    refused.insert(refused.end(), std::begin(kChangingRequests), std::end(kChangingRequests));
    allowRequestsButKinds(table, refused);
  }
  SeccompTable result;
  result.fallback = plain.fallback;
  result.fallbackErrno = plain.fallbackErrno;
  result.rules = std::move(table).take();
  return result;
}

}  // namespace

Mediation mediationOf(const policy::Document& document) {
  const policy::Files& files = document.files;
  const bool audits = document.mode == policy::Mode::kAudit;
  const bool prepares = std::ranges::any_of(
      files.rewrite, [](const policy::PathRewrite& rewrite) { return rewrite.content.has_value(); });
  Mediation mediation;
  if (audits || prepares || !files.askRead.empty()) mediation.opens = OpensNotified::kAll;
  if (!files.ask.empty() || !files.askRead.empty()) mediation.attributes = AttributesNotified::kByDescriptorToo;
  // To run a program is to read it.
  if (audits || !document.exec.empty() || !files.askRead.empty()) mediation.execs = ExecsNotified::kAll;
  return mediation;
}

bool notifiesEachOpen(const SeccompTable& table) {
  const auto opensUnheard = [](const SeccompRule& rule) {
    const bool isOpen = rule.call == "open" || rule.call == "openat" || rule.call == "openat2";
    const bool namesOnly = std::ranges::any_of(rule.checks, [](const ArgCheck& check) {
      return check.op == ArgOp::kMaskedEqual && (check.mask & check.value & kOpenPath) != 0;
    });
    return isOpen && rule.action == SeccompAction::kAllow && !namesOnly;
  };
  return table.fallback != SeccompAction::kAllow && std::ranges::none_of(table.rules, opensUnheard);
}

const SharedSeccompTable& mediatedSeccompTable(const Mediation& mediation) {
  using Key = std::tuple<OpensNotified, AttributesNotified, ExecsNotified>;
  thread_local std::map<Key, SharedSeccompTable> tables;
  const Key key{mediation.opens, mediation.attributes, mediation.execs};
  const auto found = tables.find(key);
  return found != tables.end() ? found->second : tables.emplace(key, makeTable(mediation)).first->second;
}

}  // namespace ringfence::sandbox
