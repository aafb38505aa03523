#include "supervisor/output_spool.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sdk/base/directory.h"
#include "sdk/base/io.h"
#include "sdk/base/output_ring.h"

namespace ringfence::supervisor {
namespace {

constexpr char kPart[] = ".part";  // No run has such a name: what a crash left half written is nobody's.

Result<std::vector<std::string>> namesIn(int directory) {
  auto listing = Directory::open(directory, ".");
  if (!listing) return std::move(listing).error().with("listing the kept output");
  std::vector<std::string> names;
  while (const dirent* entry = listing->next()) names.emplace_back(entry->d_name);
  return names;
}

}  // namespace

Result<std::unique_ptr<OutputSpool>> OutputSpool::open(const std::string& directory,
                                                       const std::function<bool(const RunId&)>& isKnown, Bytes bound) {
  UniqueFd opened = RF_TRY(openAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return posixError(errno, "eventfd of the kept output");
  std::unique_ptr<OutputSpool> spool(new OutputSpool(std::move(opened), std::move(event), bound));
  RF_TRY(spool->takeStock(isKnown));
  spool->thread_ = std::thread([raw = spool.get()] { raw->loop(); });
  return spool;
}

OutputSpool::~OutputSpool() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Result<void> OutputSpool::takeStock(const std::function<bool(const RunId&)>& isKnown) {
  struct Found {
    File file;
    timespec written{};
  };
  std::vector<Found> found;
  const std::vector<std::string> names = RF_TRY(namesIn(directory_.get()));
  for (const std::string& name : names) {
    const auto run = RunId::parse(name);
    struct stat about {};
    const bool isFile =
        ::fstatat(directory_.get(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about.st_mode);
    if (run && isFile && isKnown(*run))
      found.push_back({{*run, static_cast<std::uint64_t>(about.st_size)}, about.st_mtim});
    else
      (void)::unlinkat(directory_.get(), name.c_str(), 0);  // A directory is not ours, and costs nothing.
  }
  std::ranges::sort(found, [](const Found& a, const Found& b) {
    return std::pair(a.written.tv_sec, a.written.tv_nsec) < std::pair(b.written.tv_sec, b.written.tv_nsec);
  });
  for (const Found& one : found) {
    files_.push_back(one.file);
    total_ += one.file.bytes;
  }
  makeRoom(0);
  return {};
}

OutputSpool::Keeping OutputSpool::keep(const RunId& run, UniqueFd ring) {
  if (begun_.contains(run)) return Keeping::kBegun;
  const auto head = lookAtOutputRing(ring.get());
  if (!head || head->written == 0) return Keeping::kNothingToKeep;
  const bool isTooMany = begun_.size() >= kMaxWaitingOutputs;
  begun_.insert(run);
  {
    const std::scoped_lock lock(mutex_);
    if (isTooMany)
      done_.push_back({run, std::move(ring), Error{ErrorCode::kBusy, "too many others wait for the disk"}});
    else
      waiting_.push_back({run, std::move(ring), {}});
  }
  if (isTooMany)
    (void)eventfd_write(event_.get(), 1);  // Fails for no value of ours.
  else
    wake_.notify_one();
  return Keeping::kBegun;
}

std::vector<OutputSpool::Finished> OutputSpool::finish() {
  eventfd_t count = 0;
  (void)eventfd_read(event_.get(), &count);  // Nothing there: nothing is done.
  std::vector<Job> done;
  {
    const std::scoped_lock lock(mutex_);
    done.swap(done_);
  }
  std::vector<Finished> finished;
  for (Job& job : done) {
    begun_.erase(job.run);
    if (!job.written) {
      unwritten_.emplace_back(job.run, std::move(job.ring));
      if (unwritten_.size() > kMaxUnwrittenOutputs) unwritten_.pop_front();
    }
    finished.push_back({job.run, std::move(job.written)});
  }
  return finished;
}

Result<UniqueFd> OutputSpool::read(const RunId& run) const {
  for (const auto& [id, ring] : unwritten_) {
    if (id == run) return openAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(ring.get()), O_RDONLY);
  }
  UniqueFd file = RF_TRY(openAt(directory_.get(), run.text(), O_RDONLY | O_NOFOLLOW));
  if (!lookAtOutputRing(file.get()))
    return Error{ErrorCode::kInvalid, "it could not be written to the disk when the run ended"};
  return file;
}

// ---- on the thread

void OutputSpool::pass(std::uint64_t token) {
  {
    const std::lock_guard lock(mutex_);
    token_ = token;
  }
  wake_.notify_one();
}

void OutputSpool::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    passed_ = token_;
    wake_.wait(lock, [this] { return stop_ || token_ != passed_ || !waiting_.empty(); });
    if (stop_) return;
    if (waiting_.empty()) continue;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    job.written = write(job.run, job.ring.get());
    if (job.written) job.ring.reset();  // Its memory goes now.
    lock.lock();
    done_.push_back(std::move(job));
    (void)eventfd_write(event_.get(), 1);  // Fails for no value of ours.
  }
}

Result<void> OutputSpool::write(const RunId& run, int ring) {
  const OutputRingHead head = RF_TRY(lookAtOutputRing(ring));
  if (const auto there = openAt(directory_.get(), run.text(), O_RDONLY | O_NOFOLLOW)) {
    // Written before a crash that kept the launcher from hearing of it.
    const auto whole = lookAtOutputRing(there->get());
    if (whole && whole->written == head.written) return {};
  }
  const std::uint64_t bytes = head.bytesOfCopy();
  remove(run);
  makeRoom(bytes);
  const std::string part = run.text() + kPart;
  (void)::unlinkat(directory_.get(), part.c_str(), 0);  // Absent is what is wanted.
  const UniqueFd file = RF_TRY(openAt(directory_.get(), part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  auto written = copyOutputRing(ring, file.get());
  // An empty file says later that there was output and no room for it.
  if (!written && ::ftruncate(file.get(), 0) != 0) (void)::unlinkat(directory_.get(), part.c_str(), 0);
  if (::renameat(directory_.get(), part.c_str(), directory_.get(), run.text().c_str()) != 0 && written)
    written = posixError(errno, "naming it");
  files_.push_back({run, written ? bytes : 0});
  total_ += files_.back().bytes;
  return written;
}

void OutputSpool::remove(const RunId& run) {
  (void)::unlinkat(directory_.get(), run.text().c_str(), 0);  // Gone already is as good.
  std::erase_if(files_, [&](const File& file) {
    if (file.run == run) total_ -= file.bytes;
    return file.run == run;
  });
}

void OutputSpool::makeRoom(std::uint64_t bytes) {
  while (!files_.empty() && (total_ + bytes > bound_.count || files_.size() >= kMaxKeptOutputFiles))
    remove(RunId(files_.front().run));
}

}  // namespace ringfence::supervisor
