#include "supervisor/store/writer.h"

#include <algorithm>
#include <iterator>

#include <sys/eventfd.h>

#include "sdk/base/text.h"

namespace ringfence::supervisor {

Writer::Writer(std::string path, std::unique_ptr<Connection> connection, const LoadedLog& log, WriterOptions options,
               Beside beside)
    : path_(std::move(path)),
      options_(options),
      event_(std::move(beside.event)),
      headFile_(std::move(beside.head)),
      open_{std::move(connection), nullptr},
      head_(log.head),
      retiredSeq_(log.retiredSeq),
      snapshotSeq_(log.snapshotSeq) {
  progress_.durableSeq = log.head.seq;
  thread_ = std::thread([this] { loop(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

namespace {

// Observations of a launch that was decided and is on the disk: no reply and no effect waits for them.
bool isAwaited(const Writer::Entry& entry) {
  return !std::holds_alternative<RunBuilt>(entry.fact.body) && !std::holds_alternative<RunStarted>(entry.fact.body);
}

// What nobody waits for goes with the next fact, or after this long: a commit of its own would take the disk and a
// processor from the command that is just being loaded.
constexpr std::chrono::milliseconds kLongestWait{20};
constexpr std::chrono::seconds kSamplesWait{5};
constexpr std::chrono::seconds kSamplesWantedFor{60};

}  // namespace

// ---- the loop's side

Result<void> Writer::push(std::vector<Entry> entries) {
  const std::lock_guard lock(mutex_);
  if (pending_ + entries.size() > kMaxQueuedFacts) {
    return Error{ErrorCode::kUnavailable,
                 path_ + ": " + std::to_string(pending_) + " facts wait for the disk, the most that may", 0};
  }
  pending_ += entries.size();
  if (queue_.empty()) dueAt_ = Clock::now() + kLongestWait;
  isAwaited_ = isAwaited_ || std::ranges::any_of(entries, isAwaited);
  std::move(entries.begin(), entries.end(), std::back_inserter(queue_));
  return {};
}

void Writer::pushSamples(std::span<const Sample> samples) {
  bool isFirst = false;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const bool isWanted = samplesRead_ && now - *samplesRead_ < kSamplesWantedFor;
    isFirst = samples_.empty() || isWanted;
    if (isFirst) samplesDueAt_ = isWanted ? now : now + kSamplesWait;
    samples_.insert(samples_.end(), samples.begin(), samples.end());
    for (; samples_.size() > kMaxQueuedSamples; samples_.pop_front()) ++droppedSamples_;
    isFirst = isFirst || areSamplesDue();
  }
  if (isFirst) wake_.notify_one();
}

std::vector<Sample> Writer::takeLook(const RunId& run) {
  std::vector<Sample> waiting;
  {
    const std::lock_guard lock(mutex_);
    samplesRead_ = samplesDueAt_ = Clock::now();
    std::ranges::copy_if(samples_, std::back_inserter(waiting), [&](const Sample& one) { return one.run == run; });
  }
  wake_.notify_one();
  return waiting;
}

Progress Writer::progress() {
  const std::lock_guard lock(mutex_);
  eventfd_t count = 0;
  (void)eventfd_read(event_.get(), &count);  // EAGAIN: nothing new.
  return progress_;
}

void Writer::retry() {
  {
    const std::lock_guard lock(mutex_);
    retry_ = true;
  }
  wake_.notify_one();
}

void Writer::pass(std::uint64_t token) {
  {
    const std::lock_guard lock(mutex_);
    token_ = token;
  }
  wake_.notify_one();
}

// ---- the thread's side

bool Writer::hasWork() const {
  if (progress_.failure) return retry_;
  const bool isDue = isAwaited_ || stop_ || Clock::now() >= dueAt_;
  return (!queue_.empty() && isDue) || areSamplesDue();
}

bool Writer::areSamplesDue() const {
  if (samples_.empty()) return false;
  return stop_ || samples_.size() > kMaxQueuedSamples / 2 || Clock::now() >= samplesDueAt_;
}

// Of what waits; one of both does.
Writer::Clock::time_point Writer::nextDue() const {
  if (queue_.empty()) return samplesDueAt_;
  return samples_.empty() ? dueAt_ : std::min(dueAt_, samplesDueAt_);
}

void Writer::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    passed_ = token_;
    const auto isReady = [&] { return stop_ || hasWork(); };
    const auto anyWaits = [&] { return !progress_.failure && (!queue_.empty() || !samples_.empty()); };
    wake_.wait(lock, [&] { return isReady() || token_ != passed_ || anyWaits(); });
    passed_ = token_;
    if (!isReady() && !anyWaits()) continue;
    if (!isReady()) wake_.wait_until(lock, nextDue());
    if (!isReady()) continue;
    if (!hasWork()) return;  // Asked to stop, and nothing is left that could be done.
    retry_ = false;
    if (batch_.empty()) {
      const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), kMaxBatchFacts));
      batch_.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + count));
      queue_.erase(queue_.begin(), queue_.begin() + count);
      isAwaited_ = !queue_.empty();  // Of what is left it is not known: as if.
    }
    const std::vector<Sample> samples(samples_.begin(), samples_.end());
    droppedSamples_ = 0;
    lock.unlock();
    Outcome outcome = commitBatch();
    // Samples wait for the facts, and go when they cannot be written: they may be lost.
    if (outcome.result && !samples.empty()) commitSamples(samples);
    lock.lock();
    // Where there were too many meanwhile, what was dropped was of these.
    const std::size_t dropped = std::exchange(droppedSamples_, 0);
    const std::size_t left = samples.size() - std::min(dropped, samples.size());
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(left));
    pending_ -= outcome.committed;
    progress_.durableSeq = head_.seq;
    progress_.failure = outcome.result ? std::nullopt : std::optional(outcome.result.error());
    if (outcome.retirable) progress_.retirable = std::move(outcome.retirable);
    announce();
  }
}

void Writer::announce() { (void)eventfd_write(event_.get(), 1); }

Writer::Outcome Writer::commitBatch() {
  const std::size_t before = batch_.size();
  Outcome outcome{.result = {}, .committed = 0, .retirable = std::nullopt};
  if (!open_.connection) outcome.result = reopen();
  if (outcome.result && !batch_.empty()) outcome.result = writeBatch();
  outcome.committed = before - batch_.size();
  if (!outcome.result && open_.connection && open_.connection->fault() != DbFault::kFull &&
      open_.connection->fault() != DbFault::kBusy) {
    // After an I/O error nobody knows what the kernel still has in memory only: never again over this connection.
    open_.close();
  }
  if (outcome.result && outcome.committed > 0) outcome.retirable = findRetirable();
  return outcome;
}

Result<void> Writer::prepareWriter() {
  if (open_.writer) return {};
  open_.writer = std::make_unique<LogWriter>(RF_TRY(LogWriter::create(*open_.connection)));
  open_.series = std::make_unique<SeriesWriter>(RF_TRY(SeriesWriter::create(*open_.connection, options_.samples)));
  return {};
}

Result<void> Writer::writeBatch() {
  RF_TRY(prepareWriter());
  ChainPoint head = head_;
  Transaction transaction = RF_TRY(Transaction::begin(*open_.connection));
  for (const Entry& entry : batch_) RF_TRY(writeEntry(entry, head));
  RF_TRY(transaction.commit());
  advance(batch_.size(), head);
  return {};
}

Result<void> Writer::writeEntry(const Entry& entry, ChainPoint& head) {
  const FactRow row = toRow(entry.fact);
  head = {row.seq, chainHash(head.hash, row)};
  RF_TRY(open_.writer->addFact(row, head.hash));
  if (const auto* taken = std::get_if<SnapshotTaken>(&entry.fact.body); taken != nullptr && !entry.snapshot.empty()) {
    RF_TRY(open_.writer->addSnapshot({taken->upToSeq, row.seq, entry.snapshot}));
  }
  if (const auto* segment = std::get_if<SegmentRetired>(&entry.fact.body)) RF_TRY(open_.writer->retire(*segment));
  return {};
}

// The first `count` facts of the batch are durable.
void Writer::advance(std::size_t count, ChainPoint head) {
  for (std::size_t i = 0; i < count; ++i) {
    const FactBody& body = batch_[i].fact.body;
    if (const auto* taken = std::get_if<SnapshotTaken>(&body); taken != nullptr && !batch_[i].snapshot.empty())
      snapshotSeq_ = taken->upToSeq;
    if (const auto* segment = std::get_if<SegmentRetired>(&body)) retiredSeq_ = segment->upToSeq;
  }
  batch_.erase(batch_.begin(), batch_.begin() + static_cast<std::ptrdiff_t>(count));
  head_ = std::move(head);
  headFile_.note(head_);
}

// A new connection after a fault. What it shows is made durable anew (a checkpoint writes and syncs it into the main
// file), must hold everything that was called durable, and may hold a part of the batch, which is then done.
Result<void> Writer::reopen() {
  Open fresh;
  fresh.connection = RF_TRY(Connection::open(path_, OpenMode::kWrite));
  RF_TRY(checkPages(*fresh.connection));
  {
    Statement checkpoint = RF_TRY(fresh.connection->prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
    const bool row = RF_TRY(checkpoint.step());
    if (!row || checkpoint.number(0) != 0)
      return Error{ErrorCode::kUnavailable, path_ + ": another process reads it and keeps it from being checked", 0};
  }
  LogReader reader = RF_TRY(LogReader::create(*fresh.connection));
  const ChainPoint found = RF_TRY(reader.head());
  const std::size_t present = RF_TRY(countPresent(found));
  if (present > 0) advance(present, found);
  fresh.connection->checkpointOnClose();
  open_ = std::move(fresh);
  return {};
}

Result<std::size_t> Writer::countPresent(const ChainPoint& found) const {
  const Error changed{ErrorCode::kInvalid,
                      path_ +
                          ": is not the log that was written (another process changed it, or the disk lost a part); "
                          "restart ringfenced, which checks the whole file",
                      0};
  if (found.seq < head_.seq || found.seq > head_.seq + batch_.size()) return changed;
  if (found.seq == head_.seq) {
    if (found.hash != head_.hash) return changed;
    return std::size_t{0};
  }
  std::string hash = head_.hash;
  const auto present = static_cast<std::size_t>(found.seq - head_.seq);
  for (std::size_t i = 0; i < present; ++i) hash = chainHash(hash, toRow(batch_[i].fact));
  // The chain ends in the same hash only over the same facts.
  if (hash != found.hash) return changed;
  return present;
}

// The oldest whole segment, when it is below the last snapshot and older than the facts that are kept.
std::optional<SegmentRetired> Writer::findRetirable() {
  const std::uint64_t end = (retiredSeq_ / kFactsPerSegment + 1) * kFactsPerSegment;
  if (end > snapshotSeq_ || end + options_.keptFacts > head_.seq) return std::nullopt;
  auto reader = LogReader::create(*open_.connection);
  if (!reader) return std::nullopt;  // Nothing is lost by retiring later.
  const auto hash = reader->hashOf(end);
  if (!hash || !hash->has_value()) return std::nullopt;
  return SegmentRetired{end, encodeHex(**hash)};
}

// ---- samples

void Writer::commitSamples(const std::vector<Sample>& samples) {
  if (!open_.connection) return;
  if (writeSamples(samples)) return;
  if (open_.series) open_.series->rolledBack();
  if (open_.connection->fault() == DbFault::kBroken) open_.close();
}

Result<void> Writer::writeSamples(const std::vector<Sample>& samples) {
  RF_TRY(prepareWriter());
  Transaction transaction = RF_TRY(Transaction::begin(*open_.connection));
  RF_TRY(open_.series->add(samples));
  return transaction.commit();
}

}  // namespace ringfence::supervisor
