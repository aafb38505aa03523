#include "ui/panel/grants_page.h"

#include <QCheckBox>
#include <QComboBox>
#include <QCoreApplication>
#include <QFileInfo>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QTabWidget>
#include <QTimer>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shared/glyphs.h"
#include "ui/shared/prompt/facts_view.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kReadEvery = 2000;  // milliseconds
constexpr qsizetype kMostOutput = 1 << 20;

QString ownCommandLine() {
  const QString beside = QCoreApplication::applicationDirPath() + QStringLiteral("/ringfence");
  return QFileInfo(beside).isExecutable() ? beside : QStringLiteral("ringfence");
}

QPlainTextEdit* monospaceText(const QString& name) {
  auto* text = new QPlainTextEdit;
  text->setReadOnly(true);
  text->setTabChangesFocus(true);
  text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  text->setAccessibleName(name);
  return text;
}

// The text of the daemon or the command line, line by line without what hides. A policy's own escapes stay single.
QString visibleLines(const QString& text) {
  QStringList lines;
  for (const QString& line : text.split('\n')) {
    QStringList pieces;
    for (const QString& piece : line.split('\\')) pieces += visibleText(piece.toStdString());
    lines += pieces.join('\\');
  }
  return lines.join('\n').trimmed();
}

}  // namespace

GrantsPage::GrantsPage(Sources sources, QString program)
    : link_(sources.link),
      program_(program.isEmpty() ? ownCommandLine() : std::move(program)),
      model_(new GrantsModel(this)),
      reads_(new QTimer(this)),
      listed_(plainLabel()),
      done_(plainLabel()) {
  auto* tabs = new QTabWidget;
  tabs->setAccessibleName(title());
  tabs->addTab(makeGrants(), tr("What you allowed"));
  tabs->addTab(makeRules(), tr("Rules of policies"));
  auto* column = new QVBoxLayout(this);
  column->addWidget(tabs, 1);
  column->addWidget(done_);
  listed_->setObjectName("listed");
  done_->setObjectName("done");
  reads_->setInterval(kReadEvery);
  connect(reads_, &QTimer::timeout, this, &GrantsPage::readGrants);
}

QWidget* GrantsPage::makeGrants() {
  auto* part = new QWidget;
  table_ = new QTreeView;
  table_->setModel(model_);
  table_->setRootIsDecorated(false);
  table_->setUniformRowHeights(true);
  table_->setAllColumnsShowFocus(true);
  table_->setObjectName("grants");
  table_->setAccessibleName(tr("What you allowed for longer than once"));
  table_->header()->setSectionResizeMode(QHeaderView::Interactive);
  table_->setColumnWidth(GrantsModel::kWhat, fontMetrics().averageCharWidth() * 48);
  ended_ = new QCheckBox(tr("Also those that count no more"));
  ended_->setObjectName("ended");
  revoke_ = new QPushButton(tr("Revoke"));
  revoke_->setObjectName("revoke");
  revoke_->setAutoDefault(false);
  revoke_->setEnabled(false);
  text_ = monospaceText(tr("The rule that it wrote"));
  text_->setObjectName("policyText");
  text_->setMaximumHeight(fontMetrics().lineSpacing() * 9);
  auto* column = new QVBoxLayout(part);
  column->addWidget(table_, 1);
  column->addWidget(listed_);
  column->addWidget(text_);
  auto* row = new QHBoxLayout;
  column->addLayout(row);
  row->addWidget(ended_);
  row->addStretch(1);
  row->addWidget(revoke_);
  connect(ended_, &QCheckBox::toggled, this, &GrantsPage::readGrants);
  connect(revoke_, &QPushButton::clicked, this, &GrantsPage::revoke);
  connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this, &GrantsPage::showGrant);
  return part;
}

QWidget* GrantsPage::makeRules() {
  auto* part = new QWidget;
  policies_ = new QComboBox;
  policies_->setAccessibleName(tr("Policy whose rules are shown"));
  policies_->setObjectName("policies");
  rules_ = monospaceText(tr("Its rules as they are in force, each with the file and line that it comes from"));
  rules_->setObjectName("rules");
  rules_->setLineWrapMode(QPlainTextEdit::NoWrap);
  QLabel* note = plainLabel();
  setPlainText(note, tr("Each policy with everything that it extends, as a run that starts now would have it. What you "
                        "allowed comes on top; what is forbidden here is never asked."));
  auto* column = new QVBoxLayout(part);
  column->addWidget(note);
  column->addWidget(policies_);
  column->addWidget(rules_, 1);
  connect(policies_, &QComboBox::activated, this, [this] {
    askCommandLine({"policy", "show", "--origin", policies_->currentData().toString()}, &GrantsPage::showRules);
  });
  return part;
}

QString GrantsPage::title() const { return tr("Rules & grants"); }

QIcon GrantsPage::icon() const { return glyphIcon(Glyph::kGrants); }

void GrantsPage::setSeen(bool seen) {
  if (!seen) return reads_->stop();
  reads_->start();
  readGrants();
  askCommandLine({"policy", "list", "--json"}, &GrantsPage::listPolicies);
}

// ---- grants

void GrantsPage::readGrants() {
  const auto shown = ended_->isChecked() ? client::GrantsShown::kAlsoEnded : client::GrantsShown::kInForce;
  link_.ask<std::vector<client::GrantRow>>(
      this, [shown](client::Client& daemon) { return daemon.grants("", shown); },
      [this, shown](const client::Answer<std::vector<client::GrantRow>>& answer) {
        const bool isOld = (shown == client::GrantsShown::kAlsoEnded) != ended_->isChecked();
        const auto* grants = std::get_if<std::vector<client::GrantRow>>(&answer);
        if (grants == nullptr) return setPlainText(listed_, troubleOf(std::get<client::Failure>(answer)));
        if (isOld) return;
        const QModelIndex current = table_->currentIndex();
        const std::uint64_t kept = current.isValid() ? model_->grant(current.row()).id : 0;
        model_->show(*grants);
        if (const int row = model_->indexOf(kept); row >= 0) table_->setCurrentIndex(model_->index(row, 0));
        setPlainText(listed_, grants->empty() ? tr("You allowed nothing for longer than once.") : QString());
        showGrant();
      });
}

void GrantsPage::showGrant() {
  const QModelIndex current = table_->currentIndex();
  const client::GrantRow* grant = current.isValid() ? &model_->grant(current.row()) : nullptr;
  const QString text = grant != nullptr ? visibleLines(QString::fromStdString(grant->policyText)) : QString();
  if (text_->toPlainText() != text) text_->setPlainText(text);
  revoke_->setEnabled(grant != nullptr && grant->ended.empty());
}

// Taking back needs no second thought: it can be given again.
void GrantsPage::revoke() {
  const QModelIndex current = table_->currentIndex();
  if (!current.isValid()) return;
  const std::uint64_t id = model_->grant(current.row()).id;
  revoke_->setEnabled(false);
  link_.ask<std::monostate>(
      this, [id](client::Client& daemon) { return daemon.revokeGrant(id); },
      [this, id](const client::Answer<std::monostate>& answer) {
        const auto* failure = std::get_if<client::Failure>(&answer);
        tell(failure != nullptr ? troubleOf(*failure)
                                : tr("Grant %1 is revoked: what it allowed is asked again.").arg(id));
        readGrants();
      });
}

void GrantsPage::tell(const QString& words) { setPlainText(done_, words); }

// ---- rules

void GrantsPage::askCommandLine(const QStringList& words, void (GrantsPage::*told)(const QString& text)) {
  if (asking_ != nullptr) {
    asking_->disconnect(this);
    asking_->kill();
    asking_->deleteLater();
  }
  asking_ = new QProcess(this);
  QProcess* asked = asking_;
  connect(asked, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error == QProcess::FailedToStart) tell(tr("The command line %1 cannot be started.").arg(program_));
  });
  connect(asked, &QProcess::finished, this, [this, asked, told](int status, QProcess::ExitStatus how) {
    const QByteArray out = asked->readAllStandardOutput().left(kMostOutput);
    const QByteArray why = asked->readAllStandardError().left(kMostOutput);
    if (asking_ == asked) asking_ = nullptr;
    asked->deleteLater();
    const bool ok = how == QProcess::NormalExit && status == 0;
    (this->*told)(ok ? QString::fromUtf8(out) : QString());
    if (!ok) rules_->setPlainText(visibleLines(QString::fromUtf8(why)));
  });
  asked->setStandardInputFile(QProcess::nullDevice());
  asked->start(program_, words);
}

void GrantsPage::listPolicies(const QString& lines) {
  const QString kept = policies_->currentData().toString();
  policies_->clear();
  for (const QString& line : lines.split('\n', Qt::SkipEmptyParts)) {
    const QJsonObject one = QJsonDocument::fromJson(line.toUtf8()).object();
    const QString name = one.value("name").toString();
    if (name.isEmpty()) continue;
    const QString shown = visibleText(name.toStdString(), 60);
    policies_->addItem(one.value("broken").toBool() ? tr("%1 (does not load)").arg(shown) : shown, name);
  }
  const int at = policies_->findData(kept);
  policies_->setCurrentIndex(std::max(0, at));
  if (policies_->count() > 0)
    askCommandLine({"policy", "show", "--origin", policies_->currentData().toString()}, &GrantsPage::showRules);
}

void GrantsPage::showRules(const QString& text) { rules_->setPlainText(visibleLines(text)); }

}  // namespace ringfence::ui
