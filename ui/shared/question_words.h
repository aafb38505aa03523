// A question in words for people: made from what the kernel was asked to do, never from what the agent says of it. What
// is an agent's own is escaped, and what it calls itself is quoted. All texts are plain text. Pure.
#pragma once

#include <QDateTime>
#include <QString>
#include <QStringList>
#include <optional>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::ui {

// What kind of thing is asked, for grouping.
enum class QuestionKind { kFiles, kPrograms, kNetwork, kUnknown };
QuestionKind kindOf(const client::PendingItem& item);

// "coder", or the id of a run that has no name.
QString askerName(const client::PendingItem& item);
// "coder (r-0123456789abcdef, project webapp) wants to delete /home/ada/Documents/a". `run`: where its project is known
// from; may be null.
QString questionSentence(const client::PendingItem& item, const client::RunDetails* run);
// The same without who, not longer than `most` characters, for a line of a list: "delete /home/ada/Documents/a".
QString questionLine(const client::PendingItem& item, int most);

// All that would happen, exactly: each action of the card with its program, arguments, paths, and nothing cut off. A
// line break never stands for one of the agent's, which is shown as \n; long lines are broken.
QString exactText(const client::PendingItem& item);

// Why it asks: the rule with file:line and its own words, or that no rule covers this.
QString ruleWords(const client::PendingItem& item);
// "“git” (41), started by “bash” (7)": processes name themselves, so their names are quotations.
QString chainWords(const client::PendingItem& item);
QString reversibilityWords(client::Reversibility reversible);
// What allowing it permits beyond what is shown, for that long.
QString beyondWords(const client::PendingItem& item, client::Scope scope);
// "waits for 2 minutes"
QString ageWords(const client::PendingItem& item, const QDateTime& now);
// "denied, this once, in 8 minutes if nobody answers"
QString deadlineWords(const client::PendingItem& item, const QDateTime& now);

QString scopeWords(client::Scope scope);
QString settlementWords(client::Settlement settlement);
// The text that allowing it for so long writes; empty: it is not offered.
QString literalRule(const client::PendingItem& item, client::Scope scope);

// What destroys something and cannot be taken back is allowed by holding the button, everything else by a click.
enum class Confirmation { kClick, kHold };
Confirmation confirmationOf(const client::PendingItem& item);

// Why the question cannot be allowed here at all, and what to do instead; empty: it can.
QString whyNotHere(const client::PendingItem& item);
// The command that allows it elsewhere, for this question as it is now.
QString terminalCommand(const client::PendingItem& item);

// How long something takes, in the two largest units: "1 h 5 min", "48 s".
QString durationWords(qint64 seconds);

}  // namespace ringfence::ui
