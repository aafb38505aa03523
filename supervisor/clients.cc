#include "supervisor/clients.h"

namespace ringfence::supervisor {
namespace {

std::optional<std::uint32_t> ownerOf(LogStream& stream, const LogEntry& entry, const State& state) {
  if (const auto id = RunId::parse(entry.run)) {
    const auto found = state.runs.find(*id);
    if (found != state.runs.end()) return found->second.what.callerUid;
  }
  if (entry.kind == "run-admitted") {
    auto body = decodeFactBody(entry.kind, entry.body);
    const auto* admitted = body ? std::get_if<RunAdmitted>(&*body) : nullptr;
    if (admitted == nullptr) return std::nullopt;
    if (stream.owners.size() < kMaxRememberedOwners) stream.owners[entry.run] = admitted->callerUid;
    return admitted->callerUid;
  }
  const auto remembered = stream.owners.find(entry.run);
  if (remembered == stream.owners.end()) return std::nullopt;
  return remembered->second;
}

// What a person decided for themselves, beside all runs: a file that they trust, a grant of theirs that ended.
bool isOwn(const LogEntry& entry, const Peer& peer) {
  if (entry.kind != "policy-trusted" && entry.kind != "grant-revoked" && entry.kind != "grant-expired") return false;
  auto body = decodeFactBody(entry.kind, entry.body);
  if (!body) return false;
  if (const auto* trusted = std::get_if<PolicyTrusted>(&*body)) return trusted->uid == peer.uid;
  if (const auto* revoked = std::get_if<GrantRevoked>(&*body)) return revoked->uid == peer.uid;
  const auto* expired = std::get_if<GrantExpired>(&*body);
  return expired != nullptr && expired->uid == peer.uid;
}

// A fact about no run, or about one whose owner is not known any more, is for those who may see everything.
bool mayRead(LogStream& stream, const LogEntry& entry, const Peer& peer, const State& state) {
  if (!stream.run.empty() && entry.run != stream.run) return false;
  if (peer.admin || peer.viewer) return true;
  if (entry.run.empty()) return isOwn(entry, peer);
  const auto owner = ownerOf(stream, entry, state);
  return owner.has_value() && maySee(peer, *owner);
}

}  // namespace

ClientId Clients::add(UniqueFd socket, api::PeerIdentity identity, Now now) {
  const Peer peer = identity.peer;
  clients_.try_emplace(next_, Client{api::Session(std::move(socket), peer, now), std::move(identity), std::nullopt});
  return next_++;
}

Client* Clients::find(ClientId id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : &found->second;
}

void Clients::answer(ClientId id, std::uint64_t request, const api::Answer& answer, std::vector<UniqueFd> fds,
                     api::Last last, Now now) {
  if (Client* client = find(id)) client->session.send(request, answer, std::move(fds), last, now);
}

bool Clients::pumpLogs(const State& state, std::uint64_t durableSeq, const LogAccess& log, Now now) {
  bool more = false;
  for (auto& [id, client] : clients_) {
    if (client.log && client.session.hasRoom()) more = pump(client, state, durableSeq, log, now) || more;
  }
  return more;
}

bool Clients::pump(Client& client, const State& state, std::uint64_t durableSeq, const LogAccess& log, Now now) {
  LogStream& stream = *client.log;
  if (stream.nextSince < durableSeq) {
    auto page = log.read(stream.nextSince, kLogPage);
    if (!page) {
      client.session.send(stream.request, api::refusalOf(page.error()), {}, api::Last::kYes, now);
      client.log.reset();
      return false;
    }
    for (const LogEntry& entry : *page) {
      stream.nextSince = entry.seq;
      // Who the owner of a run is must be seen all the same.
      const bool mine = mayRead(stream, entry, client.identity.peer, state);
      if (!mine || entry.wall < stream.sinceWall) continue;
      const api::LogLine line{entry.seq, formatRfc3339(entry.wall), entry.run, entry.kind, entry.body, entry.hash};
      client.session.send(stream.request, line, {}, api::Last::kNo, now);
    }
    if (!page->empty()) return client.session.hasRoom();
  }
  if (stream.follow) return false;
  client.session.send(stream.request, api::Done{}, {}, api::Last::kYes, now);
  client.log.reset();
  return false;
}

}  // namespace ringfence::supervisor
