#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/price_views.h"

namespace ringfence::cli {

int priceCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  const std::string typed = parsed.value("for").value_or("10s");
  const auto hold = parseAge(typed);
  if (!hold || *hold <= Microseconds{}) {
    complain("--for " + escapeForDisplay(typed) + ": not a duration like 90s, 10m, 2h or 3d");
    return kExitUsage;
  }
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  const auto answer = client->price(parsed.words[0], *hold);
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& price = std::get<client::PriceAnswer>(answer);
  if (form == Form::kJson)
    printLine(priceJson(price));
  else
    print(priceText(price));
  return kExitOk;
}

}  // namespace ringfence::cli
