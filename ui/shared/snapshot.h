// What the daemon told of one moment, as panel and tray pass it on: made by a thread of the link, never changed after.
#pragma once

#include <QMetaType>
#include <cstdint>
#include <memory>
#include <vector>

#include "ui/top/model.h"

namespace ringfence::ui {

using Snapshot = std::shared_ptr<const top::Reading>;

// Facts of the log, in their order. `skipped`: so many before the first were left out.
struct LogLines {
  std::vector<client::LogLine> lines;
  std::uint64_t skipped = 0;
};

}  // namespace ringfence::ui

Q_DECLARE_METATYPE(ringfence::ui::Snapshot)
