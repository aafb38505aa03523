// A phrase that a person chose and every genuine prompt shows, so that a window that imitates one is known by what it
// lacks. Kept in ~/.config/ringfence/phrase, for the person alone: nothing in a run can be given that folder
// (SECURITY.md); a program of theirs outside could read it.
#pragma once

#include <QString>

namespace ringfence::ui {

struct Phrase {
  QString text;     // empty: none is chosen, or it does not count
  QString trouble;  // why it does not count, for people
};

QString phrasePath();
// Counts only when the file is a plain one of this user, whom nobody else may read or write.
Phrase readPhrase(const QString& path = phrasePath());
// Why it cannot be one, for people; empty: it can.
QString whyNoPhrase(const QString& text);
// Replaces it; an empty text removes it. What failed, for people; empty: nothing.
QString writePhrase(const QString& text, const QString& path = phrasePath());

}  // namespace ringfence::ui
