// The emergency stop, asked of ringfence-stop itself: works when the daemon hangs or is gone. Blocks nobody: threads
// wait.
#pragma once

#include <QObject>
#include <QString>
#include <memory>

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
  // Nothing was stopped by this request, or nobody knows: why, for people.
  void failed(const QString& why);
  // JSON of ringfence-stop: "latched" and more.
  void statusArrived(const QByteArray& status);
  // Nobody could stop everything now: why.
  void absent(const QString& why);

 private:
  struct Alive;
  void ask(std::string request, void (StopLink::*told)(const QByteArray&), void (StopLink::*refused)(const QString&));
  std::shared_ptr<Alive> alive_;
};

}  // namespace ringfence::ui
