#include "ui/panel/program_call.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QProcess>
#include <QProcessEnvironment>
#include <QStandardPaths>
#include <utility>

namespace ringfence::ui {

ProgramCall::ProgramCall(QObject* parent) : QObject(parent) {}

ProgramCall::~ProgramCall() { cancel(); }

QString ProgramCall::program() {
  const QString beside = QCoreApplication::applicationDirPath() + QStringLiteral("/ringfence");
  if (QFileInfo(beside).isExecutable()) return beside;
  return QStandardPaths::findExecutable(QStringLiteral("ringfence"));
}

void ProgramCall::start(const QStringList& arguments, const World& world) {
  cancel();
  const QString program = ProgramCall::program();
  if (program.isEmpty()) {
    QMetaObject::invokeMethod(
        this,
        [this] {
          end({1, {}, {}, tr("The program ringfence is not installed beside this panel.")});
        },
        Qt::QueuedConnection);
    return;
  }
  out_.clear();
  err_.clear();
  auto* process = new QProcess(this);
  process_ = process;
  process->setStandardInputFile(QProcess::nullDevice());
  if (!world.directory.isEmpty()) process->setWorkingDirectory(world.directory);
  if (!world.home.isEmpty()) {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("HOME"), world.home);
    process->setProcessEnvironment(environment);
  }
  connect(process, &QProcess::readyReadStandardOutput, this, [this, process] { take(process); });
  connect(process, &QProcess::readyReadStandardError, this, [this, process] { take(process); });
  connect(process, &QProcess::errorOccurred, this, [this, process](QProcess::ProcessError error) {
    if (process == process_ && error == QProcess::FailedToStart)
      end({1, {}, {}, tr("ringfence could not be called: %1").arg(process->errorString())});
  });
  connect(process, &QProcess::finished, this, [this, process](int status, QProcess::ExitStatus how) {
    if (process != process_) return;
    take(process);
    end({status, out_, err_, how == QProcess::NormalExit ? QString() : tr("ringfence ended before it was done.")});
  });
  process->start(program, arguments);
}

void ProgramCall::take(QProcess* process) {
  if (process != process_) return;
  out_ += process->readAllStandardOutput();
  err_ += process->readAllStandardError();
  if (out_.size() + err_.size() <= kMostOutput) return;
  cancel();
  emit finished({1, {}, {}, tr("ringfence said more than can be shown.")});
}

void ProgramCall::end(Outcome outcome) {
  if (process_ != nullptr) process_->deleteLater();
  process_ = nullptr;
  emit finished(outcome);
}

// Its destructor would wait for the program's end: it goes on without us until that has come.
void ProgramCall::cancel() {
  if (process_ == nullptr) return;
  QProcess* process = std::exchange(process_, nullptr);
  process->disconnect(this);
  process->setParent(nullptr);
  QObject::connect(process, &QProcess::finished, process, &QObject::deleteLater);
  if (process->state() == QProcess::NotRunning) return process->deleteLater();
  process->kill();
}

}  // namespace ringfence::ui
