#include "supervisor/meter/kernel_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace ringfence::supervisor {
namespace {

constexpr std::uint64_t kSectorBytes = 512;  // of /proc/diskstats, whatever the disk's own are
constexpr std::uint64_t kKibibyte = 1024;
constexpr std::size_t kLongestDiskName = 64;

// Takes one whole line off the front; none is left when the rest has no end.
std::optional<std::string_view> takeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// Takes one word off the front; empty when there is none.
std::string_view takeWord(std::string_view& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos) return line = {};
  line.remove_prefix(begin);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::optional<int> parsePid(std::string_view word) {
  const auto number = parseDigits(word);
  if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) return std::nullopt;
  return static_cast<int>(*number);
}

bool addTo(std::uint64_t& sum, std::uint64_t more) { return !__builtin_add_overflow(sum, more, &sum); }

std::optional<std::uint64_t> scaled(std::optional<std::uint64_t> number, std::uint64_t unit) {
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return *number * unit;
}

std::optional<std::uint32_t> parseSmall(std::string_view digits) {
  const auto number = parseDigits(digits);
  if (!number || *number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// "254:0"
std::optional<DeviceNumber> parseDevice(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = parseSmall(word.substr(0, colon));
  const auto minor = parseSmall(word.substr(colon + 1));
  if (!major || !minor) return std::nullopt;
  return DeviceNumber{*major, *minor};
}

bool isIn(std::span<const DeviceNumber> devices, DeviceNumber device) {
  return std::binary_search(devices.begin(), devices.end(), device);
}

// Whether the rest was whole lines only.
bool isAtEnd(std::string_view rest) { return rest.empty(); }

}  // namespace

std::optional<std::uint64_t> parseDigits(std::string_view digits) {
  std::uint64_t value = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, problem] = std::from_chars(digits.data(), last, value);
  if (problem != std::errc() || end != last) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parseNumberLine(std::string_view text) {
  const auto line = takeLine(text);
  return line && isAtEnd(text) ? parseDigits(*line) : std::nullopt;
}

std::optional<std::uint64_t> findNumber(std::string_view text, std::string_view key) {
  while (const auto line = takeLine(text)) {
    if (line->size() > key.size() && line->starts_with(key) && (*line)[key.size()] == ' ')
      return parseDigits(line->substr(key.size() + 1));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parseStall(std::string_view text) {
  constexpr std::string_view kTotal = " total=";
  while (const auto line = takeLine(text)) {
    if (!line->starts_with("some ")) continue;
    const std::size_t at = line->find(kTotal);
    return at == std::string_view::npos ? std::nullopt : parseDigits(line->substr(at + kTotal.size()));
  }
  return std::nullopt;
}

MemoryStat parseMemoryStat(std::string_view text, GroupVersion version) {
  constexpr std::string_view kBelow = "total_";
  const bool first = version == GroupVersion::kFirst;
  MemoryStat stat;
  std::optional<std::uint64_t> anonymousRefaults, fileRefaults;
  while (auto line = takeLine(text)) {
    if (first) {
      if (!line->starts_with(kBelow)) continue;
      line->remove_prefix(kBelow.size());
    }
    const std::size_t space = line->find(' ');
    if (space == std::string_view::npos) continue;
    const std::string_view key = line->substr(0, space);
    std::optional<std::uint64_t>* const field = key == (first ? "rss" : "anon")    ? &stat.anonymousBytes
                                                : key == "shmem"                   ? &stat.sharedBytes
                                                : first && key == "swap"           ? &stat.swapBytes
                                                : key == "workingset_refault"      ? &stat.refaults
                                                : key == "workingset_refault_anon" ? &anonymousRefaults
                                                : key == "workingset_refault_file" ? &fileRefaults
                                                                                   : nullptr;
    if (field != nullptr) *field = parseDigits(line->substr(space + 1));
  }
  // Kernels before 5.9 do not tell the two kinds apart.
  if (anonymousRefaults && fileRefaults && addTo(*anonymousRefaults, *fileRefaults)) stat.refaults = anonymousRefaults;
  return stat;
}

std::optional<ByteCounts> parseIoStat(std::string_view text, std::span<const DeviceNumber> leftOut) {
  ByteCounts sum;
  while (auto line = takeLine(text)) {
    // Some kernels write devices without numbers in front of the next one, without a new line.
    std::optional<DeviceNumber> device;
    if (line->empty()) return std::nullopt;
    for (std::string_view word = takeWord(*line); !word.empty(); word = takeWord(*line)) {
      const std::size_t equals = word.find('=');
      if (equals == std::string_view::npos) {
        device = parseDevice(word);
        if (!device) return std::nullopt;
        continue;
      }
      const std::string_view key = word.substr(0, equals);
      const bool reads = key == "rbytes";
      if (!reads && key != "wbytes") continue;
      const auto number = parseDigits(word.substr(equals + 1));
      if (!device || !number) return std::nullopt;
      if (!isIn(leftOut, *device) && !addTo(reads ? sum.read : sum.written, *number)) return std::nullopt;
    }
  }
  return isAtEnd(text) ? std::optional(sum) : std::nullopt;
}

std::optional<ByteCounts> parseServiceBytes(std::string_view text, std::span<const DeviceNumber> leftOut) {
  ByteCounts sum;
  bool counted = false, ended = false;
  while (auto line = takeLine(text)) {
    const std::string_view first = takeWord(*line);
    if (first == "Total") {
      ended = true;  // The last line. Its number counts every device.
      continue;
    }
    const auto device = parseDevice(first);
    const std::string_view key = takeWord(*line);
    const auto number = parseDigits(takeWord(*line));
    if (!device || !number) return std::nullopt;
    counted = true;
    const bool reads = key == "Read";
    if ((!reads && key != "Write") || isIn(leftOut, *device)) continue;
    if (!addTo(reads ? sum.read : sum.written, *number)) return std::nullopt;
  }
  return counted && ended && isAtEnd(text) ? std::optional(sum) : std::nullopt;
}

std::optional<std::vector<int>> parseProcessList(std::string_view text) {
  std::vector<int> processes;
  while (const auto line = takeLine(text)) {
    const auto number = parsePid(*line);
    if (!number) return std::nullopt;
    if (*number != 0) processes.push_back(*number);
  }
  return isAtEnd(text) ? std::optional(std::move(processes)) : std::nullopt;
}

std::optional<std::vector<LockWait>> parseLockWaits(std::string_view text) {
  std::vector<LockWait> waits;
  std::string_view lock;  // the number of the one that the lines before were about
  int holder = 0;
  while (auto line = takeLine(text)) {
    const std::string_view number = takeWord(*line);
    if (number.size() < 2 || number.back() != ':' || !parseDigits(number.substr(0, number.size() - 1)))
      return std::nullopt;
    std::string_view word = takeWord(*line);  // "POSIX", "FLOCK", …, or "->" before it
    const bool isWaiting = word == "->";
    if (isWaiting) word = takeWord(*line);
    (void)takeWord(*line);  // "ADVISORY", …
    (void)takeWord(*line);  // "WRITE", …
    const std::string_view owner = takeWord(*line);
    const auto pid = owner == "-1" ? std::optional(0) : parsePid(owner);  // of an open file description
    if (!pid) return std::nullopt;
    if (!isWaiting) {
      lock = number;
      holder = *pid;
    } else if (number == lock && holder > 0 && *pid > 0) {
      waits.push_back({holder, *pid});
    }
  }
  return isAtEnd(text) ? std::optional(std::move(waits)) : std::nullopt;
}

std::optional<std::uint64_t> parseBusyTicks(std::string_view text) {
  constexpr std::size_t kLeast = 4;  // user nice system idle; then iowait irq softirq steal, as the kernel has them
  auto line = takeLine(text);
  if (!line || takeWord(*line) != "cpu") return std::nullopt;
  std::array<std::uint64_t, 8> ticks{};
  std::size_t count = 0;
  for (; count < ticks.size(); ++count) {
    const std::string_view word = takeWord(*line);
    if (word.empty()) break;
    const auto number = parseDigits(word);
    if (!number) return std::nullopt;
    ticks[count] = *number;
  }
  if (count < kLeast) return std::nullopt;
  std::uint64_t sum = 0;
  for (const std::size_t busy : {0U, 1U, 2U, 5U, 6U}) {
    if (!addTo(sum, ticks[busy])) return std::nullopt;
  }
  return sum;
}

std::optional<std::uint32_t> countProcessors(std::string_view text) {
  constexpr std::uint32_t kMost = 65536;
  const auto line = takeLine(text);
  if (!line || !isAtEnd(text)) return std::nullopt;
  std::string_view rest = *line;
  std::uint64_t count = 0;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    more = comma != std::string_view::npos;
    const std::string_view part = rest.substr(0, comma);
    rest.remove_prefix(more ? comma + 1 : rest.size());
    const std::size_t dash = part.find('-');
    const auto first = parseSmall(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parseSmall(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMost) return std::nullopt;
    count += *last - *first + 1;
  }
  if (count > kMost) return std::nullopt;
  return static_cast<std::uint32_t>(count);
}

MemoryInfo parseMemoryInfo(std::string_view text) {
  MemoryInfo info;
  while (auto line = takeLine(text)) {
    const std::string_view key = takeWord(*line);
    std::optional<std::uint64_t>* const field = key == "MemTotal:"       ? &info.totalBytes
                                                : key == "MemAvailable:" ? &info.availableBytes
                                                : key == "SwapFree:"     ? &info.swapFreeBytes
                                                                         : nullptr;
    if (field == nullptr) continue;
    const auto number = parseDigits(takeWord(*line));
    *field = takeWord(*line) == "kB" ? scaled(number, kKibibyte) : std::nullopt;
  }
  return info;
}

std::optional<std::vector<DiskLine>> parseDiskStats(std::string_view text) {
  std::vector<DiskLine> lines;
  while (auto line = takeLine(text)) {
    DiskLine disk;
    const auto major = parseSmall(takeWord(*line));
    const auto minor = parseSmall(takeWord(*line));
    disk.name = takeWord(*line);
    std::array<std::optional<std::uint64_t>, 7> numbers;  // reads merged SECTORS ms writes merged SECTORS
    for (auto& number : numbers) number = parseDigits(takeWord(*line));
    const auto read = scaled(numbers[2], kSectorBytes);
    const auto written = scaled(numbers[6], kSectorBytes);
    if (!major || !minor || !read || !written || disk.name.size() > kLongestDiskName) return std::nullopt;
    disk.device = {*major, *minor};
    disk.bytes = {*read, *written};
    lines.push_back(std::move(disk));
  }
  return isAtEnd(text) ? std::optional(std::move(lines)) : std::nullopt;
}

}  // namespace ringfence::supervisor
