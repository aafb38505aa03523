#include "supervisor/clients.h"

#include <algorithm>
#include <iterator>

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

// What a person decided for themselves, beside all runs: a file that they trust, a grant of theirs that ended, a home.
bool isOwn(const LogEntry& entry, const Peer& peer) {
  static constexpr std::string_view kOwn[] = {"policy-trusted", "grant-revoked", "grant-expired", "home-removed"};
  if (std::ranges::find(kOwn, entry.kind) == std::end(kOwn)) return false;
  auto body = decodeFactBody(entry.kind, entry.body);
  if (!body) return false;
  if (const auto* trusted = std::get_if<PolicyTrusted>(&*body)) return trusted->uid == peer.uid;
  if (const auto* removed = std::get_if<HomeRemoved>(&*body)) return removed->uid == peer.uid;
  if (const auto* revoked = std::get_if<GrantRevoked>(&*body)) return revoked->uid == peer.uid;
  const auto* expired = std::get_if<GrantExpired>(&*body);
  return expired != nullptr && expired->uid == peer.uid;
}

// Whoever stopped everything did it for all to see: its socket tells anybody as much. What agents have of the
// processors is seen by any of them.
bool isForAll(const LogEntry& entry) {
  return entry.kind == "emergency-stopped" || entry.kind == "rearmed" || entry.kind == "latch-released" ||
         entry.kind == "processors-reserved";
}

// A fact about no run, or about one whose owner is not known any more, is for those who may see everything.
bool mayRead(LogStream& stream, const LogEntry& entry, const Peer& peer, const State& state) {
  if (!stream.run.empty() && entry.run != stream.run) return false;
  if (peer.admin || peer.viewer) return true;
  if (entry.run.empty()) return isOwn(entry, peer) || isForAll(entry);
  const auto owner = ownerOf(stream, entry, state);
  return owner.has_value() && maySee(peer, *owner);
}

api::UsageBucket shown(const SampleBucket& bucket) {
  return {.run = bucket.run.text(),
          .start = bucket.start,
          .seconds = bucket.seconds,
          .cpuUsec = bucket.cpuUsec,
          .ioReadBytes = bucket.ioReadBytes,
          .ioWriteBytes = bucket.ioWriteBytes,
          .memoryMin = bucket.memoryMin,
          .memoryMean = bucket.memoryMean,
          .memoryMax = bucket.memoryMax,
          .pidsMax = bucket.pidsMax};
}

}  // namespace

ClientId Clients::add(UniqueFd socket, api::PeerIdentity identity, Now now) {
  const Peer peer = identity.peer;
  clients_.try_emplace(next_, Client{api::Session(std::move(socket), peer, now), std::move(identity), {}, {}});
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

bool Clients::pumpSeries(const LogAccess& log, Now now) {
  const auto isWaiting = [](const auto& one) { return one.second.series && one.second.session.hasRoom(); };
  auto next = std::find_if(clients_.upper_bound(lastSeries_), clients_.end(), isWaiting);
  if (next == clients_.end()) next = std::find_if(clients_.begin(), clients_.end(), isWaiting);
  if (next == clients_.end()) return false;
  lastSeries_ = next->first;
  pump(next->second, log, now);
  return std::ranges::any_of(clients_, isWaiting);
}

void Clients::pump(Client& client, const LogAccess& log, Now now) {
  SeriesStream& stream = *client.series;
  if (stream.buckets.empty() && !stream.runs.empty()) {
    auto read = log.series(stream.runs.front(), stream.since);
    stream.runs.pop_front();
    if (!read) {
      client.session.send(stream.request, api::refusalOf(read.error()), {}, api::Last::kYes, now);
      client.series.reset();
      return;
    }
    stream.buckets.assign(read->begin(), read->end());
  }
  while (!stream.buckets.empty() && client.session.hasRoom()) {
    const std::size_t count = std::min(stream.buckets.size(), kSeriesPage);
    const auto end = stream.buckets.begin() + static_cast<std::ptrdiff_t>(count);
    api::UsageList page;
    std::ranges::transform(stream.buckets.begin(), end, std::back_inserter(page.series), shown);
    stream.buckets.erase(stream.buckets.begin(), end);
    client.session.send(stream.request, page, {}, api::Last::kNo, now);
  }
  if (!stream.buckets.empty() || !stream.runs.empty()) return;
  client.session.send(stream.request, api::UsageList{}, {}, api::Last::kYes, now);
  client.series.reset();
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
