#include "supervisor/store/chain.h"

#include <array>

#include "sdk/base/sha256.h"

namespace ringfence::supervisor {
namespace {

// Each part is preceded by its length, so that no two rows have the same bytes.
void appendNumber(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((number >> shift) & 0xffU);
}

void appendText(std::string& out, std::string_view text) {
  appendNumber(out, text.size());
  out += text;
}

}  // namespace

std::string chainStart() { return std::string(32, '\0'); }

std::string chainHash(std::string_view previous, const FactRow& row) {
  std::string bytes;
  bytes.reserve(160 + row.body.size());
  appendText(bytes, previous);
  appendNumber(bytes, row.seq);
  appendText(bytes, row.run);
  for (const Microseconds time : {row.at.wall, row.at.monotonic, row.at.boottime}) {
    appendNumber(bytes, static_cast<std::uint64_t>(time.count()));
  }
  appendText(bytes, row.bootId);
  appendText(bytes, row.kind);
  appendText(bytes, row.body);
  return sha256(bytes);
}

FactRow toRow(const Fact& fact) {
  return {.seq = fact.seq,
          .run = fact.run.text(),
          .at = fact.at,
          .bootId = fact.bootId,
          .kind = std::string(factKind(fact.body)),
          .body = encodeFactBody(fact.body)};
}

Result<Fact> toFact(const FactRow& row) {
  Fact fact{.seq = row.seq, .run = {}, .at = row.at, .bootId = row.bootId, .body = {}};
  const std::string context = "fact " + std::to_string(row.seq);
  if (!row.run.empty()) {
    const auto run = RunId::parse(row.run);
    if (!run) return Error{ErrorCode::kInvalid, context + ": names no valid run", 0};
    fact.run = *run;
  }
  auto body = decodeFactBody(row.kind, row.body);
  if (!body) return std::move(body).error().with(context);
  fact.body = *std::move(body);
  return fact;
}

}  // namespace ringfence::supervisor
