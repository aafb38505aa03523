#include "ui/tray/prompt_queue.h"

#include <catch2/catch_test_macros.hpp>

namespace ringfence::ui {
namespace {

using Shown = PromptQueue::Shown;

TEST_CASE("the oldest question is shown, and the next one when it was answered anywhere") {
  PromptQueue queue;
  queue.update({3, 4});
  CHECK(queue.shown() == Shown{3, 1, 2});
  queue.update({3, 4, 5});
  CHECK(queue.shown() == Shown{3, 1, 3});
  queue.update({4, 5});
  CHECK(queue.shown() == Shown{4, 1, 2});
  queue.update({});
  CHECK_FALSE(queue.shown());
}

TEST_CASE("a question that is looked at stays when others come and go") {
  PromptQueue queue;
  queue.update({3, 4, 5});
  queue.next();
  CHECK(queue.shown() == Shown{4, 2, 3});
  queue.update({4, 5, 6});
  CHECK(queue.shown() == Shown{4, 1, 3});
  queue.next();
  queue.next();
  queue.next();
  CHECK(queue.shown() == Shown{4, 1, 3});
}

TEST_CASE("what was put aside opens no window again, what comes later does, and a person sees all") {
  PromptQueue queue;
  queue.update({3, 4});
  queue.putAside();
  CHECK_FALSE(queue.shown());
  queue.update({3, 4});
  CHECK_FALSE(queue.shown());
  queue.update({3, 4, 5});
  CHECK(queue.shown() == Shown{5, 3, 3});
  queue.putAside();
  queue.open();
  CHECK(queue.shown() == Shown{3, 1, 3});
}

TEST_CASE("nothing is shown to whoever passes by, and the owner sees the same again") {
  PromptQueue queue;
  queue.update({3, 4});
  queue.next();
  queue.setAudience(Audience::kAnybody);
  CHECK_FALSE(queue.shown());
  queue.setAudience(Audience::kOwner);
  CHECK(queue.shown() == Shown{4, 2, 2});
}

TEST_CASE("while the desktop is to be quiet only a person opens the window, and it comes when that is over") {
  PromptQueue queue;
  queue.setQuiet(Quiet::kYes);
  queue.update({3, 4});
  CHECK_FALSE(queue.shown());
  queue.open();
  CHECK(queue.shown() == Shown{3, 1, 2});
  queue.update({4});
  CHECK(queue.shown() == Shown{4, 1, 1});
  queue.putAside();
  queue.update({4, 5});
  CHECK_FALSE(queue.shown());
  queue.setQuiet(Quiet::kNo);
  CHECK(queue.shown() == Shown{5, 2, 2});
}

}  // namespace
}  // namespace ringfence::ui
