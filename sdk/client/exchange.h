// One request on a client's connection, and its answers: packets in and out, long ones in a memfd. For client.cc alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/io.h"
#include "sdk/client/client.h"
#include "sdk/client/convert.h"

namespace ringfence::client {

Failure failed(Error error);

// Lives for one call.
struct Client::Exchange {
  Client& client;
  v1::ClientPacket request{};
  std::vector<int> fds{};
  v1::ServerPacket answer{};
  std::vector<UniqueFd> received{};

  explicit Exchange(Client& owner) : client(owner) { request.set_id(client.nextId_++); }

  std::uint64_t id() const { return request.id(); }
  Result<void> send();
  // Waits for the next answer to this request; answers of the stream that come in between are kept.
  std::optional<Failure> receive();
  std::optional<Failure> ask();
  static Result<void> unfold(Packet& packet);
  static Result<void> parse(std::string_view bytes, v1::ServerPacket& packet);
  // The next answer of the stream, kept or new.
  static std::optional<Failure> receiveStream(Client& client, v1::ServerPacket& packet);

  static Failure unexpected(const char* what) {
    return failed({ErrorCode::kInternal, std::string("the daemon answered something else than ") + what});
  }
};

}  // namespace ringfence::client
