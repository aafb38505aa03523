// The command line, asked for what it knows already: `ringfence` beside this program, else on the PATH. Blocks nobody.
//
//   auto* asked = new CliProcess(this);
//   connect(asked, &CliProcess::done, this, [](int status, const QByteArray& out, const QByteArray& err) { … });
//   asked->start({"policy", "list", "--json"});
#pragma once

#include <QObject>
#include <QProcess>
#include <QStringList>

namespace ringfence::ui {

class CliProcess final : public QObject {
  Q_OBJECT

 public:
  explicit CliProcess(QObject* parent = nullptr);
  // Ends what still runs.
  ~CliProcess() override;

  // One at a time: another one before it is done ends the first, which is then not told.
  void start(const QStringList& arguments);
  void cancel();
  bool isRunning() const { return process_ != nullptr; }

  static QString program();

 signals:
  // `status`: -1 when it could not be started or was killed; `err` says why. At most a few MiB of each are kept.
  void done(int status, const QByteArray& out, const QByteArray& err);

 private:
  void finish(int status, const QByteArray& why = {});

  QProcess* process_ = nullptr;
};

}  // namespace ringfence::ui
