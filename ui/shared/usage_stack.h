// Runs on top of one another: which of many get a band of their own in plots, and what the others make together. Pure.
#pragma once

#include <QString>
#include <optional>
#include <vector>

namespace ringfence::ui {

struct Band {
  QString name;
  std::vector<std::optional<double>> values;  // the newest last
};

// Places of the `most` bands that use most of both figures, by name so that none jumps while it stays among them.
std::vector<std::size_t> greatestOf(const std::vector<Band>& one, const std::vector<Band>& other, std::size_t most);

// Those at `places`, in that order, and one more named `others` for the rest where there is one. All equally long: what
// began later was not known before.
std::vector<Band> stackOf(std::vector<Band> bands, const std::vector<std::size_t>& places, const QString& others);

}  // namespace ringfence::ui
