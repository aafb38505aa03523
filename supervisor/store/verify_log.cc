#include "supervisor/store/verify_log.h"

#include <limits>

#include "sdk/base/sha256.h"
#include "sdk/base/text.h"
#include "supervisor/store/head_file.h"
#include "supervisor/store/load_log.h"

namespace ringfence::supervisor {
namespace {

class Verifying {
 public:
  Verifying(Connection& connection, LogReader& reader, std::string against, std::optional<ChainPoint> noted,
            const std::stop_token& stop)
      : connection_(connection), reader_(reader), against_(std::move(against)), noted_(std::move(noted)), stop_(stop) {}

  Result<VerifyReport> run() {
    // One moment of the file, also while a daemon writes.
    RF_TRY(connection_.execute("BEGIN"));
    base_ = RF_TRY(reader_.base());
    snapshot_ = RF_TRY(reader_.lastSnapshot());
    previous_ = base_;
    note(base_.hash);
    // From the smallest number there is: a fact before the first is a forgery too.
    constexpr auto kFirst = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::min());
    auto walked =
        reader_.each(kFirst, std::numeric_limits<std::size_t>::max(), [&](const StoredRow& row) { return check(row); });
    if (stop_.stop_requested()) return givenUp();
    if (!walked && report_.detail.empty()) (void)bad(previous_.seq + 1, "cannot be read: " + walked.error().message);
    if (report_.detail.empty()) checkWhole();
    report_.head = encodeHex(previous_.hash);
    report_.ok = report_.detail.empty();
    if (report_.ok) report_.detail = "every fact is what was written";
    return report_;
  }

 private:
  static Error givenUp() { return {ErrorCode::kUnavailable, "the check of the log was given up", 0}; }

  Result<void> check(const StoredRow& stored) {
    if (stop_.stop_requested()) return givenUp();
    const std::uint64_t expected = previous_.seq + 1;
    if (stored.row.seq < expected) return bad(stored.row.seq, "was retired, or is not one of ours, and is there");
    if (stored.row.seq > expected) return bad(expected, "is missing");
    if (chainHash(previous_.hash, stored.row) != stored.hash) return bad(expected, "is not what was written");
    if (noted_ && noted_->seq == expected && noted_->hash != stored.hash)
      return bad(expected, "is another one than was recorded");
    if (stored.row.kind == "snapshot-taken" || stored.row.kind == "segment-retired") {
      auto fact = toFact(stored.row);
      if (!fact) return bad(expected, fact.error().message);
      remember(*fact);
    }
    previous_ = {stored.row.seq, stored.hash};
    note(stored.hash);
    ++report_.facts;
    return {};
  }

  void remember(const Fact& fact) {
    if (const auto* segment = std::get_if<SegmentRetired>(&fact.body)) retired_ = *segment;
    const auto* taken = std::get_if<SnapshotTaken>(&fact.body);
    if (taken != nullptr && snapshot_ && fact.seq == snapshot_->takenSeq) {
      snapshotProved_ = taken->upToSeq == snapshot_->upToSeq && taken->stateHash == sha256Hex(snapshot_->state);
    }
  }

  void checkWhole() {
    if (base_.seq != retired_.upToSeq || (base_.seq != 0 && encodeHex(base_.hash) != retired_.headHash)) {
      (void)bad(retired_.upToSeq + 1, "is where the log should begin, and it does not");
    } else if (snapshot_ && !snapshotProved_) {
      (void)bad(snapshot_->takenSeq, "took a snapshot, and the one in the file is another");
    } else if (noted_ && noted_->seq > previous_.seq) {
      (void)bad(previous_.seq + 1, "is missing: facts up to " + std::to_string(noted_->seq) +
                                       " were recorded, and the log ends before them");
    } else if (auto pages = checkPages(connection_); !pages) {
      report_.detail = pages.error().message;
    } else if (!against_.empty() && !sawAgainst_) {
      report_.detail = "no fact has the hash " + escapeForDisplay(against_) +
                       ": the log was cut or written anew after that head was noted, or it has retired";
    }
  }

  void note(const std::string& hash) { sawAgainst_ = sawAgainst_ || encodeHex(hash) == against_; }

  // Keeps the first; the error only ends the walk.
  Error bad(std::uint64_t seq, const std::string& what) {
    report_.firstBadSeq = seq;
    report_.detail = "fact " + std::to_string(seq) + " " + what;
    return {ErrorCode::kInvalid, report_.detail, 0};
  }

  Connection& connection_;
  LogReader& reader_;
  std::string against_;
  std::optional<ChainPoint> noted_;  // known to be in the log; read before it
  const std::stop_token& stop_;
  ChainPoint base_, previous_;
  std::optional<SnapshotRow> snapshot_;
  SegmentRetired retired_;
  bool snapshotProved_ = false;
  bool sawAgainst_ = false;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verifyLog(const std::string& path, const std::string& against, const std::stop_token& stop) {
  auto noted = readHead(path);
  if (!noted) return VerifyReport{.detail = noted.error().message};
  std::unique_ptr<Connection> connection = RF_TRY(Connection::open(path, OpenMode::kRead));
  LogReader reader = RF_TRY(LogReader::create(*connection));
  return Verifying(*connection, reader, against, *std::move(noted), stop).run();
}

}  // namespace ringfence::supervisor
