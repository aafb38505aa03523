// A Wayland compositor without a screen, which tells of windows as KWin does, and of any that it is told to.
//
//   wayland_desk NAME OFFER [VERSION]
//
// listens at $XDG_RUNTIME_DIR/NAME. OFFER is "windows" (KWin's list of windows, in that version) or the one interface
// to announce instead. Takes on stdin, a line each:
//
//   open N PID, process N PID, active N, inactive N, close N    what window N is
//   flood COUNT    so many windows come
//   churn COUNT    windows 1 and 2 become active in turn so many times; the last is 2
//   stray          events that nobody needs, each of those that KWin sends
//   garbage        a message that nobody can understand
//   withdraw       the list of windows is no more
//
// and says on stdout {"ready":true}, {"bound":VERSION} and {"did":"LINE"}. It ends with its stdin.
#include <plasma-window-management-server-protocol.h>
#include <poll.h>
#include <unistd.h>
#include <wayland-server.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace {

struct Window {
  unsigned number = 0;
  unsigned pid = 0;
  bool isActive = false;
  std::set<wl_resource*> seen;
};

wl_display* display = nullptr;
wl_global* windowsGlobal = nullptr;
std::set<wl_resource*> managers;
std::map<unsigned, Window> windows;

std::string uuidOf(unsigned number) { return "{window-" + std::to_string(number) + "}"; }

template <typename Send>
void tell(unsigned number, Send send) {
  for (wl_resource* const resource : windows[number].seen) send(resource);
}

void sendState(unsigned number) {
  const std::uint32_t closeable = ORG_KDE_PLASMA_WINDOW_MANAGEMENT_STATE_CLOSEABLE;
  const std::uint32_t active = windows[number].isActive ? ORG_KDE_PLASMA_WINDOW_MANAGEMENT_STATE_ACTIVE : 0;
  tell(number, [&](wl_resource* one) { org_kde_plasma_window_send_state_changed(one, closeable | active); });
}

void destroyed(wl_resource* resource) {
  managers.erase(resource);
  for (auto& [number, window] : windows) window.seen.erase(resource);
}

void destroy(wl_client*, wl_resource* resource) { wl_resource_destroy(resource); }

// Of a window that is gone already the client hears so.
void show(wl_client* client, wl_resource* manager, std::uint32_t id, unsigned number) {
  static const auto requests = [] {
    struct org_kde_plasma_window_interface all {};
    all.destroy = destroy;
    return all;
  }();
  wl_resource* const resource =
      wl_resource_create(client, &org_kde_plasma_window_interface, wl_resource_get_version(manager), id);
  wl_resource_set_implementation(resource, &requests, nullptr, destroyed);
  const auto found = windows.find(number);
  if (found == windows.end()) return org_kde_plasma_window_send_unmapped(resource);
  found->second.seen.insert(resource);
  org_kde_plasma_window_send_app_id_changed(resource, "person");
  if (found->second.pid != 0) org_kde_plasma_window_send_pid_changed(resource, found->second.pid);
  org_kde_plasma_window_send_title_changed(resource, "a window");
  sendState(number);
  org_kde_plasma_window_send_parent_window(resource, nullptr);
  org_kde_plasma_window_send_initial_state(resource);
}

void getWindow(wl_client* client, wl_resource* manager, std::uint32_t id, std::uint32_t number) {
  show(client, manager, id, number);
}

void getWindowByUuid(wl_client* client, wl_resource* manager, std::uint32_t id, const char* uuid) {
  unsigned number = 0;
  (void)std::sscanf(uuid, "{window-%u}", &number);
  show(client, manager, id, number);
}

void announce(wl_resource* manager, unsigned number) {
  if (wl_resource_get_version(manager) >= ORG_KDE_PLASMA_WINDOW_MANAGEMENT_WINDOW_WITH_UUID_SINCE_VERSION)
    org_kde_plasma_window_management_send_window_with_uuid(manager, number, uuidOf(number).c_str());
  else
    org_kde_plasma_window_management_send_window(manager, number);
}

void bind(wl_client* client, void*, std::uint32_t version, std::uint32_t id) {
  static const auto requests = [] {
    struct org_kde_plasma_window_management_interface all {};
    all.get_window = getWindow;
    all.get_window_by_uuid = getWindowByUuid;
    return all;
  }();
  wl_resource* const manager =
      wl_resource_create(client, &org_kde_plasma_window_management_interface, static_cast<int>(version), id);
  wl_resource_set_implementation(manager, &requests, nullptr, destroyed);
  managers.insert(manager);
  std::printf("{\"bound\":%u}\n", version);
  for (const auto& [number, window] : windows) announce(manager, number);
}

void open(unsigned number, unsigned pid) {
  windows[number] = {.number = number, .pid = pid};
  for (wl_resource* const manager : managers) announce(manager, number);
}

void close(unsigned number) {
  tell(number, [](wl_resource* one) { org_kde_plasma_window_send_unmapped(one); });
  windows.erase(number);
}

void activate(unsigned number, bool isActive) {
  windows[number].isActive = isActive;
  sendState(number);
}

// No faster than the client reads: a compositor ends with one that lets it wait.
void await(wl_client* client) {
  wl_client_flush(client);
  pollfd socket{wl_client_get_fd(client), POLLOUT, 0};
  (void)::poll(&socket, 1, 1000);
}

void churn(unsigned count) {
  for (unsigned turn = count; turn-- > 0;) {
    activate(1 + turn % 2, false);
    activate(2 - turn % 2, true);
    if (turn % 16 == 0 && !managers.empty()) await(wl_resource_get_client(*managers.begin()));
  }
}

void stray() {
  for (wl_resource* const manager : managers) {
    org_kde_plasma_window_management_send_show_desktop_changed(manager, 1);
    wl_array none;
    wl_array_init(&none);
    org_kde_plasma_window_management_send_stacking_order_changed(manager, &none);
    org_kde_plasma_window_management_send_stacking_order_uuid_changed(manager, "");
  }
  for (auto& [number, window] : windows) {
    tell(number, [](wl_resource* one) {
      org_kde_plasma_window_send_geometry(one, -1, -1, 0, 0);
      org_kde_plasma_window_send_icon_changed(one);
      org_kde_plasma_window_send_themed_icon_name_changed(one, "");
      org_kde_plasma_window_send_virtual_desktop_changed(one, -1);
      org_kde_plasma_window_send_virtual_desktop_entered(one, "");
      org_kde_plasma_window_send_virtual_desktop_left(one, "");
      org_kde_plasma_window_send_application_menu(one, "", "");
      org_kde_plasma_window_send_activity_entered(one, "");
      org_kde_plasma_window_send_activity_left(one, "");
      org_kde_plasma_window_send_resource_name_changed(one, "");
      org_kde_plasma_window_send_parent_window(one, one);
    });
  }
}

void garbage() {
  const std::uint32_t message[] = {1, 8U << 16 | 99};  // an event that the first of all objects does not have
  for (wl_resource* const manager : managers) {
    const int socket = wl_client_get_fd(wl_resource_get_client(manager));
    if (::write(socket, message, sizeof message) < 0) std::exit(3);
  }
}

void obey(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  unsigned number = 0, pid = 0;
  words >> word >> number >> pid;
  if (word == "open") open(number, pid);
  if (word == "process") {
    windows[number].pid = pid;
    tell(number, [pid](wl_resource* one) { org_kde_plasma_window_send_pid_changed(one, pid); });
  }
  if (word == "active" || word == "inactive") activate(number, word == "active");
  if (word == "close") close(number);
  for (unsigned extra = 0; word == "flood" && extra < number; ++extra) open(1000 + extra, 1);
  if (word == "churn") churn(number);
  if (word == "stray") stray();
  if (word == "garbage") garbage();
  if (word == "withdraw") wl_global_destroy(windowsGlobal);
  std::printf("{\"did\":\"%s\"}\n", line.c_str());
}

int heard(int, std::uint32_t, void*) {
  std::string line;
  char letter = 0;
  while (::read(STDIN_FILENO, &letter, 1) == 1 && letter != '\n') line += letter;
  if (letter == '\n') obey(line);
  if (letter != '\n') wl_display_terminate(display);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  display = wl_display_create();
  if (wl_display_add_socket(display, argv[1]) != 0) return 1;
  const std::string offer = argv[2];
  // Never bound, so that it needs no requests.
  const wl_interface other{offer.c_str(), 1, 0, nullptr, 0, nullptr};
  // As a compositor does that is newer than the description this was built from.
  wl_interface list = org_kde_plasma_window_management_interface;
  list.version = argc > 3 ? std::atoi(argv[3]) : 20;
  if (offer == "windows")
    windowsGlobal = wl_global_create(display, &list, list.version, nullptr, bind);
  else
    wl_global_create(display, &other, 1, nullptr, [](wl_client*, void*, std::uint32_t, std::uint32_t) {});
  wl_event_loop_add_fd(wl_display_get_event_loop(display), STDIN_FILENO, WL_EVENT_READABLE, heard, nullptr);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::puts("{\"ready\":true}");
  wl_display_run(display);
  wl_display_destroy_clients(display);
  wl_display_destroy(display);
}
