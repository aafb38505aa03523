// Which adapter a command has, and what it makes of the request for its run.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>

#include "sdk/client/client.h"
#include "ui/cli/adapter_shelf.h"
#include "ui/cli/format.h"

namespace ringfence::cli {

struct AdapterChoice {
  policy::Adapter adapter;
  std::optional<std::size_t>
      place;  // of the agent among the words; absent: the adapter was named, and is not known by them
};

// `named`: "" is whichever knows the command, "none" is none, else that one. Fails with kNotFound, or kInvalid and its
// diagnostics, for one that is named and is not there or does not load.
Result<std::optional<AdapterChoice>> chooseAdapter(const AdapterShelf& shelf, const std::string& named,
                                                   const client::RunRequest& request);

// Adds arguments and environment (a variable that the person set with --env stays), and what its start is told. `hook`:
// where ringfence-hook is, inside as well. Without `place` no argument is added: nobody knows where it would belong.
// Pure.
void applyAdapter(const AdapterChoice& choice, const std::string& hook, client::RunRequest& request);

// For --dry-run: what was done, for people, and as one JSON object.
std::string describeAdapter(const AdapterChoice& choice, const client::RunRequest& request);
std::string adapterJson(const policy::Adapter& adapter);

// ringfence-hook, beside this program or where packages put it; empty: it is not there.
std::string findHook();

}  // namespace ringfence::cli
