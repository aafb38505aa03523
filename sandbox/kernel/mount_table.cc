#include "sandbox/kernel/mount_table.h"

#include "sdk/base/io.h"

namespace ringfence::sandbox {
namespace {

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return parts;
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

bool isOctal(char c) { return c >= '0' && c <= '7'; }

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && isOctal(text[i + 1]) && isOctal(text[i + 2]) &&
        isOctal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> splitWords(std::string_view text) { return split(text, " \t\n"); }

std::vector<MountEntry> parseMountTable(std::string_view text) {
  std::vector<MountEntry> mounts;
  for (const std::string& line : split(text, "\n")) {
    const std::vector<std::string> fields = split(line, " ");
    if (fields.size() < 4) continue;
    mounts.push_back({unescape(fields[0]), unescape(fields[1]), fields[2], split(fields[3], ",")});
  }
  return mounts;
}

Result<std::vector<MountEntry>> readMountTable(int root, const std::string& path) {
  const std::string text = RF_TRY(readFileAt(root, path, mebibytes(4)));
  return parseMountTable(text);
}

}  // namespace ringfence::sandbox
