// Any bytes from the agent are refused, wait for more, or are read as one thing. The first byte chooses the protocol.
#include <algorithm>
#include <cstdint>
#include <string>

#include "sandbox/egress/client_hello.h"
#include "sandbox/egress/dns_message.h"
#include "sandbox/egress/http_answer.h"
#include "sandbox/egress/http_body.h"
#include "sandbox/egress/http_head.h"
#include "sandbox/egress/http_upgrade.h"
#include "sandbox/egress/socks.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

// An answer: what is told to the client is read again as the same, and no more is taken than is there.
void fuzzReply(std::string_view bytes) {
  const auto read = readUpgradeReply(bytes);
  const auto* reply = std::get_if<UpgradeReply>(&read);
  if (reply == nullptr) return;
  RF_CHECK(reply->length <= bytes.size());
  if (reply->head.size() > kMaxHttpHead.count) return;
  const auto again = readUpgradeReply(reply->head);
  const auto* second = std::get_if<UpgradeReply>(&again);
  RF_CHECK(second != nullptr && second->kind == reply->kind && second->length == reply->head.size());
}

void fuzzHttp(std::string_view bytes) {
  fuzzReply(bytes);
  const auto parsed = parseHttpHead(bytes);
  const auto* head = std::get_if<HttpHead>(&parsed);
  if (head == nullptr) return;
  RF_CHECK(head->length <= bytes.size());
  (void)hostOf(*head, 80);
  const auto target = parseAbsoluteTarget(head->target);
  const auto framing = framingOf(*head);
  if (framing) {
    BodyScanner scanner(*framing);
    const auto taken = scanner.take(bytes.substr(head->length));
    RF_CHECK(!taken || *taken <= bytes.size() - head->length);
  }
  if (framing) (void)upgradeOf(*head, *framing).has_value();
  if (!target || !framing) return;
  // What is forwarded is read again as the same request, with the same end.
  const auto made = forwardedHead(*head, {.target = target->origin, .host = target->destination.host, .set = {}});
  if (!made) return;
  const auto again = parseHttpHead(*made);
  const auto* second = std::get_if<HttpHead>(&again);
  if (second == nullptr) {
    RF_CHECK(made->size() > kMaxHttpHead.count || head->fields.size() + 2 > kMaxHttpFields);
    return;
  }
  RF_CHECK(second->method == head->method && second->target == target->origin && second->length == made->size());
  const auto framingAgain = framingOf(*second);
  RF_CHECK(framingAgain && framingAgain->index() == framing->index());
  RF_CHECK(hostOf(*second, 80)->host == target->destination.host);
}

void fuzzChunks(std::string_view bytes) {
  BodyScanner whole{Framing{Chunked{}}};
  const auto all = whole.take(bytes);
  BodyScanner pieces{Framing{Chunked{}}};
  std::size_t taken = 0;
  for (std::size_t at = 0; at < bytes.size() && !pieces.done(); ++at) {
    const auto one = pieces.take(bytes.substr(at, 1));
    if (!one) {
      RF_CHECK(!all);
      return;
    }
    taken += *one;
  }
  RF_CHECK(all && *all == taken && whole.done() == pieces.done());
}

void fuzzDns(std::string_view bytes) {
  const auto parsed = parseDnsQuery(bytes);
  if (const auto* question = std::get_if<DnsQuestion>(&parsed)) {
    const std::string answer = dnsAnswer(*question, DnsCode::kNoError, DnsAddress{.v4 = 1, .seconds = 1});
    const auto reply = parseDnsReply(answer, question->id, question->name, question->type);
    RF_CHECK(reply && reply->addresses.size() <= 1);
  }
  if (bytes.size() >= 2) {
    const auto id =
        static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1]));
    for (const std::uint16_t type : {kDnsA, kDnsAaaa}) (void)parseDnsReply(bytes, id, "a.org", type);
  }
}

// Wherever an answer is cut, it is read as the same.
void fuzzAnswers(std::string_view bytes) {
  HttpAnswerReader whole, pieces;
  AnswerCounts counts, countsOfPieces;
  whole.take(bytes, counts);
  whole.finish(counts);
  for (std::size_t at = 0; at < bytes.size(); ++at) pieces.take(bytes.substr(at, 1), countsOfPieces);
  pieces.finish(countsOfPieces);
  RF_CHECK(whole.isOff() && pieces.isOff());
  RF_CHECK(counts.take() == countsOfPieces.take());
  for (const auto form : {StatedUsageReader::Form::kDocuments, StatedUsageReader::Form::kEvents}) {
    StatedUsageReader together(form), apart(form);
    together.take(bytes);
    for (std::size_t at = 0; at < bytes.size(); ++at) apart.take(bytes.substr(at, 1));
    RF_CHECK(together.stated() == apart.stated());
    RF_CHECK(!together.stated() || together.stated()->model.size() <= kMaxModelName);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0: fuzzHttp(bytes); break;
    case 1: fuzzChunks(bytes); break;
    case 2: fuzzDns(bytes); break;
    case 3: {
      (void)parseSocksGreeting(bytes);
      const auto parsed = parseSocksRequest(bytes);
      if (const auto* request = std::get_if<SocksRequest>(&parsed)) {
        RF_CHECK(request->length <= bytes.size());
        RF_CHECK(parseAuthority(request->destination.text(), std::nullopt).value() == request->destination);
      }
      break;
    }
    case 5: fuzzAnswers(bytes); break;
    default: {
      const auto parsed = parseClientHello(bytes);
      if (const auto* hello = std::get_if<ClientHello>(&parsed))
        RF_CHECK(!hello->serverName || !hello->serverName->empty());
    }
  }
  return 0;
}
