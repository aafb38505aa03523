// Policy sources in one expression.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

#include "policy/load.h"
#include "policy/read_sources.h"

namespace ringfence::test {

inline policy::SourceText text(std::string file, std::string content) {
  return {.file = std::move(file), .text = std::move(content)};
}

inline std::vector<policy::SourceText> shippedProfiles() {
  auto read = policy::readDirectory(std::string(RF_SOURCE_DIR) + "/policy/profiles");
  REQUIRE(read);
  return std::move(*read);
}

inline policy::Sources shippedSources() {
  policy::Sources sources;
  sources.shipped = shippedProfiles();
  return sources;
}

inline policy::Document loaded(const policy::Sources& sources, const std::string& name,
                               policy::UnwiredKeys unwired = policy::UnwiredKeys::kRefuse) {
  auto result = policy::load(sources, name, {.unwired = unwired});
  if (const auto* errors = std::get_if<std::vector<policy::Diagnostic>>(&result)) { FAIL(policy::renderText(*errors)); }
  return std::get<policy::Loaded>(std::move(result)).document;
}

inline std::vector<policy::Diagnostic> refused(const policy::Sources& sources, const std::string& name,
                                               policy::UnwiredKeys unwired = policy::UnwiredKeys::kRefuse) {
  auto result = policy::load(sources, name, {.unwired = unwired});
  REQUIRE(std::holds_alternative<std::vector<policy::Diagnostic>>(result));
  auto errors = std::get<std::vector<policy::Diagnostic>>(std::move(result));
  REQUIRE_FALSE(errors.empty());
  return errors;
}

// A document from one text alone, with the keys that this build does not enforce accepted.
inline policy::Document document(const std::string& content) {
  policy::Sources sources;
  sources.file = text("test.toml", content);
  return loaded(sources, "test", policy::UnwiredKeys::kAccept);
}

}  // namespace ringfence::test
