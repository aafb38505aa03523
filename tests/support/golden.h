// Golden files: text in the repository that a test's output must equal. UPDATE_GOLDEN=1 in the environment rewrites
// them; the diff is then reviewed like code.
#pragma once

#include <string>

namespace ringfence::test {

// `name` is relative to tests/golden. A missing file differs from everything.
void checkGolden(const std::string& name, const std::string& text);

}  // namespace ringfence::test
