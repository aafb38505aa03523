#include "trace.h"

#include <memory>
#include <sstream>
#include <stdexcept>

namespace ringfence::test {
namespace {

class Player {
 public:
  void line(std::istringstream words) {
    std::string first, what;
    words >> first;
    if (first.empty() || first[0] == '#') return;
    if (first == "trigger") {
      std::string rest;
      std::getline(words, rest);
      auto spec = supervisor::stop::parseTrigger(rest);
      if (!spec) throw std::runtime_error(spec.error().message);
      specs_.emplace_back(*spec);
      return;
    }
    if (!triggers_) triggers_ = std::make_unique<supervisor::stop::TriggerList>(specs_);
    at_ = std::stol(first);
    words >> what;
    if (what == "fires") {
      int trigger = 0;
      std::string held;
      words >> trigger >> held;
      result_.expected.push_back(
          {at_, trigger, held == "held" ? supervisor::stop::Press::kFoundHeld : supervisor::stop::Press::kPressed});
      return;
    }
    advanceTo(at_);
    if (what == "end") return;
    std::size_t slot = 0;
    words >> slot;
    act(what, slot, words);
    take(at_);
  }

  TraceResult result() { return result_; }

 private:
  static Microseconds time(long at) { return std::chrono::milliseconds(at); }

  static int code(const std::string& name) {
    const auto keys = supervisor::stop::keysNamed(name);
    if (keys.size() != 1) throw std::runtime_error("no key: " + name);
    return keys[0];
  }

  void act(const std::string& what, std::size_t slot, std::istringstream& words) {
    std::string word;
    if (what == "plug") {
      words >> word;
      const supervisor::stop::DeviceId id{static_cast<std::uint16_t>(std::stoul(word.substr(0, 4), nullptr, 16)),
                                          static_cast<std::uint16_t>(std::stoul(word.substr(5), nullptr, 16))};
      std::vector<int> keys, held;
      while (words >> word) {
        const bool down = word.back() == '!';
        keys.push_back(code(down ? word.substr(0, word.size() - 1) : word));
        if (down) held.push_back(keys.back());
      }
      triggers_->attach(slot, id, keys, held, time(at_));
    } else if (what == "key") {
      int value = 0;
      words >> word >> value;
      triggers_->event({time(at_), slot, code(word), value});
    } else if (what == "dropped") {
      triggers_->dropped(slot, time(at_));
    } else if (what == "unplug") {
      triggers_->detach(slot, time(at_));
    } else {
      throw std::runtime_error("no such thing: " + what);
    }
  }

  void advanceTo(long at) {
    for (auto due = triggers_->deadline(); due && *due < time(at); due = triggers_->deadline()) {
      triggers_->advance(*due);
      take(std::chrono::duration_cast<std::chrono::milliseconds>(*due).count());
    }
    triggers_->advance(time(at));
    take(at);
  }

  void take(long at) {
    for (const auto& fired : triggers_->takeFired()) result_.fired.push_back({at, fired.trigger, fired.press});
  }

  std::vector<std::optional<supervisor::stop::TriggerSpec>> specs_;
  std::unique_ptr<supervisor::stop::TriggerList> triggers_;
  long at_ = 0;
  TraceResult result_;
};

}  // namespace

std::string words(const std::vector<Fired>& fired) {
  std::string text;
  for (const Fired& one : fired)
    text += std::to_string(one.at) + " fires " + std::to_string(one.trigger) +
            (one.press == supervisor::stop::Press::kFoundHeld ? " held\n" : "\n");
  return text;
}

TraceResult playTrace(const std::string& text) {
  Player player;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) player.line(std::istringstream(line));
  return player.result();
}

}  // namespace ringfence::test
