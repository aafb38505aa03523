// What the buttons of a run do, and the sentence that says what became of it.
#pragma once

#include <QString>
#include <functional>
#include <string>

#include "ui/panel/sources.h"

namespace ringfence::ui {

// "coder is paused."
QString doneWords(client::Client::Verb verb, const QString& name, const client::Client::Acted& acted);

// `say` is called with what became of it, in the receiver's thread, unless the receiver is gone.
void actOn(Sources sources, QObject* receiver, client::Client::Verb verb, const std::string& run,
           std::function<void(const QString&)> say);

}  // namespace ringfence::ui
