// Room on the disk that is kept for the log: STATE_DIR/reserve. When the disk is full it is given up, so that what is
// held and ended then can still be recorded; when there is room again, it is taken back first. Not guaranteed: that no
// other program that fills the disk takes the room in the moment in which it is given up.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/units.h"

namespace ringfence::supervisor {

inline constexpr Bytes kReserve = mebibytes(8);
// Left beside it for it to count as made: else the disk would be full again at once.
inline constexpr Bytes kRoomBesideReserve = mebibytes(1);

class DiskReserve {
 public:
  explicit DiskReserve(std::string path) : path_(std::move(path)) {}

  bool isWhole() const { return whole_; }
  // Makes it, where it is not there yet. Fails when there is no room, and takes none then.
  Result<void> restore();
  void release();

 private:
  std::string path_;
  bool whole_ = false;
};

}  // namespace ringfence::supervisor
