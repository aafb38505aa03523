// What an agent writes, as text that a widget may show: colours and other control sequences never reach it, lines have
// a bound. Pure.
#pragma once

#include <QString>
#include <string_view>

#include "ui/cli/output_filter.h"

namespace ringfence::ui {

class OutputText {
 public:
  static constexpr qsizetype kLongestLine = 2'000;  // characters; the rest stands on the next one

  // Keeps back an unfinished character or sequence until more comes.
  QString feed(std::string_view bytes);
  QString finish();

 private:
  QString bound(const std::string& shown);

  cli::OutputFilter filter_;
  qsizetype column_ = 0;
};

}  // namespace ringfence::ui
