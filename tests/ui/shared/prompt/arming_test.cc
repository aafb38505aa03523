#include "ui/shared/prompt/arming.h"

#include <catch2/catch_test_macros.hpp>

namespace ringfence::ui {
namespace {

using Time = Arming::Time;
using Lack = Arming::Lack;

Arming armed(Confirmation confirmation = Confirmation::kClick) {
  Arming arming;
  arming.show(Time(0), confirmation);
  arming.moved();
  arming.read();
  return arming;
}

TEST_CASE("allow counts after 700 ms, a move inside and all of the text, and not with one of them missing") {
  Arming arming;
  CHECK(arming.lacks(Time(10'000)) == Lack::kNotShown);
  arming.show(Time(5000), Confirmation::kClick);
  CHECK(arming.lacks(Time(10'000)) == Lack::kReading);
  arming.read();
  CHECK(arming.lacks(Time(5699)) == Lack::kTime);
  CHECK(arming.lacks(Time(5700)) == Lack::kMove);
  arming.moved();
  CHECK(arming.lacks(Time(5699)) == Lack::kTime);
  CHECK(arming.lacks(Time(5700)) == Lack::kNothing);
}

TEST_CASE("another question begins anew, and one that is out of sight is not armed") {
  Arming arming = armed();
  CHECK(arming.lacks(Time(700)) == Lack::kNothing);
  arming.show(Time(700), Confirmation::kClick);
  arming.read();
  CHECK(arming.lacks(Time(1399)) == Lack::kTime);
  CHECK(arming.lacks(Time(5000)) == Lack::kMove);
  arming.hide();
  CHECK(arming.lacks(Time(5000)) == Lack::kNotShown);
}

TEST_CASE("keys of the first second are of somebody who was typing elsewhere") {
  Arming arming;
  CHECK_FALSE(arming.takesKeys(Time(5000)));
  arming.show(Time(100), Confirmation::kClick);
  CHECK_FALSE(arming.takesKeys(Time(1099)));
  CHECK(arming.takesKeys(Time(1100)));
}

TEST_CASE("a hold that began before it was armed is none, and letting go begins it anew") {
  Arming arming = armed(Confirmation::kHold);
  arming.press(Time(699));
  CHECK_FALSE(arming.held(Time(5000)));
  arming.press(Time(700));
  CHECK(arming.held(Time(1200)) == 0.5);
  arming.release();
  CHECK_FALSE(arming.held(Time(1700)));
  arming.press(Time(2000));
  CHECK(arming.held(Time(2999)) < 1);
  CHECK(arming.held(Time(3000)) == 1);
  arming.show(Time(3000), Confirmation::kHold);
  CHECK_FALSE(arming.held(Time(3000)));
}

}  // namespace
}  // namespace ringfence::ui
