#include "supervisor/store/head_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "sdk/base/io.h"
#include "sdk/base/sha256.h"
#include "sdk/base/text.h"
#include "supervisor/store/damage.h"

namespace ringfence::supervisor {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::string_view kMagic = "ringfence log head 1 ";

// "MAGIC SEQ HASH CHECK\n", filled up with zero bytes.
std::string encode(const ChainPoint& point) {
  std::string text = std::string(kMagic) + std::to_string(point.seq) + " " + encodeHex(point.hash) + " ";
  text += sha256Hex(text) + "\n";
  text.resize(kSector, '\0');
  return text;
}

std::optional<std::string> decodeHash(std::string_view hex) {
  std::string hash;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    unsigned byte = 0;
    const auto read = std::from_chars(hex.data() + at, hex.data() + std::min(at + 2, hex.size()), byte, 16);
    if (read.ec != std::errc() || read.ptr != hex.data() + at + 2) return std::nullopt;
    hash += static_cast<char>(byte);
  }
  return hash;
}

std::optional<ChainPoint> decode(std::string_view sector) {
  const std::size_t hashAt = sector.find(' ', kMagic.size());
  if (!sector.starts_with(kMagic) || hashAt == std::string_view::npos || sector.size() != kSector) return std::nullopt;
  ChainPoint point{0, {}};
  const auto read = std::from_chars(sector.data() + kMagic.size(), sector.data() + hashAt, point.seq);
  auto hash = decodeHash(sector.substr(hashAt + 1, 64));
  if (read.ec != std::errc() || !hash) return std::nullopt;
  point.hash = *std::move(hash);
  // Whatever was changed, also behind the text, it is another sector then.
  return encode(point) == sector ? std::optional(point) : std::nullopt;
}

}  // namespace

std::string headPathOf(const std::string& logPath) {
  const std::size_t dot = logPath.rfind('.');
  const bool hasEnding = dot != std::string::npos && logPath.find('/', dot) == std::string::npos;
  return (hasEnding ? logPath.substr(0, dot) : logPath) + ".head";
}

Result<std::optional<ChainPoint>> readHead(const std::string& logPath) {
  const std::string path = headPathOf(logPath);
  auto text = readFileAt(AT_FDCWD, path, kibibytes(64));
  if (!text && text.error().sysErrno == ENOENT) return std::optional<ChainPoint>();
  if (!text) return std::move(text).error();
  // Zeros are what a power cut leaves of a sector that was never on the disk.
  if (text->find_first_not_of('\0') == std::string::npos) return std::optional<ChainPoint>();
  auto point = decode(*text);
  if (!point) return damagedLog(path, "is not what was written");
  return point;
}

Result<HeadFile> HeadFile::open(const std::string& logPath) {
  return HeadFile(RF_TRY(openAt(AT_FDCWD, headPathOf(logPath), O_RDWR | O_CREAT | O_NOFOLLOW, 0600)));
}

void HeadFile::note(const ChainPoint& point) const {
  const std::string sector = encode(point);
  [[maybe_unused]] const ssize_t put = ::pwrite(file_.get(), sector.data(), sector.size(), 0);
}

Result<void> checkHead(Connection& connection) {
  const std::string& logPath = connection.path();
  const auto noted = RF_TRY(readHead(logPath));
  if (!noted || noted->seq == 0) return {};
  auto opened = LogReader::create(connection);
  if (!opened) {
    return damagedLog(logPath, "it has no facts (" + opened.error().message + "), and facts up to " +
                                   std::to_string(noted->seq) + " were recorded");
  }
  LogReader& reader = *opened;
  const ChainPoint end = RF_TRY(reader.head());
  if (noted->seq > end.seq) {
    return damagedLog(logPath, "fact " + std::to_string(end.seq + 1) + " is missing: facts up to " +
                                   std::to_string(noted->seq) + " were recorded, and the log ends before them");
  }
  const ChainPoint base = RF_TRY(reader.base());
  if (noted->seq < base.seq) return {};  // Retired since.
  auto hash = RF_TRY(reader.hashOf(noted->seq));
  if (noted->seq == base.seq) hash = base.hash;
  if (hash == noted->hash) return {};
  return damagedLog(logPath, "fact " + std::to_string(noted->seq) + " is another one than was recorded");
}

Result<void> checkNotEmptied(const std::string& logPath) {
  const auto noted = RF_TRY(readHead(logPath));
  struct stat about {};
  const bool isThere = ::stat(logPath.c_str(), &about) == 0;
  if (!isThere && errno != ENOENT) return posixError(errno, "looking at " + logPath);
  if (!noted || noted->seq == 0 || (isThere && about.st_size > 0)) return {};
  return damagedLog(logPath, std::string(isThere ? "it is empty" : "it is not there") + ", and facts up to " +
                                 std::to_string(noted->seq) + " were recorded");
}

}  // namespace ringfence::supervisor
