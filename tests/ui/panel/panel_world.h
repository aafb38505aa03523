// A real daemon and the panel's window before it, for tests.
#pragma once

#include <QAbstractButton>
#include <QApplication>
#include <QLabel>
#include <QTest>
#include <optional>
#include <string>

#include <catch2/catch_all.hpp>

#include "tests/support/test_daemon.h"
#include "tests/support/ui_wait.h"
#include "ui/panel/main_window.h"
#include "ui/panel/now_page.h"
#include "ui/shared/target_style.h"

namespace ringfence::test {

struct PanelWorld {
  TestDaemon daemon;
  std::optional<ui::Link> link;
  std::optional<ui::StopLink> stop;
  std::optional<ui::RunsModel> runs;
  std::optional<ui::MainWindow> window;

  PanelWorld() {
    qputenv("RINGFENCE_SOCKET", daemon.socket().c_str());
    if (qobject_cast<ui::TargetStyle*>(QApplication::style()) == nullptr) QApplication::setStyle(new ui::TargetStyle);
    link.emplace();
    stop.emplace();
    runs.emplace();
    QObject::connect(&*link, &ui::Link::snapshotArrived, &*runs, &ui::RunsModel::show);
    const ui::Sources sources{*link, *stop, *runs};
    window.emplace(sources, std::vector<ui::Page*>{new ui::NowPage(sources)});
    window->resize(1000, 700);
    window->show();
  }

  std::string start(const std::string& name) {
    client::Client client = daemon.connect();
    auto request = daemon.request({"/bin/sleep", "600"});
    request.name = name;
    auto accepted = client.run(request);
    REQUIRE(std::holds_alternative<client::RunAccepted>(accepted));
    return std::get<client::RunAccepted>(accepted).run;
  }
  // The one that can be seen and is called so; null: there is none.
  QAbstractButton* button(const QString& accessibleName) {
    for (auto* button : window->findChildren<QAbstractButton*>()) {
      if (button->accessibleName() == accessibleName && button->isVisible()) return button;
    }
    return nullptr;
  }
  // Once it can be pressed, and has lain where it lies for long enough to be meant.
  void click(const QString& accessibleName) {
    INFO(accessibleName.toStdString());
    REQUIRE(until([&] {
      auto* found = button(accessibleName);
      return found != nullptr && found->isEnabled();
    }));
    QTest::qWait(450);
    REQUIRE(button(accessibleName) != nullptr);
    QTest::mouseClick(button(accessibleName), Qt::LeftButton);
  }
  bool shows(const QString& words) {
    for (const auto* label : window->findChildren<QLabel*>()) {
      if (label->isVisible() && label->text().contains(words)) return true;
    }
    return false;
  }
};

}  // namespace ringfence::test
