#include "ui/panel/policy_check.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTimer>
#include <algorithm>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr std::chrono::milliseconds kRest{300};
constexpr const char* kOwnDirectory = ".config/ringfence/policies";

// Beside a text that was escaped for people stand its bytes.
QString pathOf(const QJsonObject& object, const QString& name) {
  const QJsonValue raw = object.value(name + QStringLiteral("_raw"));
  if (raw.isString()) return QFile::decodeName(QByteArray::fromBase64(raw.toString().toLatin1()));
  return object.value(name).toString();
}

QString shown(const QJsonValue& value) { return visibleText(value.toString().toStdString()); }

}  // namespace

std::vector<ListedPolicy> listedPolicies(const QByteArray& lines) {
  std::vector<ListedPolicy> listed;
  for (const QByteArray& line : lines.split('\n')) {
    const QJsonObject object = QJsonDocument::fromJson(line).object();
    if (!object.contains(QLatin1String("name"))) continue;
    listed.push_back({object.value(QLatin1String("name")).toString(), pathOf(object, QStringLiteral("file")),
                      shown(object.value(QLatin1String("summary"))), object.value(QLatin1String("broken")).toBool()});
  }
  return listed;
}

std::optional<CheckResult> checkResult(const QByteArray& json, const QString& file) {
  const QJsonObject object = QJsonDocument::fromJson(json.split('\n').front()).object();
  if (!object.contains(QLatin1String("ok"))) return std::nullopt;
  CheckResult result{object.value(QLatin1String("ok")).toBool(), {}};
  for (const QJsonValue& value : object.value(QLatin1String("diagnostics")).toArray()) {
    const QJsonObject told = value.toObject();
    PolicyProblem problem;
    if (told.value(QLatin1String("severity")).toString() == QLatin1String("warning"))
      problem.weight = PolicyProblem::Weight::kWarning;
    problem.message = shown(told.value(QLatin1String("message")));
    problem.help = shown(told.value(QLatin1String("help")));
    const QString where = pathOf(told, QStringLiteral("file"));
    if (where.endsWith(file)) {
      problem.line = told.value(QLatin1String("line")).toInt();
      problem.column = told.value(QLatin1String("column")).toInt();
      problem.endColumn = told.value(QLatin1String("end_column")).toInt();
    } else if (!where.isEmpty()) {
      problem.message = PolicyCheck::tr("%1, in %2:%3")
                            .arg(problem.message, visibleText(where.toStdString()),
                                 QString::number(told.value(QLatin1String("line")).toInt()));
    }
    result.problems.push_back(std::move(problem));
  }
  std::ranges::stable_partition(result.problems, [](const PolicyProblem& one) { return one.line > 0; });
  return result;
}

PolicyCheck::PolicyCheck(QObject* parent) : QObject(parent), call_(new ProgramCall(this)), rest_(new QTimer(this)) {
  rest_->setSingleShot(true);
  rest_->setInterval(kRest);
  connect(rest_, &QTimer::timeout, this, &PolicyCheck::begin);
  connect(call_, &ProgramCall::finished, this, [this](const ProgramCall::Outcome& told) {
    const auto result = checkResult(told.out, QStringLiteral("/%1.toml").arg(name_));
    if (told.trouble.isEmpty() && result) return emit checked(*result);
    const QString why = told.trouble.isEmpty() ? visibleText(told.err.toStdString(), 500) : told.trouble;
    emit failed(why);
  });
}

void PolicyCheck::setText(const QString& name, const QString& text) {
  name_ = name;
  text_ = text;
  call_->cancel();
  rest_->start();
}

void PolicyCheck::clear() {
  rest_->stop();
  call_->cancel();
}

bool PolicyCheck::isPending() const { return rest_->isActive() || call_->isRunning(); }

void PolicyCheck::begin() {
  const QString trouble = prepare();
  if (!trouble.isEmpty()) return emit failed(trouble);
  call_->start({QStringLiteral("policy"), QStringLiteral("check"), QStringLiteral("--json"), name_},
               {.directory = home_->path(), .home = home_->path()});
}

// A home in which the text stands where it would be saved, among links to the person's others. Small files in a
// directory for temporary ones: nothing of the person's home is read here.
QString PolicyCheck::prepare() {
  home_.emplace();
  const QString place = home_->filePath(QLatin1String(kOwnDirectory));
  if (!home_->isValid() || !QDir().mkpath(place)) return tr("There is no room for a temporary file.");
  for (const ListedPolicy& policy : own_) {
    if (policy.name != name_) (void)QFile::link(policy.file, QStringLiteral("%1/%2.toml").arg(place, policy.name));
  }
  QFile file(QStringLiteral("%1/%2.toml").arg(place, name_));
  if (!file.open(QIODevice::WriteOnly) || file.write(text_.toUtf8()) < 0 || !file.flush())
    return tr("The text cannot be checked: %1").arg(file.errorString());
  return {};
}

}  // namespace ringfence::ui
