#include "ui/top/live.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "ui/cli/output.h"

namespace ringfence::top {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kAnswerPatience{5};  // then what was known is not shown any more
constexpr int kTurnMs = 1000;                       // to notice that nothing comes
constexpr int kEnding[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

sigset_t handledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kEnding) sigaddset(&set, number);
  for (const int number : {SIGTSTP, SIGCONT, SIGWINCH}) sigaddset(&set, number);
  return set;
}

[[noreturn]] void endBy(int number) {
  (void)::signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  (void)::raise(number);
  (void)::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  std::_Exit(128 + number);
}

class Live {
 public:
  Live(Screen screen, Feed feed, UniqueFd signals, SortKey key)
      : screen_(std::move(screen)), feed_(std::move(feed)), signals_(std::move(signals)), control_(key) {}

  // The signal that ends it, or 0.
  int run() {
    while (!over_) {
      draw();
      std::array<pollfd, 3> polls{{{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}, {feed_.fd(), POLLIN, 0}}};
      if (::poll(polls.data(), polls.size(), kTurnMs) < 0 && errno != EINTR) break;
      if ((polls[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return SIGHUP;
      takeNews();
      takeSignals();
      takeKeys();
    }
    return endedBy_;
  }

 private:
  void draw() {
    const Size size = screen_.size();
    if (trouble_.empty()) control_.see(view_, tableRows(view_, size));
    screen_.draw(frameOf(view_, control_, trouble_, size));
  }

  void takeNews() {
    Feed::News news = feed_.take();
    for (std::string& said : news.said) control_.say(std::move(said));
    if (news.trouble) trouble_ = *std::move(news.trouble);
    if (news.reading) {
      if (readings_.size() == kReadingsKept) readings_.erase(readings_.begin());
      readings_.push_back(*std::move(news.reading));
    }
    if (news.reading || news.trouble) heard_ = steady_clock::now();
    const auto silent = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - heard_);
    if (silent >= kAnswerPatience) {
      trouble_ = "The daemon has not answered for " + std::to_string(silent.count()) +
                 " s. Nothing is known of the runs meanwhile; they stay inside their walls.";
    }
    // What was is not what is: nothing of it is shown, and no rate is made across the gap.
    if (!trouble_.empty()) readings_.clear();
    view_ = viewOf(readings_, control_.key());
  }

  void takeSignals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int number = static_cast<int>(info.ssi_signo);
      if (number == SIGWINCH)
        screen_.resize();
      else if (number == SIGTSTP)
        suspend();
      else if (number == SIGCONT)
        comeBack();
      else
        end(number);
    }
  }

  void takeKeys() {
    while (!over_) {
      const std::optional<Press> press = screen_.key();
      if (!press) return;
      const Wish wish = control_.typed(*press, view_);
      view_ = viewOf(readings_, control_.key());
      if (std::holds_alternative<Quit>(wish)) end(0);
      if (const auto* order = std::get_if<Order>(&wish)) {
        control_.say(verbName(order->verb) + " " + order->shown + " …");
        feed_.give(*order);
      }
    }
  }

  // Ctrl-C is how many leave: no failure.
  void end(int number) {
    over_ = true;
    endedBy_ = number == SIGINT ? 0 : number;
  }

  void suspend() {
    screen_.giveBack();
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    (void)::raise(SIGTSTP);
    (void)::sigprocmask(SIG_UNBLOCK, &stop, nullptr);
    // Continued, or never stopped: nobody could continue a group without a shell.
    (void)::sigprocmask(SIG_BLOCK, &stop, nullptr);
    screen_.takeAgain();
    heard_ = steady_clock::now();
  }

  // Stopped by a signal that nobody can handle: whoever had the terminal meanwhile left it as it liked.
  void comeBack() {
    screen_.giveBack();
    screen_.takeAgain();
    heard_ = steady_clock::now();
  }

  Screen screen_;
  Feed feed_;
  UniqueFd signals_;
  Control control_;
  std::vector<Reading> readings_;
  View view_;
  std::string trouble_ = "Asking the daemon …";
  steady_clock::time_point heard_ = steady_clock::now();
  bool over_ = false;
  int endedBy_ = 0;
};

}  // namespace

Result<int> showScreen(SortKey key) {
  const sigset_t handled = handledSignals();
  (void)::sigprocmask(SIG_BLOCK, &handled, nullptr);
  UniqueFd signals(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return posixError(errno, "making a signalfd");
  Screen screen = RF_TRY(Screen::open());
  Feed feed = RF_TRY(Feed::start());
  int endedBy = 0;
  {
    Live live(std::move(screen), std::move(feed), std::move(signals), key);
    endedBy = live.run();
  }
  if (endedBy != 0) endBy(endedBy);
  return cli::kExitOk;
}

}  // namespace ringfence::top
