#include "supervisor/api/nesting.h"

namespace ringfence::supervisor::api {

bool nestsDeeperThan(std::string_view json, int levels) {
  int depth = 0;
  bool inText = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (inText) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inText = false;
      continue;
    }
    if (c == '"') inText = true;
    if (c == '{' || c == '[') {
      if (++depth > levels) return true;
    }
    if (c == '}' || c == ']') --depth;
  }
  return false;
}

}  // namespace ringfence::supervisor::api
