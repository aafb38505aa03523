// Untrusted bytes (names, arguments, paths, hosts, words of an agent) as text that a widget may show: what hides,
// reorders or imitates is spelled out, and no widget takes it for markup. Pure.
#pragma once

#include <QString>
#include <string_view>

#include "sdk/client/client.h"

namespace ringfence::ui {

// One line, escaped. Labels that show it must be Qt::PlainText.
QString visibleText(std::string_view untrusted);
// The same, not longer than `most` characters; what was cut off shows as "…" with how much there is more. Takes as long
// for a megabyte as for a line.
QString visibleText(std::string_view untrusted, int most);
// Argument by argument as a shell would need them, each escaped; nothing is cut off.
QString visibleCommand(const std::vector<std::string>& argv);
// The same, cut off after `most` characters; what was cut off shows as "…".
QString visibleCommand(const std::vector<std::string>& argv, int most);

// Visible text for a label that wraps: a line may end within a long word too, so that a name cannot widen a window.
QString breakable(const QString& text);
// Visible text for a tool tip, which takes what looks like markup for markup and has no way to be told otherwise.
QString toolTipOf(const QString& text);

// What a person is told of a failure: what the daemon said, or that it cannot be reached, and what goes on meanwhile.
QString troubleOf(const client::Failure& failure);
// Likewise of a daemon that is there and does not answer.
QString silenceText();

}  // namespace ringfence::ui
