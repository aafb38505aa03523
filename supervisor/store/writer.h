// The one thread that writes, and the queue before it. Everything that has gathered commits together. For this folder
// alone.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "sdk/base/unique_fd.h"
#include "supervisor/store/head_file.h"
#include "supervisor/store/load_log.h"
#include "supervisor/store/series_file.h"
#include "supervisor/store/store.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxBatchFacts = 4096;
inline constexpr std::size_t kMaxQueuedSamples = 4096;
inline constexpr std::uint64_t kFactsPerSegment = 10'000;

struct WriterOptions {
  SampleBounds samples;
  std::uint64_t keptFacts = 0;
};

class Writer {
 public:
  struct Entry {
    Fact fact;
    std::string snapshot;  // the state, beside a SnapshotTaken
  };

  struct Beside {
    UniqueFd event;
    HeadFile head;
  };
  Writer(std::string path, std::unique_ptr<Connection> connection, const LoadedLog& log, WriterOptions options,
         Beside beside);
  // Commits what is queued, unless a failure stands; then ends the thread.
  ~Writer();

  // Queues only; wake() lets the thread see it.
  Result<void> push(std::vector<Entry> entries);
  void wake() { wake_.notify_one(); }
  // They go with the next facts, or after a while, so that a disk which has nothing else to do may sleep.
  void pushSamples(std::span<const Sample> samples);
  // Somebody reads what became of them: those of that run that may not be in the file yet, oldest first. They are
  // written now, and for a minute whatever comes as it comes.
  std::vector<Sample> takeLook(const RunId& run);
  int eventFd() const { return event_.get(); }
  Progress progress();
  void retry();
  // A number that the thread takes note of when it looks for work, and the last one that it has.
  void pass(std::uint64_t token);
  std::uint64_t passed() const { return passed_; }

 private:
  // How a written batch ended.
  struct Outcome {
    Result<void> result;
    std::size_t committed = 0;
    std::optional<SegmentRetired> retirable;
  };
  struct Open {
    std::unique_ptr<Connection> connection;
    std::unique_ptr<LogWriter> writer;
    std::unique_ptr<SeriesWriter> series;
    void close() {
      writer.reset();
      series.reset();
      connection.reset();
    }
  };

  void loop();
  using Clock = std::chrono::steady_clock;
  bool hasWork() const;
  bool areSamplesDue() const;
  Clock::time_point nextDue() const;
  Outcome commitBatch();
  Result<void> writeBatch();
  Result<void> writeEntry(const Entry& entry, ChainPoint& head);
  Result<void> prepareWriter();
  Result<void> reopen();
  Result<std::size_t> countPresent(const ChainPoint& found) const;
  void advance(std::size_t count, ChainPoint head);
  std::optional<SegmentRetired> findRetirable();
  void commitSamples(const std::vector<Sample>& samples);
  Result<void> writeSamples(const std::vector<Sample>& samples);
  void announce();

  const std::string path_;
  const WriterOptions options_;
  const UniqueFd event_;
  const HeadFile headFile_;

  // The thread's own.
  Open open_;
  std::vector<Entry> batch_;  // taken from the queue, not yet durable
  ChainPoint head_;           // the last durable fact
  std::uint64_t retiredSeq_;
  std::uint64_t snapshotSeq_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> queue_;
  std::deque<Sample> samples_;                    // until they are written, or could not be
  std::size_t droppedSamples_ = 0;                // of those that are being written
  bool isAwaited_ = false;                        // something waits for what is queued
  Clock::time_point dueAt_{};                     // when it is committed though nothing does
  Clock::time_point samplesDueAt_{};              // likewise of samples_
  std::optional<Clock::time_point> samplesRead_;  // when somebody wanted them last
  std::size_t pending_ = 0;                       // queued and in the batch
  Progress progress_;
  bool retry_ = false;
  bool stop_ = false;
  std::uint64_t token_ = 0;
  std::atomic<std::uint64_t> passed_ = 0;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace ringfence::supervisor
