#include "ui/tray/plasma_focus.h"

#include <plasma-window-management-client-protocol.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <wayland-client.h>

#include <QSocketNotifier>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/unique_fd.h"
#include "ui/tray/active_window.h"
#include "ui/tray/own_process.h"

namespace ringfence::ui {
namespace {

// Between these two versions KWin sends a list of all windows with each change of their order, in one message: with
// some hundred windows it cannot, and sends nothing more. Newer ones bring nothing that is needed here.
constexpr std::uint32_t kBeforeLists = 10, kAfterLists = 17;
constexpr int kRounds = 3;  // until all is known that there is at the start

std::uint32_t versionOf(std::uint32_t offered) {
  const auto described = static_cast<std::uint32_t>(org_kde_plasma_window_management_interface.version);
  return offered < kAfterLists ? std::min(offered, kBeforeLists) : std::min(described, kAfterLists);
}

std::string socketPath() {
  const QByteArray name = qgetenv("WAYLAND_DISPLAY");
  if (name.isEmpty() || name.startsWith('/')) return name.toStdString();
  return (qgetenv("XDG_RUNTIME_DIR") + '/' + name).toStdString();
}

// Never waits: with a compositor that takes nobody it fails.
UniqueFd connectTo(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.empty() || path.size() >= sizeof address.sun_path) return {};
  std::ranges::copy(path, address.sun_path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

void release(org_kde_plasma_window* window) {
  auto* const proxy = reinterpret_cast<wl_proxy*>(window);
  const bool canSay = wl_proxy_get_version(proxy) >= ORG_KDE_PLASMA_WINDOW_DESTROY_SINCE_VERSION;
  return canSay ? org_kde_plasma_window_destroy(window) : wl_proxy_destroy(proxy);
}

}  // namespace

// Every object has a dispatcher, not a table of listeners: libwayland ends the program at an event that a table has no
// entry for, and a compositor may send any.
class PlasmaFocus::Connection {
 public:
  Connection(PlasmaFocus& owner, wl_display* display);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

 private:
  static int dispatch(const void*, void* target, std::uint32_t, const wl_message* event, wl_argument* arguments);
  void watch(void* object);
  void announced(std::uint32_t name, const char* interface, std::uint32_t version);
  void managed(std::string_view event, const wl_argument* arguments);
  void told(org_kde_plasma_window* window, std::string_view event, const wl_argument* arguments);
  void follow(org_kde_plasma_window* window);
  void forget(org_kde_plasma_window* window);
  void askForRound();
  void roundEnded();

  void read();
  void flush();
  void tell();
  void end(const Unseen& why);

  PlasmaFocus& owner_;
  wl_display* display_;
  wl_registry* registry_ = nullptr;
  wl_callback* round_ = nullptr;
  org_kde_plasma_window_management* manager_ = nullptr;
  std::uint32_t managerName_ = 0;
  std::map<ActiveWindow::Window, org_kde_plasma_window*> objects_;
  ActiveWindow windows_;
  WaylandOffer offer_;
  std::optional<Unseen> failure_;  // found while events are handled, when nothing may be taken down
  std::optional<FrontProcess> told_;
  int rounds_ = 0;
  QSocketNotifier reading_, writing_;
};

PlasmaFocus::Connection::Connection(PlasmaFocus& owner, wl_display* display)
    : owner_(owner),
      display_(display),
      reading_(wl_display_get_fd(display), QSocketNotifier::Read),
      writing_(wl_display_get_fd(display), QSocketNotifier::Write) {
  writing_.setEnabled(false);
  QObject::connect(&reading_, &QSocketNotifier::activated, &owner_, [this] { read(); });
  QObject::connect(&writing_, &QSocketNotifier::activated, &owner_, [this] { flush(); });
  registry_ = wl_display_get_registry(display_);
  watch(registry_);
  askForRound();
  flush();
}

PlasmaFocus::Connection::~Connection() {
  reading_.setEnabled(false);
  writing_.setEnabled(false);
  for (const auto& [number, window] : objects_) release(window);
  if (manager_ != nullptr) org_kde_plasma_window_management_destroy(manager_);
  if (round_ != nullptr) wl_callback_destroy(round_);
  wl_registry_destroy(registry_);
  wl_display_disconnect(display_);
}

void PlasmaFocus::Connection::watch(void* object) {
  auto* const proxy = static_cast<wl_proxy*>(object);
  if (proxy != nullptr) (void)wl_proxy_add_dispatcher(proxy, &Connection::dispatch, nullptr, this);  // It has none.
}

int PlasmaFocus::Connection::dispatch(const void*, void* target, std::uint32_t, const wl_message* event,
                                      wl_argument* arguments) {
  auto& self = *static_cast<Connection*>(wl_proxy_get_user_data(static_cast<wl_proxy*>(target)));
  const std::string_view name = event->name;
  if (target == self.registry_) {
    if (name == "global") self.announced(arguments[0].u, arguments[1].s, arguments[2].u);
    const bool isGone = name == "global_remove" && self.manager_ != nullptr && arguments[0].u == self.managerName_;
    if (isGone) self.failure_ = Unseen{Unseen::Reason::kEnded, {}};
  } else if (target == self.round_) {
    self.roundEnded();
  } else if (target == self.manager_) {
    self.managed(name, arguments);
  } else {
    self.told(static_cast<org_kde_plasma_window*>(target), name, arguments);
  }
  return 0;
}

void PlasmaFocus::Connection::announced(std::uint32_t name, const char* interface, std::uint32_t version) {
  offer_.take(interface);
  if (manager_ != nullptr || std::string_view(interface) != org_kde_plasma_window_management_interface.name) return;
  manager_ = static_cast<org_kde_plasma_window_management*>(
      wl_registry_bind(registry_, name, &org_kde_plasma_window_management_interface, versionOf(version)));
  managerName_ = name;
  watch(manager_);
}

void PlasmaFocus::Connection::managed(std::string_view event, const wl_argument* arguments) {
  const bool hasText = event == "window_with_uuid";
  if (!hasText && event != "window") return;
  if (objects_.size() >= ActiveWindow::kMaxWindows) {
    failure_ = Unseen{Unseen::Reason::kTooMany, {}};
    return;
  }
  follow(hasText ? org_kde_plasma_window_management_get_window_by_uuid(manager_, arguments[1].s)
                 : org_kde_plasma_window_management_get_window(manager_, arguments[0].u));
}

void PlasmaFocus::Connection::follow(org_kde_plasma_window* window) {
  if (window == nullptr) return;  // The connection is broken, which the next use of it says.
  watch(window);
  const ActiveWindow::Window number = wl_proxy_get_id(reinterpret_cast<wl_proxy*>(window));
  objects_[number] = window;
  (void)windows_.open(number);  // There is room as long as there is in objects_.
}

void PlasmaFocus::Connection::told(org_kde_plasma_window* window, std::string_view event,
                                   const wl_argument* arguments) {
  const ActiveWindow::Window number = wl_proxy_get_id(reinterpret_cast<wl_proxy*>(window));
  if (event == "pid_changed") windows_.setProcess(number, arguments[0].u);
  if (event == "state_changed") {
    const bool isActive = (arguments[0].u & ORG_KDE_PLASMA_WINDOW_MANAGEMENT_STATE_ACTIVE) != 0;
    windows_.setActivity(number, isActive ? ActiveWindow::Activity::kActive : ActiveWindow::Activity::kInactive);
  }
  if (event == "unmapped") forget(window);
}

void PlasmaFocus::Connection::forget(org_kde_plasma_window* window) {
  const ActiveWindow::Window number = wl_proxy_get_id(reinterpret_cast<wl_proxy*>(window));
  windows_.close(number);
  objects_.erase(number);
  release(window);
}

void PlasmaFocus::Connection::askForRound() {
  round_ = wl_display_sync(display_);
  watch(round_);
}

// The first says that all offers are known, the second all windows, the third what each of them is.
void PlasmaFocus::Connection::roundEnded() {
  wl_callback_destroy(round_);
  round_ = nullptr;
  ++rounds_;
  if (manager_ == nullptr)
    failure_ = offer_.unseen();
  else if (rounds_ < kRounds)
    askForRound();
}

// Once for each time that there is something to read: a compositor that never ends talking does not stop the program.
void PlasmaFocus::Connection::read() {
  const Unseen broken{Unseen::Reason::kEnded, {}};
  while (wl_display_prepare_read(display_) != 0) {
    if (wl_display_dispatch_pending(display_) < 0) return end(broken);
  }
  if (wl_display_read_events(display_) < 0 || wl_display_dispatch_pending(display_) < 0) return end(broken);
  if (failure_) return end(*failure_);
  tell();
  flush();  // Last: it may end everything.
}

void PlasmaFocus::Connection::flush() {
  const bool isDone = wl_display_flush(display_) >= 0;
  if (!isDone && errno != EAGAIN) return end({Unseen::Reason::kEnded, {}});
  writing_.setEnabled(!isDone);
}

void PlasmaFocus::Connection::tell() {
  const FrontProcess front = windows_.process();
  if (rounds_ < kRounds || (told_ && *told_ == front)) return;
  told_ = front;
  emit owner_.frontChanged(front ? ownProcess(*front) : std::nullopt);
}

void PlasmaFocus::Connection::end(const Unseen& why) {
  reading_.setEnabled(false);
  writing_.setEnabled(false);
  // A notifier called this, and is not to be deleted before it returns.
  QMetaObject::invokeMethod(
      &owner_, [owner = &owner_] { owner->connection_.reset(); }, Qt::QueuedConnection);
  if (told_) emit owner_.frontChanged(std::nullopt);
  emit owner_.ended(why);
}

PlasmaFocus::PlasmaFocus(QObject* parent) : QObject(parent) {}

PlasmaFocus::~PlasmaFocus() = default;

void PlasmaFocus::begin() {
  UniqueFd socket = connectTo(socketPath());
  wl_display* const display = socket ? wl_display_connect_to_fd(socket.release()) : nullptr;
  if (display == nullptr) return emit ended({});
  connection_ = std::make_unique<Connection>(*this, display);
}

}  // namespace ringfence::ui
