// Facts written to a file, one JSON object a line as `ringfence log --json` gives them, beside the window: with
// progress, and until it is cancelled. The file appears when it is whole, and not at all when it is not.
//
//   auto* out = new LogExport(this);
//   connect(out, &LogExport::finished, …);
//   out->writeLines(facts.lines(model.places()), "/home/ada/history.jsonl");
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <vector>

#include "ui/shared/link.h"

class QTimer;

namespace ringfence::ui {

class LogExport final : public QObject {
  Q_OBJECT

 public:
  explicit LogExport(QObject* parent = nullptr);
  // What is being written is given up.
  ~LogExport() override;

  bool isBusy() const { return state_ != nullptr; }
  // Nothing happens while it is busy.
  void writeLines(std::vector<std::shared_ptr<const client::LogLine>> lines, const QString& file);
  // The whole log, as the daemon has it. `expected`: so many facts, about; for the progress.
  void writeLog(Link& link, const QString& file, std::uint64_t expected);
  void cancel();

 signals:
  // Of about so many; 0: not known.
  void progressed(quint64 facts, quint64 expected);
  // `trouble` empty: the file is there and has so many facts. Cancelled: neither this nor a file.
  void finished(const QString& trouble, quint64 facts);

 private:
  struct State;
  void begin(std::uint64_t expected);
  void look();

  std::shared_ptr<State> state_;  // null: nothing to do
  QTimer* timer_;
};

}  // namespace ringfence::ui
