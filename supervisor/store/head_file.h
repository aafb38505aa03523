// The last durable fact, kept beside the log: a log that lost its end (a write-ahead log that is torn, cut or gone, an
// older copy put in its place) is sound in itself and only shorter, so nothing in the file itself would show that.
//
// One sector, written in place after each commit and never synced: a kill keeps it, a power cut may leave an older one.
// It is never ahead of the log. Who can write it can write another one. For this folder alone.
#pragma once

#include <optional>
#include <string>

#include "sdk/base/unique_fd.h"
#include "supervisor/store/log_file.h"

namespace ringfence::supervisor {

// "/state/log.db" -> "/state/log.head".
std::string headPathOf(const std::string& logPath);

// Nothing: none was noted yet. Fails with kInvalid when it is not what was written.
Result<std::optional<ChainPoint>> readHead(const std::string& logPath);

class HeadFile {
 public:
  static Result<HeadFile> open(const std::string& logPath);
  // A note that cannot be written leaves an older one, which is as true.
  void note(const ChainPoint& point) const;

 private:
  explicit HeadFile(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

// The log holds what was noted. Fails with kInvalid, naming the first fact that is lost or another. Before anything is
// written: a file without its write-ahead log may look like one that was just made.
Result<void> checkHead(Connection& connection);

// Before the file is opened at all: SQLite takes an empty file for a new log and removes what is beside it.
Result<void> checkNotEmptied(const std::string& logPath);

}  // namespace ringfence::supervisor
