// What the helper knows of daemon and emergency stop, and hears without sampling: the stream of questions, and the log,
// of which a fact that changes what runs makes it ask once for the runs. A daemon that hangs or is gone tells of no
// stop: while agents are there, or nobody knows whether they are, ringfence-stop is asked every five seconds. Without
// agents nothing is asked while nothing happens.
#pragma once

#include <QObject>
#include <QTimer>
#include <map>
#include <vector>

#include "ui/shared/link.h"
#include "ui/shared/stop_link.h"
#include "ui/tray/standing.h"

namespace ringfence::ui {

class Situation final : public QObject {
  Q_OBJECT

 public:
  // Both are borrowed, outlive it, and are watched from now on.
  Situation(Link& link, StopLink& stop, QObject* parent = nullptr);

  Standing standing() const { return standingOf(heard_); }
  const std::optional<client::RunListing>& listing() const { return heard_.listing; }
  // Those that wait, the oldest first. Of a daemon that went away: those that waited, and wait for it.
  std::vector<client::PendingItem> questions() const;
  // Of the emergency stop, as far as it is known.
  client::StopState stop() const;
  // Asks daemon and emergency stop again, once.
  void lookAgain();

 signals:
  void changed();

 private:
  void hearQuestions(const std::vector<client::PendingEvent>& events, bool fresh);
  void hearLines(const LogLines& lines);
  void hearStop(const QByteArray& json);
  void hearNoStop();
  void askStopLater();
  void askForRuns();

  Link& link_;
  StopLink& stop_;
  Heard heard_;
  std::map<std::uint64_t, client::PendingItem> questions_;
  client::StopState stopSaid_;  // by ringfence-stop
  QTimer stopAgain_;            // is asked how it stands
  bool isAsking_ = false;
  bool isOutdated_ = false;  // something changed while the runs were asked for
};

}  // namespace ringfence::ui
