// An agent's output made harmless for a terminal: text, line ends, tabs and colours pass; every other control sequence
// is shown instead of obeyed. Pure.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::cli {

class OutputFilter {
 public:
  // Keeps back an unfinished character or sequence until more comes.
  std::string feed(std::string_view bytes);
  // What was kept back, as it is.
  std::string finish();

 private:
  std::string kept_;
};

}  // namespace ringfence::cli
