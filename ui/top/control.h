// What keys do: which run is chosen, the order of the table, and what is to be done to a run. Pure.
//
// A key acts on the run that was chosen by its id, wherever it stands meanwhile. When that run ends, nothing is chosen
// until a person chooses again: a key that was on its way must not hit the run that moved into its place.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "ui/top/model.h"

namespace ringfence::top {

enum class Move { kUp, kDown, kPageUp, kPageDown, kFirst, kLast };
using Press = std::variant<Move, char>;  // 0: a key that means nothing here

struct Order {
  client::Client::Verb verb;
  std::string run;
  std::string shown;  // for people: "r-0123456789abcdef (coder)"
};
struct Quit {};
struct Nothing {};
using Wish = std::variant<Nothing, Quit, Order>;

// "freeze", "resume", "stop", "kill".
std::string verbName(client::Client::Verb verb);

class Control {
 public:
  explicit Control(SortKey key) : key_(key) {}

  // After every change of the view, before typed(): follows the chosen run.
  void see(const View& view, std::size_t rowsShown);
  Wish typed(const Press& press, const View& view);
  // For the line at the bottom, until the next key.
  void say(std::string message) { message_ = std::move(message); }

  SortKey key() const { return key_; }
  const std::string& chosen() const { return chosen_; }  // an id; empty: none
  const std::string& message() const { return message_; }
  bool showsHelp() const { return help_; }
  std::size_t helpFrom() const { return helpFrom_; }  // line of the help at the top of the screen
  std::size_t firstRow() const { return first_; }

 private:
  Wish act(client::Client::Verb verb, const View& view);
  void move(Move where, const View& view);

  SortKey key_;
  std::string chosen_;
  std::string toKill_;  // asked once; empty: no
  std::string message_;
  bool help_ = false;
  std::size_t helpFrom_ = 0;
  bool everChosen_ = false;
  std::size_t at_ = 0;     // where the chosen run stands, or stood
  std::size_t first_ = 0;  // row of the table that is shown at its top
  std::size_t page_ = 1;
};

}  // namespace ringfence::top
