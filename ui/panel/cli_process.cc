#include "ui/panel/cli_process.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QStandardPaths>
#include <utility>

namespace ringfence::ui {
namespace {

constexpr qsizetype kMostOutput = 4 * 1024 * 1024;

}  // namespace

CliProcess::CliProcess(QObject* parent) : QObject(parent) {}

CliProcess::~CliProcess() { cancel(); }

QString CliProcess::program() {
  const QFileInfo beside(QCoreApplication::applicationDirPath() + "/ringfence");
  if (beside.isExecutable()) return beside.filePath();
  return QStandardPaths::findExecutable("ringfence");
}

void CliProcess::start(const QStringList& arguments) {
  cancel();
  process_ = new QProcess(this);
  const QString name = program();
  if (name.isEmpty()) {
    QMetaObject::invokeMethod(
        this, [this] { finish(-1, tr("The program ringfence is not installed.").toUtf8()); }, Qt::QueuedConnection);
    return;
  }
  process_->setStandardInputFile(QProcess::nullDevice());
  connect(process_, &QProcess::finished, this, [this](int status, QProcess::ExitStatus how) {
    finish(how == QProcess::NormalExit ? status : -1,
           how == QProcess::NormalExit ? QByteArray() : tr("It crashed.").toUtf8());
  });
  connect(process_, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error == QProcess::FailedToStart) finish(-1, process_->errorString().toUtf8());
  });
  process_->start(name, arguments, QIODevice::ReadOnly);
}

void CliProcess::finish(int status, const QByteArray& why) {
  QProcess* process = std::exchange(process_, nullptr);
  if (process == nullptr) return;
  const bool isOpen = process->isOpen();  // Not when it could not be started.
  const QByteArray out = isOpen ? process->readAllStandardOutput().left(kMostOutput) : QByteArray();
  const QByteArray err = isOpen ? process->readAllStandardError().left(kMostOutput) : QByteArray();
  process->deleteLater();
  emit done(status, out, why.isEmpty() ? err : why);
}

void CliProcess::cancel() {
  QProcess* process = std::exchange(process_, nullptr);
  if (process == nullptr) return;
  process->disconnect(this);
  process->setParent(nullptr);
  // It is not waited for: it goes when the kernel has ended it.
  connect(process, &QProcess::finished, process, &QObject::deleteLater);
  if (process->state() == QProcess::NotRunning) {
    process->deleteLater();
    return;
  }
  process->kill();
}

}  // namespace ringfence::ui
