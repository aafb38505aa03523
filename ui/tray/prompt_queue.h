// Which of the questions that wait the prompt window shows, and whether there is a window at all. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "ui/tray/notice.h"

namespace ringfence::ui {

class PromptQueue {
 public:
  struct Shown {
    std::uint64_t question = 0;
    int position = 0;  // from 1 on
    int count = 0;
    bool operator==(const Shown&) const = default;
  };

  // `waiting`: the ids, the oldest first. What was shown and waits no more gives way to the oldest that was not put
  // aside.
  void update(std::vector<std::uint64_t> waiting);
  // To anybody nothing is shown; the owner sees what was there before.
  void setAudience(Audience audience) { audience_ = audience; }
  // Quiet: what is new opens no window.
  void setQuiet(Quiet quiet);
  // The person closed the window: what waits now does not open it again.
  void putAside();
  // The person wants to see them, also those that were put aside.
  void open();
  // The one after it, and after the last the first again.
  void next();
  // Absent: no window.
  std::optional<Shown> shown() const;

 private:
  void choose();

  std::vector<std::uint64_t> waiting_;
  std::set<std::uint64_t> aside_;
  std::optional<std::uint64_t> current_;
  Audience audience_ = Audience::kOwner;
  Quiet quiet_ = Quiet::kNo;
};

}  // namespace ringfence::ui
