#include "ui/tray/active_window.h"

#include <catch2/catch_test_macros.hpp>

#include "ui/tray/unseen.h"

namespace ringfence::ui {
namespace {

using Activity = ActiveWindow::Activity;

TEST_CASE("nobody is in front until a window is active and its process was told, in either order") {
  ActiveWindow windows;
  CHECK(windows.process() == std::nullopt);
  REQUIRE(windows.open(1));
  windows.setProcess(1, 100);
  CHECK(windows.process() == std::nullopt);
  windows.setActivity(1, Activity::kActive);
  CHECK(windows.process() == 100);
  REQUIRE(windows.open(2));
  windows.setActivity(2, Activity::kActive);
  CHECK(windows.process() == std::nullopt);
  windows.setProcess(2, 200);
  CHECK(windows.process() == 200);
}

TEST_CASE("the window that became active last is in front, and the one before it when that goes") {
  ActiveWindow windows;
  for (const std::uint32_t number : {1u, 2u, 3u}) {
    REQUIRE(windows.open(number));
    windows.setProcess(number, 100 * number);
  }
  windows.setActivity(2, Activity::kActive);
  windows.setActivity(1, Activity::kActive);  // said before 2 is said to be inactive
  CHECK(windows.process() == 100);
  windows.setActivity(2, Activity::kActive);  // told again with another change of it
  CHECK(windows.process() == 100);
  SECTION("closed") { windows.close(1); }
  SECTION("inactive") { windows.setActivity(1, Activity::kInactive); }
  CHECK(windows.process() == 200);
  windows.setActivity(2, Activity::kInactive);
  CHECK(windows.process() == std::nullopt);
}

TEST_CASE("a window that is closed or was never opened is nobody's whatever is told of it") {
  ActiveWindow windows;
  windows.setProcess(1, 100);
  windows.setActivity(1, Activity::kActive);
  windows.close(1);
  CHECK(windows.process() == std::nullopt);
  REQUIRE(windows.open(1));
  windows.setProcess(1, 100);
  windows.setActivity(1, Activity::kActive);
  REQUIRE(windows.open(1));  // its number again, of another window
  CHECK(windows.process() == std::nullopt);
}

TEST_CASE("a number that no process can have is no process") {
  ActiveWindow windows;
  REQUIRE(windows.open(1));
  windows.setActivity(1, Activity::kActive);
  for (const std::uint32_t pid : {0u, 0x80000000u, 0xffffffffu}) {
    windows.setProcess(1, 100);
    windows.setProcess(1, pid);
    CHECK(windows.process() == std::nullopt);
  }
  windows.setProcess(1, 0x7fffffffu);
  CHECK(windows.process() == 0x7fffffff);
}

TEST_CASE("so many windows are followed and no more, until one goes") {
  ActiveWindow windows;
  for (std::uint32_t number = 0; number < ActiveWindow::kMaxWindows; ++number) REQUIRE(windows.open(number));
  CHECK_FALSE(windows.open(5000));
  windows.setProcess(5000, 100);
  windows.setActivity(5000, Activity::kActive);
  CHECK(windows.process() == std::nullopt);
  windows.close(3);
  CHECK(windows.open(5000));
}

// ---- what is said where nothing can be seen

TEST_CASE("a compositor without KWin's list of windows is told apart by what it offers") {
  WaylandOffer offer;
  offer.take("wl_compositor");
  CHECK(offer.unseen() == Unseen{Unseen::Reason::kNotTold, {}});
  offer.take("zwlr_foreign_toplevel_manager_v1");
  offer.take("xdg_wm_base");
  CHECK(offer.unseen() == Unseen{Unseen::Reason::kTitlesOnly, "wlr-foreign-toplevel-management"});
  CHECK(wordsOf(offer.unseen()).contains("wlr-foreign-toplevel-management"));
  offer.take("org_kde_plasma_shell");
  CHECK(offer.unseen() == Unseen{Unseen::Reason::kNotPermitted, {}});
}

}  // namespace
}  // namespace ringfence::ui
