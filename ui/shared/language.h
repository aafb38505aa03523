// The language of windows: as the person chose in the settings, else as the desktop has it.
#pragma once

#include <QString>

class QCoreApplication;

namespace ringfence::ui {

// To be called once, before any window is made. `chosen`: "en", "zh_CN"; empty: that of the desktop. What there is no
// translation for stays English.
void useLanguage(QCoreApplication& application, const QString& chosen);

}  // namespace ringfence::ui
