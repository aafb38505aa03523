#include "ui/panel/policies_page.h"

#include <QDir>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QSaveFile>
#include <QSignalBlocker>
#include <QSplitter>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/panel/beside.h"
#include "ui/panel/plain_label.h"
#include "ui/shared/flow_layout.h"
#include "ui/shared/glyphs.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr qint64 kMostBytes = 256 << 10;  // of a policy, as its reader has it
constexpr int kNameRole = Qt::UserRole;

struct ReadFile {
  QString text, trouble;
};

ReadFile readFile(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return {{}, file.errorString()};
  if (file.size() > kMostBytes) return {{}, PoliciesPage::tr("It is longer than a policy may be.")};
  return {QString::fromUtf8(file.readAll()), {}};
}

// Whole or not at all; empty: done.
QString writeFile(const QString& path, const QString& text) {
  if (!QDir().mkpath(QFileInfo(path).path())) return PoliciesPage::tr("The directory cannot be made.");
  QSaveFile file(path);
  const QByteArray bytes = text.toUtf8();
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.commit())
    return file.errorString();
  return {};
}

QTreeWidget* table(const QString& name, const QStringList& columns) {
  auto* tree = new QTreeWidget;
  tree->setHeaderLabels(columns);
  tree->setRootIsDecorated(false);
  tree->setUniformRowHeights(true);
  tree->setAlternatingRowColors(true);
  tree->setAllColumnsShowFocus(true);
  tree->setAccessibleName(name);
  return tree;
}

}  // namespace

PoliciesPage::PoliciesPage(Sources sources, const QString& ownDirectory)
    : sources_(sources),
      ownDirectory_(ownDirectory.isEmpty() ? QDir::homePath() + QStringLiteral("/.config/ringfence/policies")
                                           : ownDirectory),
      lister_(new ProgramCall(this)),
      check_(new PolicyCheck(this)),
      list_(table(tr("Policies"), {tr("Policy"), tr("Used by"), tr("Whose"), tr("What it is for")})),
      problems_(table(tr("Problems"), {tr("Line"), tr("What is wrong"), tr("Help")})),
      editor_(new PolicyEditor),
      where_(plainLabel()),
      said_(plainLabel()),
      newName_(new QLineEdit),
      save_(new QPushButton(tr("Save"))),
      insist_(new QPushButton(tr("Save although it does not load"))),
      revert_(new QPushButton(tr("Discard changes"))),
      copy_(new QPushButton(tr("Copy to my policies"))) {
  auto* split = new QSplitter(Qt::Vertical);
  split->addWidget(buildList());
  split->addWidget(buildEditor());
  split->setStretchFactor(0, 1);
  split->setStretchFactor(1, 3);
  auto* column = new QVBoxLayout(this);
  column->addWidget(split);
  listen();
  choose({});
}

QString PoliciesPage::title() const { return tr("Policies"); }

QIcon PoliciesPage::icon() const { return glyphIcon(Glyph::kPolicies); }

QWidget* PoliciesPage::buildList() {
  list_->header()->setStretchLastSection(true);
  return list_;
}

QWidget* PoliciesPage::buildEditor() {
  newName_->setAccessibleName(tr("Name of the copy"));
  newName_->setPlaceholderText(tr("Name of the copy"));
  said_->setAccessibleName(tr("Result"));
  where_->setAccessibleName(tr("File"));
  problems_->header()->setStretchLastSection(true);
  auto* buttons = new FlowLayout;
  for (QPushButton* button : {save_, insist_, revert_}) buttons->addWidget(button);
  buttons->addWidget(newName_);
  buttons->addWidget(copy_);
  auto* lower = new QSplitter(Qt::Vertical);
  lower->addWidget(editor_);
  lower->addWidget(problems_);
  lower->setStretchFactor(0, 4);
  lower->setStretchFactor(1, 1);
  auto* box = new QWidget;
  auto* column = new QVBoxLayout(box);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(where_);
  column->addWidget(lower, 1);
  column->addWidget(said_);
  column->addLayout(buttons);
  return box;
}

void PoliciesPage::listen() {
  connect(lister_, &ProgramCall::finished, this, &PoliciesPage::takeList);
  connect(check_, &PolicyCheck::checked, this, &PoliciesPage::takeCheck);
  connect(check_, &PolicyCheck::failed, this, [this](const QString& why) {
    isSaveWanted_ = false;
    said_->setText(tr("It could not be checked: %1").arg(why));
    showButtons();
  });
  connect(&sources_.runs, &RunsModel::updated, this, &PoliciesPage::showUses);
  connect(list_, &QTreeWidget::currentItemChanged, this, [this](QTreeWidgetItem* item) {
    if (item != nullptr) choose(item->data(0, kNameRole).toString());
  });
  connect(problems_, &QTreeWidget::itemActivated, this, [this](QTreeWidgetItem* item) {
    const int row = problems_->indexOfTopLevelItem(item);
    if (!result_ || row < 0 || static_cast<std::size_t>(row) >= result_->problems.size()) return;
    const PolicyProblem& problem = result_->problems[static_cast<std::size_t>(row)];
    if (problem.line > 0) editor_->goTo(problem.line, problem.column);
  });
  connect(editor_, &QPlainTextEdit::textChanged, this, &PoliciesPage::textChanged);
  connect(newName_, &QLineEdit::textChanged, this, &PoliciesPage::showButtons);
  connect(save_, &QPushButton::clicked, this, &PoliciesPage::save);
  connect(insist_, &QPushButton::clicked, this, &PoliciesPage::insist);
  connect(revert_, &QPushButton::clicked, this, [this] { editor_->setPlainText(drafts_[chosen_].saved); });
  connect(copy_, &QPushButton::clicked, this, &PoliciesPage::copy);
}

void PoliciesPage::setSeen(bool seen) {
  isSeen_ = seen;
  if (!seen) {
    lister_->cancel();
    return;
  }
  lister_->start({QStringLiteral("policy"), QStringLiteral("list"), QStringLiteral("--json")});
}

bool PoliciesPage::isName(const QString& name) {
  static const QRegularExpression kName(QStringLiteral("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"));
  return kName.match(name).hasMatch();
}

bool PoliciesPage::isOwn(const ListedPolicy& policy) const { return policy.file.startsWith(ownDirectory_ + u'/'); }

const ListedPolicy* PoliciesPage::find(const QString& name) const {
  const auto found = std::ranges::find(listed_, name, &ListedPolicy::name);
  return found == listed_.end() ? nullptr : &*found;
}

void PoliciesPage::takeList(const ProgramCall::Outcome& told) {
  if (!told.trouble.isEmpty() || told.status != 0) {
    const QString why = told.trouble.isEmpty() ? visibleText(told.err.toStdString(), 500) : told.trouble;
    return said_->setText(tr("The policies cannot be listed: %1").arg(why));
  }
  listed_ = listedPolicies(told.out);
  std::vector<ListedPolicy> own;
  std::ranges::copy_if(listed_, std::back_inserter(own), [this](const ListedPolicy& one) { return isOwn(one); });
  check_->setOwn(own);
  const QSignalBlocker quiet(list_);
  list_->clear();
  for (const ListedPolicy& policy : listed_) {
    const QString summary = policy.isBroken ? tr("DOES NOT LOAD: %1").arg(policy.summary) : policy.summary;
    auto* item = new QTreeWidgetItem(
        {visibleText(policy.name.toStdString()), {}, isOwn(policy) ? tr("yours") : tr("read-only"), summary});
    item->setData(0, kNameRole, policy.name);
    item->setToolTip(3, toolTipOf(visibleText(policy.file.toStdString())));
    list_->addTopLevelItem(item);
    if (policy.name == chosen_) list_->setCurrentItem(item);
  }
  list_->resizeColumnToContents(0);
  list_->resizeColumnToContents(2);
  showUses();
  showButtons();
}

void PoliciesPage::showUses() {
  if (!isSeen_) return;
  std::map<std::string, QStringList> users;
  for (int row = 0; row < sources_.runs.rowCount(); ++row) {
    const top::Row& run = sources_.runs.row(row);
    const client::RunDetails* details = sources_.runs.details(run.run);
    if (details != nullptr) users[details->policyName] += QString::fromStdString(run.name);
  }
  for (int row = 0; row < list_->topLevelItemCount(); ++row) {
    QTreeWidgetItem* item = list_->topLevelItem(row);
    const QStringList& names = users[item->data(0, kNameRole).toString().toStdString()];
    item->setText(1, names.isEmpty() ? tr("nobody now") : tr("%n agents", nullptr, static_cast<int>(names.size())));
    item->setToolTip(1, toolTipOf(names.join(QStringLiteral(", "))));
  }
}

void PoliciesPage::choose(const QString& name) {
  if (isSaving_) return;
  chosen_ = name;
  isSaveWanted_ = false;
  result_.reset();
  check_->clear();
  said_->clear();
  const ListedPolicy* policy = find(name);
  if (policy == nullptr) {
    where_->setText(tr("Choose a policy above."));
    return show({});
  }
  const QString file = visibleText(policy->file.toStdString());
  where_->setText(isOwn(*policy) ? tr("%1, which you may change").arg(file)
                                 : tr("%1, which is read-only: copy it to change it").arg(file));
  newName_->setText(QStringLiteral("my-%1").arg(name));
  const auto draft = drafts_.find(name);
  if (draft != drafts_.end() && draft->second.text != draft->second.saved) return show(draft->second.text);
  beside<ReadFile>(
      this, [path = policy->file] { return readFile(path); },
      [this, name](const ReadFile& read) {
        if (name != chosen_) return;
        if (!read.trouble.isEmpty()) {
          show({});
          return said_->setText(tr("It cannot be read: %1").arg(read.trouble));
        }
        drafts_[name] = {read.text, read.text};
        show(read.text);
      });
}

void PoliciesPage::show(const QString& text) {
  isShowing_ = true;
  editor_->setPlainText(text);
  isShowing_ = false;
  const ListedPolicy* policy = find(chosen_);
  editor_->setReadOnly(policy == nullptr || !isOwn(*policy));
  editor_->setProblems({});
  problems_->clear();
  result_.reset();
  if (policy != nullptr) check_->setText(chosen_, text);
  showButtons();
}

void PoliciesPage::textChanged() {
  if (isShowing_ || chosen_.isEmpty() || drafts_[chosen_].text == editor_->toPlainText()) return;
  drafts_[chosen_].text = editor_->toPlainText();
  result_.reset();
  isSaveWanted_ = false;
  said_->setText(tr("Checking…"));
  check_->setText(chosen_, drafts_[chosen_].text);
  showButtons();
}

void PoliciesPage::takeCheck(const CheckResult& result) {
  result_ = result;
  editor_->setProblems(result.problems);
  problems_->clear();
  for (const PolicyProblem& problem : result.problems) {
    const QString message =
        problem.weight == PolicyProblem::Weight::kWarning ? tr("warning: %1").arg(problem.message) : problem.message;
    problems_->addTopLevelItem(
        new QTreeWidgetItem({problem.line > 0 ? QString::number(problem.line) : QString(), message, problem.help}));
  }
  problems_->resizeColumnToContents(1);
  said_->setText(result.isGood
                     ? tr("It loads.")
                     : tr("It does not load: %n problems.", nullptr, static_cast<int>(result.problems.size())));
  showButtons();
  if (std::exchange(isSaveWanted_, false)) save();
}

bool PoliciesPage::isChanged() const {
  const auto draft = drafts_.find(chosen_);
  return draft != drafts_.end() && draft->second.text != draft->second.saved;
}

void PoliciesPage::showButtons() {
  const ListedPolicy* policy = find(chosen_);
  const bool mayWrite = policy != nullptr && isOwn(*policy) && !isSaving_;
  save_->setEnabled(mayWrite && isChanged());
  revert_->setEnabled(mayWrite && isChanged());
  insist_->setVisible(mayWrite && isChanged() && result_ && !result_->isGood);
  copy_->setEnabled(policy != nullptr && isName(newName_->text()) && find(newName_->text()) == nullptr);
}

void PoliciesPage::save() {
  if (check_->isPending()) {  // Its answer decides.
    isSaveWanted_ = true;
    return said_->setText(tr("Checking before it is saved…"));
  }
  if (!result_ || !result_->isGood)
    return said_->setText(tr("NOT saved, because it does not load: the previous version stays in force."));
  write();
}

void PoliciesPage::insist() { write(); }

void PoliciesPage::write() {
  const ListedPolicy* policy = find(chosen_);
  if (policy == nullptr || !isOwn(*policy)) return;
  isSaving_ = true;
  showButtons();
  const QString text = editor_->toPlainText();
  const bool isGood = result_ && result_->isGood;
  beside<QString>(
      this, [path = policy->file, text] { return writeFile(path, text); },
      [this, name = chosen_, text, isGood](const QString& trouble) {
        isSaving_ = false;
        if (!trouble.isEmpty()) {
          showButtons();
          return said_->setText(tr("NOT saved: %1. The previous version stays in force.").arg(trouble));
        }
        drafts_[name].saved = text;
        said_->setText(isGood ? tr("Saved. Agents that run keep the rules that they started with.")
                              : tr("Saved although it does not load: agents that run keep their rules, and no new one "
                                   "starts with it until it does."));
        setSeen(isSeen_);
        showButtons();
      });
}

void PoliciesPage::copy() {
  const QString name = newName_->text();
  if (!isName(name) || find(name) != nullptr) return;
  // Its own name in the text, where there is one at the start of a line.
  static const QRegularExpression kNameLine(QStringLiteral("^name\\s*=\\s*\"[^\"\\n]*\""),
                                            QRegularExpression::MultilineOption);
  QString text = editor_->toPlainText();
  const QRegularExpressionMatch match = kNameLine.match(text);
  if (match.hasMatch())
    text.replace(match.capturedStart(), match.capturedLength(), QStringLiteral("name = \"%1\"").arg(name));
  createIn(name, text);
}

void PoliciesPage::createIn(const QString& name, const QString& text) {
  const QString path = QStringLiteral("%1/%2.toml").arg(ownDirectory_, name);
  beside<QString>(
      this,
      [path, text] {
        return QFileInfo::exists(path) ? PoliciesPage::tr("It is there already.") : writeFile(path, text);
      },
      [this, name, path](const QString& trouble) {
        if (!trouble.isEmpty()) return said_->setText(tr("NOT copied: %1").arg(trouble));
        listed_.push_back({name, path, {}, false});
        choose(name);
        setSeen(isSeen_);
        said_->setText(tr("Copied to %1.").arg(visibleText(path.toStdString())));
      });
}

}  // namespace ringfence::ui
