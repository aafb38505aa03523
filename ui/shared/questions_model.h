// The questions as a list for views: what waits first, by run and kind, oldest first; then what was missed or settled
// in the last day, newest first. Identical ones were made one by the daemon; a card stands for several.
//
//   connect(&link, &Link::questionsChanged, &questions, &QuestionsModel::take);
//   questions.readPast(link);
#pragma once

#include <QAbstractListModel>
#include <QDateTime>
#include <functional>
#include <vector>

#include "ui/shared/link.h"
#include "ui/shared/question_words.h"

namespace ringfence::ui {

struct Question {
  enum class State { kWaits, kMissed, kSettled };
  client::PendingItem item;
  State state = State::kWaits;
  client::Settlement settlement = client::Settlement::kUnknown;  // not of one that waits
  QDateTime settledAt;
};

// The settled questions of the last day, out of the lines of the log, newest first; at most kMostPast.
std::vector<Question> pastQuestions(const std::vector<client::LogLine>& lines);

class QuestionsModel final : public QAbstractListModel {
  Q_OBJECT

 public:
  enum Role { kIdRole = Qt::UserRole, kRunRole, kStateRole };
  static constexpr std::size_t kMostPast = 500;

  explicit QuestionsModel(QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  // Qt::DisplayRole and Qt::AccessibleTextRole: the question in one line, and how it stands.
  QVariant data(const QModelIndex& index, int role) const override;

  const Question& question(int row) const { return questions_[static_cast<std::size_t>(row)]; }
  const client::PendingItem* pending(std::uint64_t id) const;  // null: it does not wait
  int waiting() const { return waiting_; }                     // so many rows from the first on
  int indexOf(std::uint64_t id) const;                         // -1: it is not there
  bool isKnown() const { return known_; }                      // the daemon told at least once

  // What can be answered together: those that wait among `rows`, if all of them are of one agent; else none.
  std::vector<client::PendingItem> answerable(const QList<int>& rows) const;

  // What was settled before this program began, asked of the log once.
  void readPast(Link& link);

 public slots:
  void take(const std::vector<ringfence::client::PendingEvent>& events, bool fresh);
  void takePast(std::vector<ringfence::ui::Question> past);

 signals:
  // After every take, whatever it changed. Of the ids in `arrived` the first is the one to be shown first.
  void updated();
  void arrived(const ringfence::client::PendingItem& item);  // a new one waits
  void settled(const ringfence::ui::Question& question);

 private:
  void settle(const client::PendingGone& gone);
  void put(const client::PendingItem& item);
  void sort();

  std::vector<Question> questions_;
  int waiting_ = 0;
  bool known_ = false;
};

}  // namespace ringfence::ui
