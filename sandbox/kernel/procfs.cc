#include "sandbox/kernel/procfs.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxEntries = 16'384;

std::string_view takeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view takeWord(std::string_view& text, std::string_view separators = " \t") {
  const std::size_t begin = text.find_first_not_of(separators);
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(begin);
  const std::size_t end = text.find_first_of(separators);
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  return word;
}

template <typename T>
std::optional<T> number(std::string_view word, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

template <typename T>
std::optional<std::vector<T>> numbers(std::string_view text) {
  std::vector<T> values;
  for (std::string_view word = takeWord(text); !word.empty(); word = takeWord(text)) {
    const auto value = number<T>(word);
    if (!value || values.size() >= kMaxEntries) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::vector<std::string> splitList(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

// "\040" and its like, as the kernel writes blanks, tabs, newlines and backslashes.
std::string unescapeOctal(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal =
        text[i] == '\\' && i + 3 < text.size() ? number<unsigned>(text.substr(i + 1, 3), 8) : std::nullopt;
    if (octal && *octal < 256) {
      out += static_cast<char>(*octal);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

Error malformed(std::string_view file, std::string_view what) {
  return {ErrorCode::kInvalid, std::string(file) + ": " + std::string(what) + " is missing or malformed"};
}

// Value of "Key:\tvalue".
std::optional<std::string_view> field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = takeLine(text);
    if (line.size() > key.size() && line.substr(0, key.size()) == key && line[key.size()] == ':') {
      return line.substr(key.size() + 1);
    }
  }
  return std::nullopt;
}

Result<std::array<std::uint32_t, 4>> fourIds(std::string_view text, std::string_view key) {
  const auto value = field(text, key);
  const auto ids = value ? numbers<std::uint32_t>(*value) : std::nullopt;
  if (!ids || ids->size() != 4) return malformed("status", key);
  return std::array<std::uint32_t, 4>{(*ids)[0], (*ids)[1], (*ids)[2], (*ids)[3]};
}

Result<std::uint64_t> mask(std::string_view text, std::string_view key) {
  auto value = field(text, key);
  const auto bits = value ? number<std::uint64_t>(takeWord(*value), 16) : std::nullopt;
  if (!bits) return malformed("status", key);
  return *bits;
}

Result<int> integer(std::string_view text, std::string_view key) {
  auto value = field(text, key);
  const auto parsed = value ? number<int>(takeWord(*value)) : std::nullopt;
  if (!parsed) return malformed("status", key);
  return *parsed;
}

// Names in a status file have their newlines as \n and their backslashes doubled.
std::string unescapeName(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    if (escape) ++i;
    name += escape && text[i] == 'n' ? '\n' : text[i];
  }
  return name;
}

Result<std::vector<int>> namespacePids(std::string_view text) {
  const auto pids = field(text, "NSpid");
  auto list = pids ? numbers<int>(*pids) : std::nullopt;
  if (!list || list->empty()) return malformed("status", "NSpid");
  return std::move(*list);
}

Result<MountEntry> parseMount(std::string_view line) {
  for (int skipped = 0; skipped < 4; ++skipped) (void)takeWord(line, " ");  // id, parent, device, root
  MountEntry entry;
  entry.mountPoint = unescapeOctal(takeWord(line, " "));
  entry.options = splitList(takeWord(line, " "), ',');
  std::string_view word = takeWord(line, " ");
  for (; !word.empty() && word != "-"; word = takeWord(line, " ")) entry.tags.emplace_back(word);
  entry.type = takeWord(line, " ");
  if (word != "-" || entry.mountPoint.empty() || entry.options.empty() || entry.type.empty()) {
    return malformed("mountinfo", "a line");
  }
  return entry;
}

}  // namespace

bool MountEntry::has(std::string_view option) const {
  return std::find(options.begin(), options.end(), option) != options.end();
}

Result<ProcStatus> parseStatus(std::string_view text) {
  ProcStatus status;
  status.uid = RF_TRY(fourIds(text, "Uid"));
  status.gid = RF_TRY(fourIds(text, "Gid"));
  const auto groups = field(text, "Groups");
  auto groupIds = groups ? numbers<std::uint32_t>(*groups) : std::nullopt;
  if (!groupIds) return malformed("status", "Groups");
  status.groups = std::move(*groupIds);
  status.inheritable = RF_TRY(mask(text, "CapInh"));
  status.permitted = RF_TRY(mask(text, "CapPrm"));
  status.effective = RF_TRY(mask(text, "CapEff"));
  status.bounding = RF_TRY(mask(text, "CapBnd"));
  status.ambient = RF_TRY(mask(text, "CapAmb"));
  status.noNewPrivs = RF_TRY(integer(text, "NoNewPrivs")) == 1;
  status.seccompMode = RF_TRY(integer(text, "Seccomp"));
  if (field(text, "Seccomp_filters")) status.seccompFilters = RF_TRY(integer(text, "Seccomp_filters"));
  status.threads = RF_TRY(integer(text, "Threads"));
  status.namespacePids = RF_TRY(namespacePids(text));
  return status;
}

Result<ThreadStatus> parseThreadStatus(std::string_view text) {
  ThreadStatus status;
  const auto name = field(text, "Name");
  if (!name || !name->starts_with('\t')) return malformed("status", "Name");
  status.name = unescapeName(name->substr(1));
  if (auto value = field(text, "Umask")) {
    status.umask = number<std::uint32_t>(takeWord(*value), 8);
    if (!status.umask) return malformed("status", "Umask");
  }
  status.process = RF_TRY(integer(text, "Tgid"));
  status.parent = RF_TRY(integer(text, "PPid"));
  status.tracer = RF_TRY(integer(text, "TracerPid"));
  status.pending = RF_TRY(mask(text, "SigPnd"));
  status.sharedPending = RF_TRY(mask(text, "ShdPnd"));
  status.blocked = RF_TRY(mask(text, "SigBlk"));
  status.ignored = RF_TRY(mask(text, "SigIgn"));
  status.namespacePids = RF_TRY(namespacePids(text));
  return status;
}

Result<std::uint64_t> parseStartTime(std::string_view text) {
  constexpr int kFieldsBetween = 19;  // from the state, which follows the name in brackets
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return malformed("stat", "the name");
  text.remove_prefix(bracket + 1);
  for (int skipped = 0; skipped < kFieldsBetween; ++skipped) (void)takeWord(text);
  const auto time = number<std::uint64_t>(takeWord(text));
  if (!time) return malformed("stat", "the start time");
  return *time;
}

Result<std::vector<MountEntry>> parseMountInfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    if (entries.size() >= kMaxEntries) return malformed("mountinfo", "an end");
    MountEntry entry = RF_TRY(parseMount(takeLine(text)));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<CgroupEntry>> parseCgroups(std::string_view text) {
  std::vector<CgroupEntry> entries;
  while (!text.empty()) {
    const std::string_view line = takeLine(text);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || entries.size() >= kMaxEntries) return malformed("cgroup", "a line");
    entries.push_back(
        {splitList(line.substr(first + 1, second - first - 1), ','), std::string(line.substr(second + 1))});
  }
  return entries;
}

Result<std::vector<LimitEntry>> parseLimits(std::string_view text) {
  constexpr std::size_t kNameWidth = 26;  // and a space; names hold spaces themselves
  std::vector<LimitEntry> limits;
  (void)takeLine(text);
  while (!text.empty() && limits.size() < kMaxEntries) {
    std::string_view line = takeLine(text);
    if (line.size() < kNameWidth) return Error{ErrorCode::kInvalid, "a line of limits is too short"};
    line.remove_prefix(kNameWidth);
    LimitEntry entry;
    for (std::uint64_t* value : {&entry.soft, &entry.hard}) {
      const std::string_view word = takeWord(line, " ");
      const auto figure = word == "unlimited" ? UINT64_MAX : number<std::uint64_t>(word);
      if (!figure) return Error{ErrorCode::kInvalid, "a limit is no number"};
      *value = *figure;
    }
    limits.push_back(entry);
  }
  return limits;
}

std::vector<std::string> parseInterfaces(std::string_view text) {
  std::vector<std::string> names;
  (void)takeLine(text);
  (void)takeLine(text);
  while (!text.empty() && names.size() < kMaxEntries) {
    std::string_view line = takeLine(text);
    const std::string_view name = takeWord(line, " :");
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

}  // namespace ringfence::sandbox
