#include "ui/tray/x11_focus.h"

#include <xcb/res.h>
#include <xcb/xcb.h>

#include <QSocketNotifier>
#include <cstdlib>
#include <string>

#include "ui/tray/own_process.h"

namespace ringfence::ui {
namespace {

template <typename T>
using Reply = std::unique_ptr<T, decltype(&std::free)>;
template <typename T>
Reply<T> owned(T* reply) {
  return Reply<T>(reply, &std::free);
}

}  // namespace

struct X11Focus::Connection {
  xcb_connection_t* xcb = nullptr;
  xcb_window_t root = XCB_WINDOW_NONE;
  xcb_atom_t activeWindow = XCB_ATOM_NONE;
  QSocketNotifier* notifier = nullptr;

  ~Connection() { xcb_disconnect(xcb); }

  xcb_window_t active() const {
    const auto reply = owned(
        xcb_get_property_reply(xcb, xcb_get_property(xcb, 0, root, activeWindow, XCB_ATOM_WINDOW, 0, 1), nullptr));
    if (!reply || reply->format != 32 || xcb_get_property_value_length(reply.get()) != 4) return XCB_WINDOW_NONE;
    return *static_cast<const xcb_window_t*>(xcb_get_property_value(reply.get()));
  }

  FrontProcess ownerOf(xcb_window_t window) const {
    if (window == XCB_WINDOW_NONE) return std::nullopt;
    const xcb_res_client_id_spec_t wanted{window, XCB_RES_CLIENT_ID_MASK_LOCAL_CLIENT_PID};
    const auto reply = owned(xcb_res_query_client_ids_reply(xcb, xcb_res_query_client_ids(xcb, 1, &wanted), nullptr));
    if (!reply) return std::nullopt;
    auto ids = xcb_res_query_client_ids_ids_iterator(reply.get());
    for (; ids.rem > 0; xcb_res_client_id_value_next(&ids)) {
      if (xcb_res_client_id_value_value_length(ids.data) != 1) continue;
      return ownProcess(static_cast<std::int32_t>(*xcb_res_client_id_value_value(ids.data)));
    }
    return std::nullopt;
  }
};

std::unique_ptr<X11Focus> X11Focus::create() {
  int screenNumber = 0;
  auto connection = std::make_unique<Connection>();
  connection->xcb = xcb_connect(nullptr, &screenNumber);
  xcb_connection_t* const xcb = connection->xcb;
  if (xcb_connection_has_error(xcb) != 0) return nullptr;
  const xcb_query_extension_reply_t* const resources = xcb_get_extension_data(xcb, &xcb_res_id);
  const auto version = owned(xcb_res_query_version_reply(xcb, xcb_res_query_version(xcb, 1, 2), nullptr));
  if (resources == nullptr || resources->present == 0 || !version || version->server_minor < 2) return nullptr;

  auto screens = xcb_setup_roots_iterator(xcb_get_setup(xcb));
  for (; screens.rem > 1 && screenNumber > 0; --screenNumber) xcb_screen_next(&screens);
  connection->root = screens.data->root;
  const std::string name = "_NET_ACTIVE_WINDOW";
  const auto atom = owned(xcb_intern_atom_reply(
      xcb, xcb_intern_atom(xcb, 0, static_cast<std::uint16_t>(name.size()), name.c_str()), nullptr));
  if (!atom) return nullptr;
  connection->activeWindow = atom->atom;
  const std::uint32_t events = XCB_EVENT_MASK_PROPERTY_CHANGE;
  xcb_change_window_attributes(xcb, connection->root, XCB_CW_EVENT_MASK, &events);
  xcb_flush(xcb);
  return std::unique_ptr<X11Focus>(new X11Focus(std::move(connection)));
}

X11Focus::X11Focus(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {
  connection_->notifier = new QSocketNotifier(xcb_get_file_descriptor(connection_->xcb), QSocketNotifier::Read, this);
  connect(connection_->notifier, &QSocketNotifier::activated, this, &X11Focus::read);
}

X11Focus::~X11Focus() { connection_->notifier->setEnabled(false); }

void X11Focus::begin() {
  emit frontChanged(connection_->ownerOf(connection_->active()));
  read();  // What came while the answers were read is in the queue of xcb, not in the socket.
}

void X11Focus::read() {
  xcb_connection_t* const xcb = connection_->xcb;
  for (;;) {
    bool isNews = false;
    while (const auto event = owned(xcb_poll_for_event(xcb))) {
      if ((event->response_type & 0x7f) != XCB_PROPERTY_NOTIFY) continue;
      isNews = isNews ||
               reinterpret_cast<const xcb_property_notify_event_t*>(event.get())->atom == connection_->activeWindow;
    }
    if (xcb_connection_has_error(xcb) != 0) {
      connection_->notifier->setEnabled(false);
      emit lost();
      return;
    }
    if (!isNews) return;
    emit frontChanged(connection_->ownerOf(connection_->active()));
  }
}

}  // namespace ringfence::ui
