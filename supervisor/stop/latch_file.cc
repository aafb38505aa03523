#include "supervisor/stop/latch_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sdk/base/io.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr const char* kName = "latch";
constexpr const char* kNewName = "latch.new";

std::string_view viewOf(const LatchSector& sector) {
  return {reinterpret_cast<const char*>(sector.data()), sector.size()};
}

// Whole or not at all: no start finds a half of it.
Result<void> make(int directory) {
  {
    const UniqueFd file = RF_TRY(openAt(directory, kNewName, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    RF_TRY(writeAll(file.get(), viewOf(encodeReleased()), kNewName));
    if (::fsync(file.get()) != 0) return posixError(errno, "writing the latch");
  }
  // Not over one that somebody made meanwhile.
  if (::linkat(directory, kNewName, directory, kName, 0) != 0 && errno != EEXIST)
    return posixError(errno, "making the latch");
  (void)::unlinkat(directory, kNewName, 0);
  return ::fsync(directory) == 0 ? Result<void>{} : posixError(errno, "making the latch");
}

LatchReading readFrom(int file) {
  std::array<std::uint8_t, kLatchBytes + 1> bytes{};
  ssize_t got = 0;
  do got = ::pread(file, bytes.data(), bytes.size(), 0);
  while (got < 0 && errno == EINTR);
  return got < 0 ? LatchReading{} : decodeLatch(std::span(bytes).first(static_cast<std::size_t>(got)));
}

}  // namespace

LatchReading readLatch(const std::string& stateDirectory) {
  const auto file = openAt(AT_FDCWD, stateDirectory + "/" + kName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return {file.error().sysErrno == ENOENT ? LatchState::kReleased : LatchState::kDamaged, {}};
  return readFrom(file->get());
}

Result<LatchFile> LatchFile::open(const std::string& stateDirectory) {
  if (::mkdir(stateDirectory.c_str(), 0700) != 0 && errno != EEXIST)
    return posixError(errno, "making " + stateDirectory);
  const UniqueFd directory = RF_TRY(openAt(AT_FDCWD, stateDirectory, O_RDONLY | O_DIRECTORY));
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK;
  auto file = openAt(directory.get(), kName, kFlags);
  if (!file && file.error().sysErrno == ENOENT) {
    RF_TRY(make(directory.get()));
    file = openAt(directory.get(), kName, kFlags);
  }
  if (!file) return LatchFile(UniqueFd(), file.error().sysErrno);
  return LatchFile(*std::move(file), 0);
}

LatchReading LatchFile::read() const { return file_ ? readFrom(file_.get()) : LatchReading{}; }

int LatchFile::write(const LatchSector& sector, Durable durable) const {
  if (!file_) return problem_;
  ssize_t put = 0;
  do put = ::pwrite(file_.get(), sector.data(), sector.size(), 0);
  while (put < 0 && errno == EINTR);
  if (put != static_cast<ssize_t>(sector.size())) return put < 0 ? errno : ENOSPC;
  if (durable == Durable::kNow) return ::fdatasync(file_.get()) == 0 ? 0 : errno;
  // What it cannot begin is waited for later.
  (void)::sync_file_range(file_.get(), 0, static_cast<off_t>(sector.size()), SYNC_FILE_RANGE_WRITE);
  return 0;
}

}  // namespace ringfence::supervisor::stop
