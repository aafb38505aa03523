// What a run wrote, as far as its bounded output is kept, and what it writes. Shown, never obeyed.
#pragma once

#include <memory>

#include "sdk/base/output_ring.h"
#include "ui/panel/agent_tab.h"
#include "ui/panel/sources.h"
#include "ui/shared/output_text.h"

class QLabel;
class QPlainTextEdit;
class QTimer;

namespace ringfence::ui {

class OutputTab final : public AgentTab {
  Q_OBJECT

 public:
  static constexpr int kMostLines = 10'000;
  static constexpr std::size_t kMostAtOnce = 256 << 10;  // bytes shown of what came since the last look

  explicit OutputTab(Sources sources);

  void setRun(const std::string& run) override;
  void setSeen(bool seen) override;

 private:
  using Reader = std::shared_ptr<OutputRingReader>;
  void open();
  void look();
  void append(const QString& text);

  Sources sources_;
  std::string run_;
  bool isSeen_ = false;
  Reader reader_;  // null: not opened
  OutputText filter_;
  QLabel* said_;
  QPlainTextEdit* text_;
  QTimer* timer_;
};

}  // namespace ringfence::ui
