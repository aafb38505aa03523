// The facts that the panel's pages show: read once for all of them, while one of them is seen. Bounded; what was left
// out is counted. Lines are put into words a few at a time, so that a day of them never holds up the window.
//
//   FactLog facts(link);
//   facts.watch(this, Link::Watch::kYes);
//   connect(&facts, &FactLog::appended, …);
#pragma once

#include <QObject>
#include <chrono>
#include <deque>
#include <memory>
#include <set>

#include "ui/shared/fact_words.h"
#include "ui/shared/link.h"

class QTimer;

namespace ringfence::ui {

struct ShownFact {
  std::shared_ptr<const client::LogLine> line;
  FactWords words;
};

class FactLog final : public QObject {
  Q_OBJECT

 public:
  struct Bounds {
    std::size_t facts = 200'000;
    std::size_t bytes = 256u << 20;  // of their texts
  };
  static constexpr std::size_t kSlice = 256;  // lines put into words at a time

  explicit FactLog(Link& link, QObject* parent = nullptr) : FactLog(link, Bounds{}, parent) {}
  FactLog(Link& link, Bounds bounds, QObject* parent = nullptr);

  // Read while somebody wants it. What is known stays known; what happened meanwhile is read when it is wanted again.
  void watch(const QObject* reader, Link::Watch watch);
  // How far back; what was known is forgotten. A day at first.
  void setSpan(std::chrono::hours span);
  std::chrono::hours span() const { return span_; }

  // Places count from the first fact ever kept and stay the same: those that are there are [first(), end()).
  std::uint64_t first() const { return first_; }
  std::uint64_t end() const { return first_ + facts_.size(); }
  const ShownFact& at(std::uint64_t place) const { return facts_[static_cast<std::size_t>(place - first_)]; }
  std::uint64_t leftOut() const { return leftOut_; }
  // Of the newest fact that was told; 0: none was.
  std::uint64_t lastSeq() const { return lastSeq_; }
  // More are there than are in words.
  bool isCatchingUp() const { return !waiting_.empty(); }
  // What a run is called, as far as facts said; else empty.
  QString nameOf(const std::string& run) const { return teller_.nameOf(run); }
  // Runs that facts are about, in the order in which they appeared; bounded as the facts are.
  const std::vector<std::string>& runs() const { return runs_; }
  // Everything from there on, for who writes it to a file.
  std::vector<std::shared_ptr<const client::LogLine>> lines(const std::vector<std::uint64_t>& places) const;

 public slots:
  // As Link tells them; those that were told before are dropped.
  void take(const ringfence::ui::LogLines& lines);

 signals:
  // Four times a second at most. Before it some may have been removed at the front.
  void appended();
  void cleared();

 private:
  void tellSome();
  void keep(client::LogLine line);
  void follow();

  Link& link_;
  Bounds bounds_;
  std::set<const QObject*> readers_;
  std::chrono::hours span_{24};
  FactTeller teller_;
  std::deque<client::LogLine> waiting_;
  std::deque<ShownFact> facts_;
  std::size_t bytes_ = 0;
  std::uint64_t first_ = 0, leftOut_ = 0, lastSeq_ = 0;
  std::string lastAt_;
  std::vector<std::string> runs_;
  std::set<std::string> knownRuns_;
  QTimer* slices_;
  QTimer* pause_;  // active: appended() was just now
  bool isTold_ = true;
};

}  // namespace ringfence::ui
