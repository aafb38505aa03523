#include "ui/tray/focus_report.h"

#include <QTimer>
#include <algorithm>

namespace ringfence::ui {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

FocusReport::FocusReport(Link& link, QObject* parent) : QObject(parent), link_(link), timer_(new QTimer(this)) {
  timer_->setSingleShot(true);
  connect(timer_, &QTimer::timeout, this, [this] {
    tell(pace_.elapse(steady_clock::now()));
    wakeWhenDue();
  });
}

void FocusReport::show(FrontProcess front) {
  front_ = front;
  isKnown_ = true;
  tell(pace_.change(front, steady_clock::now()));
  wakeWhenDue();
}

void FocusReport::tellAgain() {
  if (!isKnown_) return;
  pace_ = {};
  show(front_);
}

void FocusReport::end(const std::function<void()>& then) {
  timer_->stop();
  if (!isKnown_) return then();
  QTimer::singleShot(500ms, this, then);
  link_.ask<client::FocusAnswer>(
      this, [](client::Client& daemon) { return daemon.clearFocus(); }, [then](const auto&) { then(); });
}

void FocusReport::wakeWhenDue() {
  const auto due = pace_.due();
  if (!due) return timer_->stop();
  const auto wait = std::max(*due - steady_clock::now(), steady_clock::duration(1ms));
  timer_->start(std::chrono::ceil<std::chrono::milliseconds>(wait));
}

void FocusReport::tell(const std::optional<FrontProcess>& front) {
  if (!front) return;
  link_.ask<client::FocusAnswer>(
      this, [pid = *front](client::Client& daemon) { return pid ? daemon.setFocus(*pid) : daemon.clearFocus(); },
      [this, asked = *front](const client::Answer<client::FocusAnswer>& answer) {
        // Somebody else changed it just now ("ringfence focus"). Any other refusal is of that process, and final.
        const auto* failure = std::get_if<client::Failure>(&answer);
        if (failure == nullptr || !failure->refusal || failure->error.code != ErrorCode::kBusy || asked != front_)
          return;
        pace_.repeat();
        wakeWhenDue();
      });
}

}  // namespace ringfence::ui
