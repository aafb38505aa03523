#include "ui/panel/pages.h"

#include <QShortcut>

#include "ui/panel/agent_page.h"
#include "ui/panel/doctor_page.h"
#include "ui/panel/grants_page.h"
#include "ui/panel/history_page.h"
#include "ui/panel/inbox_page.h"
#include "ui/panel/launch_dialog.h"
#include "ui/panel/now_page.h"
#include "ui/panel/policies_page.h"
#include "ui/panel/resources_page.h"
#include "ui/panel/settings_page.h"

namespace ringfence::ui {
namespace {

constexpr int kZoomStep = 10;  // percent

void launch(QWidget& window) {
  auto* dialog = new LaunchDialog(&window);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->open();
}

}  // namespace

std::vector<Page*> makePages(PageSources sources) {
  return {
      new NowPage(sources.shared),
      new InboxPage(sources.shared, sources.questions),
      new AgentPage(sources.shared, sources.facts),
      new GrantsPage(sources.shared),
      new PoliciesPage(sources.shared),
      new ResourcesPage(sources.shared, sources.facts),
      new HistoryPage(sources.shared, sources.facts),
      new SettingsPage(sources.appearance),
      new DoctorPage,
  };
}

void connectPages(const std::vector<Page*>& pages, QWidget& window) {
  InboxPage* inbox = nullptr;
  for (Page* page : pages) {
    if (auto* found = qobject_cast<InboxPage*>(page)) inbox = found;
    auto* settings = qobject_cast<SettingsPage*>(page);
    if (settings != nullptr && inbox != nullptr)
      QObject::connect(settings, &SettingsPage::phraseChosen, inbox, &InboxPage::setPhrase);
    if (auto* now = qobject_cast<NowPage*>(page))
      QObject::connect(now, &NowPage::launchWanted, &window, [&window] { launch(window); });
    if (auto* doctor = qobject_cast<DoctorPage*>(page))
      QObject::connect(doctor, &DoctorPage::launchWanted, &window, [&window] { launch(window); });
  }
}

void addZoomKeys(QWidget& window, Appearance& appearance) {
  const auto add = [&](const char* keys, auto zoomOf) {
    auto* key = new QShortcut(QKeySequence(keys), &window);
    QObject::connect(key, &QShortcut::activated, &appearance,
                     [&appearance, zoomOf] { appearance.setZoom(zoomOf(appearance.zoom())); });
  };
  for (const char* keys : {"Ctrl++", "Ctrl+="}) add(keys, [](int zoom) { return zoom + kZoomStep; });
  add("Ctrl+-", [](int zoom) { return zoom - kZoomStep; });
  add("Ctrl+0", [](int) { return 100; });
}

}  // namespace ringfence::ui
