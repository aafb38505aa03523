#include "ui/shared/fact_log.h"

#include <QTimer>

#include "ui/cli/format.h"

namespace ringfence::ui {
namespace {

using namespace std::chrono_literals;

constexpr auto kTellEvery = 250ms;
constexpr std::size_t kMostRuns = 20'000;

std::size_t sizeOf(const ShownFact& fact) {
  return fact.line->bodyJson.size() + fact.line->hash.size() + fact.line->kind.size() +
         static_cast<std::size_t>(2 * (fact.words.sentence.size() + fact.words.target.size()));
}

}  // namespace

FactLog::FactLog(Link& link, Bounds bounds, QObject* parent)
    : QObject(parent), link_(link), bounds_(bounds), slices_(new QTimer(this)), pause_(new QTimer(this)) {
  slices_->setInterval(0);
  pause_->setSingleShot(true);
  pause_->setInterval(kTellEvery);
  connect(&link, &Link::linesArrived, this, [this](const LogLines& lines) {
    if (!readers_.empty()) take(lines);  // Otherwise they were for somebody else, from another moment on.
  });
  connect(slices_, &QTimer::timeout, this, &FactLog::tellSome);
  connect(pause_, &QTimer::timeout, this, [this] {
    if (!isTold_) emit appended();
    isTold_ = true;
  });
}

void FactLog::watch(const QObject* reader, Link::Watch watch) {
  const bool wasWanted = !readers_.empty();
  if (watch == Link::Watch::kYes) {
    if (readers_.insert(reader).second)
      connect(reader, &QObject::destroyed, this, [this, reader] { this->watch(reader, Link::Watch::kNo); });
  } else {
    readers_.erase(reader);
  }
  if (!readers_.empty() && !wasWanted) follow();
  if (readers_.empty() && wasWanted) link_.watchLog(Link::Watch::kNo);
}

void FactLog::setSpan(std::chrono::hours span) {
  span_ = span;
  facts_.clear();
  waiting_.clear();
  teller_ = {};
  runs_.clear();
  knownRuns_.clear();
  bytes_ = 0;
  first_ = leftOut_ = lastSeq_ = 0;
  lastAt_.clear();
  slices_->stop();
  emit cleared();
  if (!readers_.empty()) follow();
}

void FactLog::follow() {
  using std::chrono::microseconds;
  const auto now = std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
  auto since = now - span_;
  // What is known already needs not be told again; a second more, since a clock may have been set back.
  if (const auto last = parseRfc3339(lastAt_); last && *last - 1s > since) since = *last - 1s;
  link_.watchLog(Link::Watch::kYes, since);
}

void FactLog::take(const LogLines& lines) {
  leftOut_ += lines.skipped;
  for (const client::LogLine& line : lines.lines) {
    if (line.seq <= lastSeq_) continue;
    lastSeq_ = line.seq;
    lastAt_ = line.at;
    waiting_.push_back(line);
  }
  while (waiting_.size() > bounds_.facts) {
    waiting_.pop_front();
    ++leftOut_;
  }
  if (!waiting_.empty() && !slices_->isActive()) slices_->start();
}

void FactLog::tellSome() {
  for (std::size_t i = 0; i < kSlice && !waiting_.empty(); ++i) {
    keep(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (waiting_.empty()) slices_->stop();
  isTold_ = false;
  if (pause_->isActive()) return;
  isTold_ = true;
  emit appended();
  pause_->start();
}

void FactLog::keep(client::LogLine line) {
  if (!line.run.empty() && runs_.size() < kMostRuns && knownRuns_.insert(line.run).second) runs_.push_back(line.run);
  FactWords words = teller_.tell(line);
  facts_.push_back({std::make_shared<const client::LogLine>(std::move(line)), std::move(words)});
  bytes_ += sizeOf(facts_.back());
  while (facts_.size() > bounds_.facts || bytes_ > bounds_.bytes) {
    bytes_ -= sizeOf(facts_.front());
    facts_.pop_front();
    ++first_;
    ++leftOut_;
  }
}

std::vector<std::shared_ptr<const client::LogLine>> FactLog::lines(const std::vector<std::uint64_t>& places) const {
  std::vector<std::shared_ptr<const client::LogLine>> lines;
  lines.reserve(places.size());
  for (const std::uint64_t place : places) {
    if (place >= first() && place < end()) lines.push_back(at(place).line);
  }
  return lines;
}

}  // namespace ringfence::ui
