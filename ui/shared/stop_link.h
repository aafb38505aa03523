// The emergency stop, asked of ringfence-stop itself: works when the daemon hangs or is gone. Blocks nobody: threads
// wait.
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::ui {

class StopLink final : public QObject {
  Q_OBJECT

 public:
  explicit StopLink(QObject* parent = nullptr);
  ~StopLink() override;

  // Freezes everything; a second one within three seconds kills what this person may. `trigger`: who asked, for the
  // record ("panel").
  void stopAll(const QString& trigger);
  // Asks how it stands: statusArrived.
  void askStatus();

 signals:
  // JSON, as `ringfence estop --json` gives it.
  void receiptArrived(const QByteArray& receipt);
  // Nothing was stopped by this request: why, for people.
  void failed(const QString& why);
  // It was taken, and what became of it is not known: why, for people.
  void uncertain(const QString& why);
  // JSON of ringfence-stop: "latched" and more.
  void statusArrived(const QByteArray& status);
  // Nobody could stop everything now: why.
  void absent(const QString& why);

 private:
  struct Alive;
  enum class Kind { kStop, kStatus };
  void ask(std::string request, Kind kind);
  void hear(Kind kind, const Result<std::string>& answer);
  std::shared_ptr<Alive> alive_;
};

}  // namespace ringfence::ui
