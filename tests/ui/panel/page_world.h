// A real daemon and what a page of the panel needs, for tests of pages.
#pragma once

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QTabWidget>
#include <QTemporaryDir>

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/ui_wait.h"
#include "ui/panel/page.h"
#include "ui/panel/sources.h"
#include "ui/shared/fact_log.h"

namespace ringfence::test {

struct PageWorld {
  TestDaemon daemon;
  std::optional<ui::Link> link;
  ui::StopLink stop;
  ui::RunsModel runs;
  std::optional<ui::FactLog> facts;
  QTemporaryDir directory;

  PageWorld() {
    qputenv("RINGFENCE_SOCKET", daemon.socket().c_str());
    qputenv("RINGFENCE_POLICY_DIR", QByteArray(RINGFENCE_SOURCE_DIR "/policy/profiles:") +
                                        QByteArray::fromStdString(daemon.base() + "/policies"));
    link.emplace();
    facts.emplace(*link);
    QObject::connect(&*link, &ui::Link::snapshotArrived, &runs, &ui::RunsModel::show);
    link->watchRuns(ui::Link::Watch::kYes);
  }
  ui::Sources sources() { return {*link, stop, runs}; }

  std::string start(std::vector<std::string> argv, const std::string& name) {
    client::Client client = daemon.connect();
    auto request = daemon.request(std::move(argv));
    request.name = name;
    auto accepted = client.run(request);
    REQUIRE(std::holds_alternative<client::RunAccepted>(accepted));
    return std::get<client::RunAccepted>(accepted).run;
  }
};

inline void show(ui::Page& page, QSize size = {1000, 700}) {
  page.resize(size);
  page.show();
  page.setSeen(true);
}

template <typename T>
T* findNamed(const QWidget& page, const QString& accessibleName) {
  for (T* widget : page.findChildren<T*>()) {
    if (widget->accessibleName() == accessibleName) return widget;
  }
  FAIL("no widget is called " << accessibleName.toStdString());
  return nullptr;
}

inline QPushButton* findButton(const QWidget& page, const QString& text) {
  for (QPushButton* button : page.findChildren<QPushButton*>()) {
    if (button->text() == text) return button;
  }
  FAIL("no button says " << text.toStdString());
  return nullptr;
}

inline QString textOf(const QWidget& page, const QString& accessibleName) {
  return findNamed<QLabel>(page, accessibleName)->text();
}

inline void chooseTab(const QWidget& page, const QString& title) {
  for (QTabWidget* tabs : page.findChildren<QTabWidget*>()) {
    for (int i = 0; i < tabs->count(); ++i) {
      if (tabs->tabText(i) == title) return tabs->setCurrentIndex(i);
    }
  }
  FAIL("no tab is called " << title.toStdString());
}

}  // namespace ringfence::test
