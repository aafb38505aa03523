// What a person may put in the place of what an agent wants, as they edit it. Pure.
#pragma once

#include <QString>
#include <optional>
#include <variant>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::ui {

// One argument of a command in the editor. One that cannot be typed as it is (it holds what hides or is no text) can be
// left out or replaced, not edited: `raw` is sent then.
struct EditedArgument {
  QString shown;
  bool isEditable = true;
  std::string raw;
};
std::vector<EditedArgument> editableArguments(const std::vector<std::string>& argv);

struct EditedAction {
  std::vector<EditedArgument> arguments;  // of the start of a program
  QString path;                           // of a read or a change
  QString host;                           // of a connection
  QString content;                        // prepared, of a read
  bool usesContent = false;
};
// As the agent wants it.
EditedAction beginEditing(const client::PendingItem& item);
bool canRewrite(const client::PendingItem& item);
// The answer, or why it cannot be one: nothing is changed yet, or what is wrong.
std::variant<client::RewriteAnswer, QString> rewriteOf(const client::PendingItem& item, const EditedAction& edited);

}  // namespace ringfence::ui
