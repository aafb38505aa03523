// What the administrator set for the daemon, with where it stands. Pure.
#pragma once

#include <QByteArray>
#include <QString>
#include <vector>

namespace ringfence::ui {

inline constexpr const char* kAdminFile = "/etc/ringfence/ringfence.toml";

struct AdminValue {
  QString key, value;  // as visibleText gives them
  int line = 0;
};
// The assignments of a TOML text, each on one line, as they stand there; the daemon reads it for real.
std::vector<AdminValue> adminValuesOf(const QByteArray& toml);

}  // namespace ringfence::ui
