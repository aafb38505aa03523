// A call of the command line `ringfence` beside the window: what it knows (policies, launches, the doctor) is asked of
// it and not written twice. Never waits.
//
//   auto* call = new ProgramCall(this);
//   connect(call, &ProgramCall::finished, this, [this](const ProgramCall::Outcome& told) { … });
//   call->start({"policy", "list", "--json"});
#pragma once

#include <QByteArray>
#include <QObject>
#include <QStringList>

class QProcess;

namespace ringfence::ui {

class ProgramCall final : public QObject {
  Q_OBJECT

 public:
  static constexpr qint64 kMostOutput = 16 << 20;  // bytes; what writes more is ended

  struct Outcome {
    int status = 0;
    QByteArray out, err;
    QString trouble;  // it could not be called, or did not come to its end: why; else empty
  };

  explicit ProgramCall(QObject* parent = nullptr);
  // The program is killed if it still runs.
  ~ProgramCall() override;

  // Where and as whom it looks for files; empty: as this program does.
  struct World {
    QString directory, home;
  };
  // An earlier one that still runs is cancelled.
  void start(const QStringList& arguments) { start(arguments, World{}); }
  void start(const QStringList& arguments, const World& world);
  // finished() does not come.
  void cancel();
  bool isRunning() const { return process_ != nullptr; }

  // That of the same installation, else the one on the PATH.
  static QString program();

 signals:
  void finished(const ringfence::ui::ProgramCall::Outcome& outcome);

 private:
  void take(QProcess* process);
  void end(Outcome outcome);

  QProcess* process_ = nullptr;
  QByteArray out_, err_;
};

}  // namespace ringfence::ui
