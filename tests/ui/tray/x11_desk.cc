// A person at an X11 desktop, as small as it gets: a window manager that gives the focus to every window that wants it,
// and one window of the person's, which has the focus first. Says on stdout, one JSON object a line, what it sees:
//
//   {"ready":PID}  {"mapped":"TITLE","class":"…","wants_focus":true}  {"unmapped":"TITLE"}  {"urgent":"TITLE"}
//   {"focus":"person"}
//
// and takes on stdin, a word a line: "person" (activate that window), "nobody" (no window is active), "focus" (who has
// the keyboard), "close" (the window of the last map is asked to close).
#include <poll.h>
#include <unistd.h>
#include <xcb/xcb.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

namespace {

template <typename T>
std::unique_ptr<T, decltype(&std::free)> owned(T* reply) {
  return {reply, &std::free};
}

class Desk {
 public:
  Desk() {
    int number = 0;
    xcb_ = xcb_connect(nullptr, &number);
    if (xcb_connection_has_error(xcb_) != 0) std::exit(2);
    root_ = xcb_setup_roots_iterator(xcb_get_setup(xcb_)).data->root;
    const std::uint32_t events = XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY;
    xcb_change_window_attributes(xcb_, root_, XCB_CW_EVENT_MASK, &events);
    person_ = xcb_generate_id(xcb_);
    xcb_create_window(xcb_, XCB_COPY_FROM_PARENT, person_, root_, 0, 0, 400, 300, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
                      XCB_COPY_FROM_PARENT, 0, nullptr);
    xcb_map_window(xcb_, person_);
    titles_[person_] = "person";
    activate(person_);
    std::printf("{\"ready\":%d}\n", ::getpid());
    std::fflush(stdout);
  }

  int run() {
    pollfd wanted[] = {{STDIN_FILENO, POLLIN, 0}, {xcb_get_file_descriptor(xcb_), POLLIN, 0}};
    for (;;) {
      while (const auto event = owned(xcb_poll_for_event(xcb_))) handle(*event);
      if (xcb_connection_has_error(xcb_) != 0) return 0;
      xcb_flush(xcb_);
      std::fflush(stdout);
      if (::poll(wanted, 2, -1) < 0) return 1;
      if (wanted[0].revents != 0 && !obey()) return 0;
    }
  }

 private:
  xcb_atom_t atom(const std::string& name) {
    const auto cookie = xcb_intern_atom(xcb_, 0, static_cast<std::uint16_t>(name.size()), name.c_str());
    const auto reply = owned(xcb_intern_atom_reply(xcb_, cookie, nullptr));
    return reply ? reply->atom : static_cast<xcb_atom_t>(XCB_ATOM_NONE);
  }

  std::string text(xcb_window_t window, const std::string& property) {
    const auto cookie = xcb_get_property(xcb_, 0, window, atom(property), XCB_GET_PROPERTY_TYPE_ANY, 0, 256);
    const auto reply = owned(xcb_get_property_reply(xcb_, cookie, nullptr));
    if (!reply) return {};
    const auto* bytes = static_cast<const char*>(xcb_get_property_value(reply.get()));
    std::string value(bytes, static_cast<std::size_t>(xcb_get_property_value_length(reply.get())));
    return value;
  }

  // Without the time of a click or a key there is no reason to give it the focus, says the specification.
  bool wantsFocus(xcb_window_t window) { return text(window, "_NET_WM_USER_TIME") != std::string(4, '\0'); }

  void activate(xcb_window_t window) {
    xcb_change_property(xcb_, XCB_PROP_MODE_REPLACE, root_, atom("_NET_ACTIVE_WINDOW"), XCB_ATOM_WINDOW, 32, 1,
                        &window);
    if (window != XCB_WINDOW_NONE) xcb_set_input_focus(xcb_, XCB_INPUT_FOCUS_POINTER_ROOT, window, XCB_CURRENT_TIME);
    xcb_flush(xcb_);
  }

  void handle(const xcb_generic_event_t& event) {
    switch (event.response_type & 0x7f) {
      case XCB_MAP_REQUEST: return map(reinterpret_cast<const xcb_map_request_event_t&>(event).window);
      case XCB_CONFIGURE_REQUEST: return configure(reinterpret_cast<const xcb_configure_request_event_t&>(event));
      case XCB_UNMAP_NOTIFY:
        // Whoever hides a window says so to the window manager as well, which is the same thing told twice.
        if ((event.response_type & 0x80) != 0) return;
        return unmapped(reinterpret_cast<const xcb_unmap_notify_event_t&>(event).window);
      case XCB_CLIENT_MESSAGE: return ask(reinterpret_cast<const xcb_client_message_event_t&>(event));
      default: return;
    }
  }

  void map(xcb_window_t window) {
    const bool wants = wantsFocus(window);
    titles_[window] = text(window, "_NET_WM_NAME");
    last_ = window;
    const std::string type = text(window, "WM_CLASS").c_str();
    xcb_map_window(xcb_, window);
    if (wants) activate(window);
    std::printf("{\"mapped\":\"%s\",\"class\":\"%s\",\"wants_focus\":%s}\n", titles_[window].c_str(), type.c_str(),
                wants ? "true" : "false");
  }

  void configure(const xcb_configure_request_event_t& wanted) {
    const std::uint32_t size[] = {wanted.width, wanted.height};
    xcb_configure_window(xcb_, wanted.window, XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, size);
  }

  void unmapped(xcb_window_t window) {
    if (titles_.contains(window)) std::printf("{\"unmapped\":\"%s\"}\n", titles_[window].c_str());
  }

  void ask(const xcb_client_message_event_t& message) {
    if (message.type == atom("_NET_WM_STATE") && message.data.data32[1] == atom("_NET_WM_STATE_DEMANDS_ATTENTION"))
      std::printf("{\"urgent\":\"%s\"}\n", titles_[message.window].c_str());
    if (message.type == atom("_NET_ACTIVE_WINDOW")) activate(message.window);
  }

  // False: nobody is there any more.
  bool obey() {
    char word[32] = {};
    const ssize_t length = ::read(STDIN_FILENO, word, sizeof word - 1);
    if (length <= 0) return false;
    const std::string wanted(word, static_cast<std::size_t>(length) - 1);
    if (wanted == "person") activate(person_);
    if (wanted == "nobody") activate(XCB_WINDOW_NONE);
    if (wanted == "focus") {
      const auto reply = owned(xcb_get_input_focus_reply(xcb_, xcb_get_input_focus(xcb_), nullptr));
      std::printf("{\"focus\":\"%s\"}\n", reply ? titles_[reply->focus].c_str() : "");
    }
    if (wanted == "close") close(last_);
    return true;
  }

  void close(xcb_window_t window) {
    xcb_client_message_event_t message{};
    message.response_type = XCB_CLIENT_MESSAGE;
    message.format = 32;
    message.window = window;
    message.type = atom("WM_PROTOCOLS");
    message.data.data32[0] = atom("WM_DELETE_WINDOW");
    xcb_send_event(xcb_, 0, window, XCB_EVENT_MASK_NO_EVENT, reinterpret_cast<const char*>(&message));
  }

  xcb_connection_t* xcb_ = nullptr;
  xcb_window_t root_ = XCB_WINDOW_NONE, person_ = XCB_WINDOW_NONE, last_ = XCB_WINDOW_NONE;
  std::map<xcb_window_t, std::string> titles_;
};

}  // namespace

int main() { return Desk().run(); }
