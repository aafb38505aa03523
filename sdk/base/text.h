// Text that may come from an agent or another user: escaping, bounds, encodings. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence {

// Printable form of untrusted bytes: control characters, ESC, C1, invalid UTF-8, bidirectional overrides, zero-width
// and tag characters become \n, \x1b, \u{202e}; a backslash becomes two. The result is valid UTF-8 and holds no control
// character.
std::string escapeForDisplay(std::string_view bytes);

// True when escapeForDisplay would change something.
bool needsEscaping(std::string_view bytes);

// A JSON string literal with its quotes. Input that is not UTF-8 is escaped for display first. Characters that hide,
// reorder or forge what is shown are \uXXXX in it, so that a person who reads the JSON sees them; a parser sees no
// difference.
std::string quoteJson(std::string_view text);

// The same for text that is JSON already: an equal document for every parser.
std::string escapeJson(std::string_view json);

std::string encodeBase64(std::string_view bytes);
std::optional<std::string> decodeBase64(std::string_view text);
std::string encodeHex(std::string_view bytes);

bool isValidUtf8(std::string_view bytes);

// Candidate with the smallest edit distance, when it is close enough to be what was meant (at most a third of the
// length).
std::optional<std::string_view> nearestName(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace ringfence
