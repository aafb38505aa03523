#include "supervisor/open_log.h"

#include <cerrno>

#include "supervisor/store/locked_store.h"

namespace ringfence::supervisor {
namespace {

bool maySoonBeGood(const Error& error) {
  return error.code == ErrorCode::kBusy || error.sysErrno == ENOSPC || error.sysErrno == ENOMEM;
}

}  // namespace

Result<OpenedLog> openLog(const std::string& path, DiskReserve& reserve,
                          const std::function<void(const std::string&)>& say) {
  auto opened = SqliteStore::open(path);
  if (!opened && opened.error().sysErrno == ENOSPC && reserve.isWhole()) {
    reserve.release();
    opened = SqliteStore::open(path);
  }
  if (opened) {
    SqliteStore* file = opened->store.get();
    return OpenedLog{std::move(opened->store), file, std::move(opened->state), {}};
  }
  if (maySoonBeGood(opened.error())) return std::move(opened).error();
  const std::string why = opened.error().message;
  say("LOCKED START: " + why +
      ". Until then nothing is started, let go or allowed, and the runs that live are held; an admin may kill them. "
      "With "
      "an empty log they end, as it does not know them");
  return OpenedLog{RF_TRY(LockedStore::create(std::move(opened).error())), nullptr, {}, why};
}

}  // namespace ringfence::supervisor
