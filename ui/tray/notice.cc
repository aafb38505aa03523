#include "ui/tray/notice.h"

#include <QCoreApplication>

#include "ui/shared/question_words.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kMostOfName = 60, kMostOfTarget = 200;
constexpr auto kReviewKey = "review", kPanelKey = "panel", kDefaultKey = "default",
               kDenyKey = "deny:", kPauseKey = "pause:";

struct NoticeWords {
  Q_DECLARE_TR_FUNCTIONS(NoticeWords)
};

QString kindSentence(const client::PendingItem& question) {
  switch (question.action.operation) {
    case client::Operation::kRead: return NoticeWords::tr("It wants to read a file.");
    case client::Operation::kWrite: return NoticeWords::tr("It wants to change a file.");
    case client::Operation::kExec: return NoticeWords::tr("It wants to run a program.");
    case client::Operation::kConnect: return NoticeWords::tr("It wants to connect to a network address.");
    case client::Operation::kCall: return NoticeWords::tr("It wants to call a tool.");
    case client::Operation::kUnknown: break;
  }
  return NoticeWords::tr("It has a question.");
}

QString asBody(const QString& text, const Abilities& abilities) {
  return abilities.bodyMarkup ? text.toHtmlEscaped() : text;
}

Urgency urgencyOf(const Setting& setting) {
  return setting.quiet == Quiet::kYes ? Urgency::kNormal : Urgency::kCritical;
}

std::string nameOf(const client::PendingItem& question) {
  return question.runName.empty() ? question.run : question.runName;
}

}  // namespace

Notice questionNotice(const std::vector<client::PendingItem>& questions, const Setting& setting) {
  const client::PendingItem& first = questions.front();
  const bool isOpen = setting.audience == Audience::kOwner;
  const int more = static_cast<int>(questions.size()) - 1;
  QStringList lines{isOpen ? NoticeWords::tr("It wants to %1.").arg(questionLine(first, kMostOfTarget))
                           : kindSentence(first)};
  if (more > 0) lines += NoticeWords::tr("More questions of it: %n.", nullptr, more);
  Notice notice{.summary = NoticeWords::tr("%1 waits for your answer").arg(visibleText(nameOf(first), kMostOfName)),
                .body = asBody(lines.join('\n'), setting.abilities),
                .urgency = urgencyOf(setting),
                .isResident = true,
                .category = "x-ringfence.approval"};
  // Nothing is decided by whoever passes by a locked screen.
  if (setting.abilities.actions && isOpen) {
    const QString deny = kDenyKey + QString::number(first.id) + ':' + QString::fromStdString(first.digest);
    notice.actions = {kDefaultKey,
                      NoticeWords::tr("Review"),
                      kReviewKey,
                      NoticeWords::tr("Review"),
                      deny,
                      more > 0 ? NoticeWords::tr("Deny this one") : NoticeWords::tr("Deny"),
                      kPauseKey + QString::fromStdString(first.run),
                      NoticeWords::tr("Pause agent")};
  }
  return notice;
}

Notice heldNotice(const client::RunDetails& run, const Setting& setting) {
  const bool isOpen = setting.audience == Audience::kOwner && run.held && !run.held->reason.empty();
  Notice notice{.summary = NoticeWords::tr("%1 is paused and waits for you")
                               .arg(visibleText(run.name.empty() ? run.id : run.name, kMostOfName)),
                .body = isOpen ? asBody(visibleText(run.held->reason, kMostOfTarget), setting.abilities) : QString(),
                .isResident = true,
                .category = "x-ringfence.held"};
  if (setting.abilities.actions && setting.audience == Audience::kOwner)
    notice.actions = {kPanelKey, NoticeWords::tr("Open panel")};
  return notice;
}

Notice stopNotice(const client::StopState& stop, const Setting& setting) {
  const bool isOpen = setting.audience == Audience::kOwner && !stop.trigger.empty();
  const QString text =
      isOpen ? NoticeWords::tr("Every agent stands still, stopped by: %1. Nothing goes on until somebody re-arms.")
                   .arg(visibleText(stop.trigger, kMostOfTarget))
             : NoticeWords::tr("Every agent stands still. Nothing goes on until somebody re-arms.");
  Notice notice{.summary = NoticeWords::tr("Emergency stop"),
                .body = asBody(text, setting.abilities),
                .urgency = urgencyOf(setting),
                .isResident = true,
                .category = "x-ringfence.stop"};
  if (setting.abilities.actions && setting.audience == Audience::kOwner)
    notice.actions = {kPanelKey, NoticeWords::tr("Open panel")};
  return notice;
}

Notice failureNotice(const QString& why, const Setting& setting) {
  return {.summary = NoticeWords::tr("Ringfence could not do that"),
          .body = setting.audience == Audience::kOwner ? asBody(why, setting.abilities) : QString(),
          .category = "x-ringfence.trouble"};
}

std::optional<Wish> wishOf(const QString& actionKey) {
  if (actionKey == kDefaultKey || actionKey == kReviewKey) return Review{};
  if (actionKey == kPanelKey) return OpenPanel{};
  if (actionKey.startsWith(kPauseKey)) {
    std::string run = actionKey.mid(qstrlen(kPauseKey)).toStdString();
    return run.empty() ? std::nullopt : std::optional<Wish>(PauseRun{std::move(run)});
  }
  if (!actionKey.startsWith(kDenyKey)) return std::nullopt;
  const QStringList parts = actionKey.mid(qstrlen(kDenyKey)).split(':');
  bool isNumber = false;
  const std::uint64_t question = parts[0].toULongLong(&isNumber);
  if (parts.size() != 2 || !isNumber || parts[1].isEmpty()) return std::nullopt;
  return DenyOne{question, parts[1].toStdString()};
}

}  // namespace ringfence::ui
