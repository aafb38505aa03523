// Every page of the panel, in the order of the rail.
#pragma once

#include <vector>

#include "ui/panel/page.h"
#include "ui/panel/sources.h"
#include "ui/shared/appearance.h"
#include "ui/shared/fact_log.h"
#include "ui/shared/questions_model.h"

namespace ringfence::ui {

// Borrowed: outlives the pages.
struct PageSources {
  Sources shared;
  Appearance& appearance;
  QuestionsModel& questions;
  FactLog& facts;
};
// Who calls it owns the pages.
std::vector<Page*> makePages(PageSources sources);

// What leads from one page to another, and from any of them to the launch dialog, once they are in the window.
void connectPages(const std::vector<Page*>& pages, QWidget& window);

// Ctrl and +, - or 0: larger, smaller, as it was.
void addZoomKeys(QWidget& window, Appearance& appearance);

}  // namespace ringfence::ui
