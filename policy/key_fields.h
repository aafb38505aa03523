// Where the value of each key lives in a Document: a pair of functions for each kind of field, for the table in
// keys.cc.
#pragma once

#include <cstdint>
#include <type_traits>
#include <variant>
#include <vector>

#include "policy/keys.h"

namespace ringfence::policy {

template <auto Part, auto Field>
void applyChoice(Document& document, const Decoded& value) {
  auto& field = (document.*Part).*Field;
  field = static_cast<std::remove_reference_t<decltype(field)>>(std::get<std::uint64_t>(value));
}
template <auto Part, auto Field>
Decoded readChoice(const Document& document) {
  return static_cast<std::uint64_t>((document.*Part).*Field);
}

template <auto Field>
void applyOwnChoice(Document& document, const Decoded& value) {
  auto& field = document.*Field;
  field = static_cast<std::remove_reference_t<decltype(field)>>(std::get<std::uint64_t>(value));
}
template <auto Field>
Decoded readOwnChoice(const Document& document) {
  return static_cast<std::uint64_t>(document.*Field);
}

void addPaths(std::vector<PathRule>& rules, const Decoded& value);
Decoded pathsOf(const std::vector<PathRule>& rules);
template <auto Field>
void applyPaths(Document& document, const Decoded& value) {
  addPaths(document.files.*Field, value);
}
template <auto Field>
Decoded readPaths(const Document& document) {
  return pathsOf(document.files.*Field);
}

void addHosts(std::vector<HostRule>& rules, const Decoded& value);
template <auto Field>
void applyHosts(Document& document, const Decoded& value) {
  addHosts(document.network.*Field, value);
}
template <auto Field>
Decoded readHosts(const Document& document) {
  return document.network.*Field;
}

void applyPathRewrites(Document& document, const Decoded& value);
Decoded readPathRewrites(const Document& document);
void applyHostRewrites(Document& document, const Decoded& value);
Decoded readHostRewrites(const Document& document);
void applyCredentials(Document& document, const Decoded& value);
Decoded readCredentials(const Document& document);
void applyGrants(Document& document, const Decoded& value);
// Those that some file wrote: what a person granted a run is not its policy.
Decoded readGrants(const Document& document);
void applyAuditRead(Document& document, const Decoded& value);
Decoded readAuditRead(const Document& document);

void applyLoopback(Document& document, const Decoded& value);
Decoded readLoopback(const Document& document);
void applyPublish(Document& document, const Decoded& value);
Decoded readPublish(const Document& document);
void applySendLimit(Document& document, const Decoded& value);
Decoded readSendLimit(const Document& document);
void applyTimeout(Document& document, const Decoded& value);
Decoded readTimeout(const Document& document);
void applyPerMinute(Document& document, const Decoded& value);
Decoded readPerMinute(const Document& document);

void applyExec(Document& document, const Decoded& value);
Decoded readExec(const Document& document);
void applyTools(Document& document, const Decoded& value);
Decoded readTools(const Document& document);
void applyGroups(Document& document, const Decoded& value);
Decoded readGroups(const Document& document);
void applyPass(Document& document, const Decoded& value);
Decoded readPass(const Document& document);
void applySet(Document& document, const Decoded& value);
Decoded readSet(const Document& document);
void applyCpu(Document& document, const Decoded& value);
Decoded readCpu(const Document& document);
void applyMemory(Document& document, const Decoded& value);
Decoded readMemory(const Document& document);
void applyNpu(Document& document, const Decoded& value);
Decoded readNpu(const Document& document);
void applyGpu(Document& document, const Decoded& value);
Decoded readGpu(const Document& document);
void applyIoWrite(Document& document, const Decoded& value);
Decoded readIoWrite(const Document& document);
void applyPreemptGrace(Document& document, const Decoded& value);
Decoded readPreemptGrace(const Document& document);
// Numbers of limits that may be absent.
template <auto Field>
void applyLimit(Document& document, const Decoded& value) {
  auto& field = document.limits.*Field;
  field = static_cast<typename std::remove_reference_t<decltype(field)>::value_type>(std::get<std::uint64_t>(value));
}
template <auto Field>
Decoded readLimit(const Document& document) {
  const auto& field = document.limits.*Field;
  if (!field) return {};
  return static_cast<std::uint64_t>(*field);
}
template <auto Field>
void applyTime(Document& document, const Decoded& value) {
  document.limits.*Field = std::chrono::seconds(std::get<std::uint64_t>(value));
}
template <auto Field>
Decoded readTime(const Document& document) {
  const auto& field = document.limits.*Field;
  if (!field) return {};
  return static_cast<std::uint64_t>(field->count());
}

}  // namespace ringfence::policy
