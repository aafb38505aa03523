// One screen as lines with a style each. Pure: what is drawn is decided here, and screen.h only draws it.
#pragma once

#include <string>
#include <vector>

#include "ui/top/control.h"
#include "ui/top/model.h"

namespace ringfence::top {

struct Size {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

enum class Style { kPlain, kTitle, kHeader, kRun, kHeldRun, kAskingRun, kTrouble, kNotice };
enum class Chosen { kNo, kYes };
struct Line {
  std::string text;
  Style style = Style::kPlain;
  Chosen chosen = Chosen::kNo;
};

// How many rows of the table a screen of that size shows.
std::size_t tableRows(const View& view, Size size);
// As many lines as the screen has, none wider than it. `trouble`: why nothing is known; empty: all is well.
std::vector<Line> frameOf(const View& view, const Control& control, const std::string& trouble, Size size);
// The same for a file or a pipe: every run, no keys. `columns` 0: lines have no end.
std::string frameText(const View& view, std::size_t columns);

}  // namespace ringfence::top
