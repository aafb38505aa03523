#include "ui/shared/questions_model.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <algorithm>
#include <map>
#include <tuple>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kLineWidth = 160;
constexpr std::chrono::hours kPast{24};

// The log has text that is no UTF-8 as {"base64": …}.
std::string bytesOf(const QJsonValue& value) {
  if (value.isObject())
    return QByteArray::fromBase64(value.toObject().value("base64").toString().toLatin1()).toStdString();
  return value.toString().toStdString();
}

template <typename Word>
Word wordOf(const QJsonValue& value, std::initializer_list<std::pair<const char*, Word>> words) {
  for (const auto& [name, word] : words) {
    if (value.toString() == QLatin1String(name)) return word;
  }
  return Word{};
}

client::PendingItem itemOf(const client::LogLine& line, const QJsonObject& body) {
  client::PendingItem item;
  item.id = static_cast<std::uint64_t>(body.value("id").toInteger());
  item.run = line.run;
  item.asked = line.at;
  item.digest = body.value("digest").toString().toStdString();
  const QJsonObject action = body.value("action").toObject();
  using client::Operation;
  using client::Reversibility;
  item.action.operation = wordOf<Operation>(action.value("op"), {{"read", Operation::kRead},
                                                                 {"write", Operation::kWrite},
                                                                 {"exec", Operation::kExec},
                                                                 {"connect", Operation::kConnect},
                                                                 {"call", Operation::kCall}});
  item.reversible =
      wordOf<Reversibility>(action.value("reversible"), {{"undoable", Reversibility::kUndoable},
                                                         {"irreversible", Reversibility::kIrreversible},
                                                         {"leaves-device", Reversibility::kLeavesDevice}});
  item.action.target = bytesOf(action.value("target"));
  item.action.second = bytesOf(action.value("second"));
  item.action.cwd = bytesOf(action.value("cwd"));
  item.action.what = bytesOf(action.value("what"));
  item.chainNote = bytesOf(action.value("chain_note"));
  for (const QJsonValue& word : action.value("argv").toArray()) item.action.argv.push_back(bytesOf(word));
  for (const QJsonValue& link : action.value("chain").toArray()) {
    const QJsonObject one = link.toObject();
    item.chain.push_back({one.value("pid").toInt(), bytesOf(one.value("name"))});
  }
  const QJsonObject rule = body.value("rule").toObject();
  const std::string file = bytesOf(rule.value("file"));
  if (!file.empty())
    item.rule =
        client::RuleText{file, static_cast<std::uint32_t>(rule.value("line").toInt()), bytesOf(rule.value("source"))};
  item.why = bytesOf(rule.value("why"));
  return item;
}

client::Settlement settlementOf(const QJsonValue& outcome) {
  using client::Settlement;
  return wordOf<Settlement>(outcome, {{"allowed", Settlement::kAllowed},
                                      {"denied", Settlement::kDenied},
                                      {"rewritten", Settlement::kRewritten},
                                      {"expired", Settlement::kExpired},
                                      {"stopped", Settlement::kStopped},
                                      {"withdrawn", Settlement::kWithdrawn}});
}

void mark(Question& question, client::Settlement settlement, const QDateTime& at) {
  question.settlement = settlement;
  question.state = settlement == client::Settlement::kExpired ? Question::State::kMissed : Question::State::kSettled;
  question.settledAt = at;
}

QString lineOf(const Question& question) {
  const QString deed = questionLine(question.item, kLineWidth);
  if (question.state == Question::State::kWaits)
    return QuestionsModel::tr("%1 waits for you: %2").arg(askerName(question.item), deed);
  return QuestionsModel::tr("%1: %2 (%3)").arg(askerName(question.item), deed, settlementWords(question.settlement));
}

client::Answer<std::vector<client::LogLine>> readLog(client::Client& daemon) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch() - kPast);
  const auto begun = daemon.beginLog("", 0, false, since);
  if (const auto* failure = std::get_if<client::Failure>(&begun)) return *failure;
  std::vector<client::LogLine> lines;
  for (;;) {
    auto next = daemon.nextLogLine();
    if (auto* failure = std::get_if<client::Failure>(&next)) return std::move(*failure);
    auto& line = std::get<0>(next);
    if (!line) return lines;
    if (line->kind != "action-asked" && line->kind != "action-answered") continue;
    // As many as can become questions that are kept, and those that still wait.
    if (lines.size() > 4 * QuestionsModel::kMostPast)
      lines.erase(lines.begin(), lines.begin() + 2 * QuestionsModel::kMostPast);
    lines.push_back(std::move(*line));
  }
}

}  // namespace

std::vector<Question> pastQuestions(const std::vector<client::LogLine>& lines) {
  std::map<std::uint64_t, client::PendingItem> asked;
  std::vector<Question> past;
  for (const client::LogLine& line : lines) {
    const QJsonObject body = QJsonDocument::fromJson(QByteArray::fromStdString(line.bodyJson)).object();
    const auto id = static_cast<std::uint64_t>(body.value("id").toInteger());
    if (line.kind == "action-asked") {
      asked.insert_or_assign(id, itemOf(line, body));
    } else if (line.kind == "action-answered") {
      const auto found = asked.find(id);
      if (found == asked.end()) continue;
      Question question{std::move(found->second), {}, {}, {}};
      asked.erase(found);
      mark(question, settlementOf(body.value("outcome")),
           QDateTime::fromString(QString::fromStdString(line.at), Qt::ISODateWithMs));
      past.push_back(std::move(question));
    }
  }
  std::ranges::reverse(past);
  if (past.size() > QuestionsModel::kMostPast) past.resize(QuestionsModel::kMostPast);
  return past;
}

QuestionsModel::QuestionsModel(QObject* parent) : QAbstractListModel(parent) {}

int QuestionsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(questions_.size());
}

QVariant QuestionsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Question& question = this->question(index.row());
  switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole: return lineOf(question);
    case kIdRole: return QVariant::fromValue<qulonglong>(question.item.id);
    case kRunRole: return QString::fromStdString(question.item.run);
    case kStateRole: return static_cast<int>(question.state);
    default: return {};
  }
}

const client::PendingItem* QuestionsModel::pending(std::uint64_t id) const {
  const int row = indexOf(id);
  return row >= 0 && row < waiting_ ? &question(row).item : nullptr;
}

int QuestionsModel::indexOf(std::uint64_t id) const {
  const auto found = std::ranges::find(questions_, id, [](const Question& question) { return question.item.id; });
  return found == questions_.end() ? -1 : static_cast<int>(found - questions_.begin());
}

std::vector<client::PendingItem> QuestionsModel::answerable(const QList<int>& rows) const {
  std::vector<client::PendingItem> items;
  for (const int row : rows) {
    if (row < 0 || row >= waiting_) continue;
    if (!items.empty() && items.front().run != question(row).item.run) return {};
    items.push_back(question(row).item);
  }
  return items;
}

void QuestionsModel::readPast(Link& link) {
  link.ask<std::vector<client::LogLine>>(
      this, readLog,
      [this](const client::Answer<std::vector<client::LogLine>>& answer) {
        // What happened before is then simply not there; what is wrong with the daemon is told elsewhere.
        if (const auto* lines = std::get_if<std::vector<client::LogLine>>(&answer)) takePast(pastQuestions(*lines));
      },
      Link::Lane::kReports);
}

void QuestionsModel::take(const std::vector<client::PendingEvent>& events, bool fresh) {
  std::vector<client::PendingItem> arrivals;
  std::vector<Question> settlements;
  beginResetModel();
  known_ = true;
  std::vector<std::uint64_t> before;
  for (int row = 0; row < waiting_; ++row) before.push_back(question(row).item.id);
  if (fresh) std::erase_if(questions_, [](const Question& one) { return one.state == Question::State::kWaits; });
  for (const client::PendingEvent& event : events) {
    if (const auto* item = std::get_if<client::PendingItem>(&event)) {
      const bool isKnown = std::ranges::find(before, item->id) != before.end();
      put(*item);
      if (!isKnown) {
        arrivals.push_back(*item);
        before.push_back(item->id);
      }
    } else {
      const auto& gone = std::get<client::PendingGone>(event);
      settle(gone);
      const int row = indexOf(gone.id);
      if (row >= 0) settlements.push_back(question(row));
    }
  }
  sort();
  endResetModel();
  for (const Question& question : settlements) emit settled(question);
  for (const client::PendingItem& item : arrivals) {
    if (pending(item.id) != nullptr) emit arrived(item);
  }
  emit updated();
}

void QuestionsModel::put(const client::PendingItem& item) {
  const auto found = std::ranges::find(questions_, item.id, [](const Question& one) { return one.item.id; });
  if (found == questions_.end())
    questions_.push_back({item, Question::State::kWaits, {}, {}});
  else
    *found = {item, Question::State::kWaits, {}, {}};
}

// Each question of a card is told as settled under its own number; the card is shown under that of the first.
void QuestionsModel::settle(const client::PendingGone& gone) {
  const int row = indexOf(gone.id);
  if (row < 0) return;
  const auto settled = questions_.begin() + row;
  mark(*settled, gone.settlement, QDateTime::currentDateTimeUtc());
  // In front of what was settled in the same millisecond before.
  std::rotate(questions_.begin(), settled, settled + 1);
}

void QuestionsModel::takePast(std::vector<Question> past) {
  beginResetModel();
  for (Question& question : past) {
    const int row = indexOf(question.item.id);
    if (row < 0)
      questions_.push_back(std::move(question));
    else if (row < waiting_)  // It was settled while nobody watched.
      mark(questions_[static_cast<std::size_t>(row)], question.settlement, question.settledAt);
  }
  sort();
  endResetModel();
  emit updated();
}

void QuestionsModel::sort() {
  const auto place = [](const Question& one) {
    const bool waits = one.state == Question::State::kWaits;
    const std::string run = waits ? one.item.runName + '\0' + one.item.run : std::string();
    const int kind = waits ? static_cast<int>(kindOf(one.item)) : 0;
    const qint64 newestFirst = waits ? 0 : -one.settledAt.toMSecsSinceEpoch();
    const std::uint64_t id = waits ? one.item.id : 0;
    return std::tuple(!waits, run, kind, newestFirst, id);
  };
  std::ranges::stable_sort(questions_, {}, place);
  waiting_ = static_cast<int>(std::ranges::count(questions_, Question::State::kWaits, &Question::state));
  const std::size_t most = static_cast<std::size_t>(waiting_) + kMostPast;
  if (questions_.size() > most) questions_.resize(most);
}

}  // namespace ringfence::ui
