// Where Wayland's libraries were missing when this was built.
#include "ui/tray/plasma_focus.h"

namespace ringfence::ui {

class PlasmaFocus::Connection {};

PlasmaFocus::PlasmaFocus(QObject* parent) : QObject(parent) {}

PlasmaFocus::~PlasmaFocus() = default;

void PlasmaFocus::begin() { emit ended({Unseen::Reason::kNotBuilt, {}}); }

}  // namespace ringfence::ui
