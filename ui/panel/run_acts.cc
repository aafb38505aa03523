#include "ui/panel/run_acts.h"

#include <QCoreApplication>

#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

constexpr int kMostName = 80;

struct Words {
  Q_DECLARE_TR_FUNCTIONS(RunActs)
};

}  // namespace

QString doneWords(client::Client::Verb verb, const QString& name, const client::Client::Acted& acted) {
  using Verb = client::Client::Verb;
  if (!acted.pausing.empty()) return Words::tr("%1 is paused as soon as it has finished something.").arg(name);
  switch (verb) {
    case Verb::kFreeze:
    case Verb::kFreezeAtOnce: return Words::tr("%1 is paused.").arg(name);
    case Verb::kResume: return Words::tr("%1 goes on.").arg(name);
    case Verb::kStop: return Words::tr("%1 was asked to end, and is killed if it does not.").arg(name);
    case Verb::kKill: return Words::tr("%1 was killed, with everything that it started.").arg(name);
  }
  return {};
}

void actOn(Sources sources, QObject* receiver, client::Client::Verb verb, const std::string& run,
           std::function<void(const QString&)> say) {
  const int index = sources.runs.indexOf(run);
  const QString name = QString::fromStdString(index < 0 ? run : sources.runs.row(index).name).left(kMostName);
  sources.link.ask<client::Client::Acted>(
      receiver, [verb, run](client::Client& daemon) { return daemon.act(verb, run); },
      [verb, name, say = std::move(say)](const client::Answer<client::Client::Acted>& answer) {
        const auto* failure = std::get_if<client::Failure>(&answer);
        say(failure == nullptr ? doneWords(verb, name, std::get<client::Client::Acted>(answer))
                               : Words::tr("Not done: %1").arg(troubleOf(*failure)));
      });
}

}  // namespace ringfence::ui
