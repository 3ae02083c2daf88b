#include "proxy/state/watches.h"

#include <cassert>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

using backends::PinnedLease;

constexpr std::string_view kUnwatchRequest = "*1\r\n$7\r\nUNWATCH\r\n";

std::string WordsOfRequest(std::string_view name, uint32_t argument) {
  std::string request;
  wire::AppendArrayHeader(2, &request);
  wire::AppendBulk(name, &request);
  wire::AppendBulk(std::to_string(argument), &request);
  return request;
}

}  // namespace

// The worker ends: nobody is told anything any more.
Watches::~Watches() {
  for (auto& [client, watch] : watches_) PinnedLease::Forget(std::move(watch.lease));
  for (WatchCall& call : calls_) PinnedLease::Forget(std::move(call.lease));
}

Watches::Watch* Watches::Find(uint32_t client) {
  const auto found = watches_.find(client);
  return found != watches_.end() ? &found->second : nullptr;
}

Watches::Watch* Watches::Find(const WatchCall& call) {
  Watch* const watch = Find(call.client);
  return watch != nullptr && watch->serial == call.serial ? watch : nullptr;
}

bool Watches::Holds(const Watch& watch, const HeldSnapshot& held) {
  return watch.state == WatchState::kSet && watch.lease->IsKept() && watch.snapshot == held->number;
}

void Watches::Start(RoutedRequest& routed, const Origin& origin, uint32_t others, backends::Ticket ticket) {
  const uint32_t client = origin.lane.number;
  // What failed is forgotten by the next attempt.
  if (const Watch* known = Find(client); known != nullptr && known->state == WatchState::kFailed) End(client);
  Watch* watch = Find(client);
  // EXEC will read nil, whatever else is watched.
  if (watch != nullptr && !Holds(*watch, origin.held))
    return sink_.OnReply(ticket, backends::Reply(std::string_view("+OK\r\n")));
  wire::Failure failure;
  const auto known = watch != nullptr ? std::optional(OnePlace::KnownKey{watch->node, watch->key}) : std::nullopt;
  const auto node = one_place_.Find(routed.spec, routed.request, *origin.held, origin.listener, known, &failure);
  if (!node) {
    if (watch == nullptr) watches_[client].state = WatchState::kFailed;
    return sink_.OnFailure(ticket, failure);
  }
  if (watch == nullptr) {
    watch = Open(*node, origin, others, ticket);
    if (watch == nullptr) return;
    watch->key = routed.request[1];
  }
  const uint32_t place = NewCall(WatchPurpose::kWatch, client, *watch);
  calls_[place].ticket = ticket;
  const backends::Ticket call{place, 0, 0, backends::Ticket::Kind::kWatch};
  if (routed.block) return watch->lease->Send(std::move(routed.block), call);
  watch->lease->Send(routed.request.encoded(), call);
}

Watches::Watch* Watches::Open(NodeId node, const Origin& origin, uint32_t others, backends::Ticket ticket) {
  const uint32_t client = origin.lane.number;
  Watch& watch = watches_[client];
  watch.serial = ++serial_;
  watch.state = WatchState::kFailed;
  backends::NodePool& nodes = origin.held.node_pools[node.pool];
  const conf::Pool& pool = origin.held->config.pools[node.pool];
  if (origin.held->pools[node.pool].nodes[node.node]->refuses_transactions()) {
    sink_.OnFailure(ticket,
                    {.code = wire::ErrorCode::kNoTransactions, .pool = pool.name, .node = pool.nodes[node.node].name});
    return nullptr;
  }
  const uint32_t most = origin.held->config.listeners[origin.listener].pinned_per_client;
  if (others >= most) {
    sink_.OnFailure(ticket, {.code = wire::ErrorCode::kTooManyOwn, .most = most});
    return nullptr;
  }
  const backends::Admission admission = nodes.Admits(node.node, {.is_read = false});
  if (admission != backends::Admission::kGranted) {
    nodes.Refuse(node.node, admission, ticket);
    return nullptr;
  }
  watch.lease = nodes.Pin(node.node, origin.lane.flavour, client);
  if (!watch.lease) {
    nodes.RefusePinned(node.node, ticket);
    return nullptr;
  }
  watch.state = WatchState::kAsked;
  watch.flavour = origin.lane.flavour;
  watch.node = node;
  watch.snapshot = origin.held->number;
  return &watch;
}

uint32_t Watches::NewCall(WatchPurpose purpose, uint32_t client, const Watch& watch) {
  const uint32_t place = calls_.Acquire();
  WatchCall& call = calls_[place];
  call.purpose = purpose;
  call.client = client;
  call.serial = watch.serial;
  return place;
}

Watches::WatchCall Watches::TakeCall(uint32_t place) {
  WatchCall call = std::move(calls_[place]);
  calls_.Release(place);
  return call;
}

std::optional<wire::Failure> Watches::RefusalOf(uint32_t client, const wire::CommandSpec& spec,
                                                const wire::Request& request, const KeyRouting& routing) {
  const Watch* const watch = Find(client);
  // By another configuration EXEC reads nil in any case.
  const bool holds = watch != nullptr && watch->state == WatchState::kSet && watch->snapshot == routing.snapshot.number;
  if (!holds) return std::nullopt;
  wire::Failure failure;
  const OnePlace::KnownKey known{watch->node, watch->key};
  const auto node = one_place_.Find(spec, request, routing.snapshot, routing.listener, known, &failure);
  return node ? std::nullopt : std::optional(failure);
}

void Watches::Execute(Transaction& transaction, const Origin& origin, Executions& executions, backends::Ticket ticket) {
  const uint32_t client = origin.lane.number;
  Watch* const watch = Find(client);
  if (watch == nullptr) return executions.Start(transaction, origin, ticket);
  if (Holds(*watch, origin.held)) {
    std::unique_ptr<PinnedLease> lease = std::move(watch->lease);
    const NodeId node = watch->node;
    watches_.erase(client);
    lease->LeaveLane();
    return executions.StartWatched(transaction, origin, {node, std::move(lease)}, ticket);
  }
  const bool is_lost = watch->state != WatchState::kFailed;
  End(client);
  if (is_lost) return sink_.OnReply(ticket, backends::Reply(Executions::NilOf(origin.lane.flavour.protocol)));
  sink_.OnFailure(ticket,
                  {.code = wire::ErrorCode::kTransactionDiscarded, .words = "ERR the WATCH before it has failed"});
}

void Watches::End(uint32_t client) {
  const auto found = watches_.find(client);
  if (found == watches_.end()) return;
  Watch watch = std::move(found->second);
  watches_.erase(found);
  GiveBack(client, watch);
}

void Watches::Lose(uint32_t client) {
  Watch* const watch = Find(client);
  if (watch == nullptr || watch->state != WatchState::kSet) return;
  GiveBack(client, *watch);
  watch->state = WatchState::kLost;
}

std::unique_ptr<PinnedLease> Watches::TakeLink(uint32_t client) {
  Watch* const watch = Find(client);
  if (watch == nullptr || !watch->lease) return nullptr;
  assert(watch->state != WatchState::kAsked);
  if (watch->state == WatchState::kSet) watch->state = WatchState::kLost;
  watch->lease->LeaveLane();
  return std::move(watch->lease);
}

void Watches::GiveBack(uint32_t client, Watch& watch) {
  std::unique_ptr<PinnedLease> given = std::move(watch.lease);
  if (!given || !given->has_link()) return;
  given->LeaveLane();
  if (watch.state == WatchState::kLost) return;
  const uint32_t place = NewCall(WatchPurpose::kUnwatch, client, watch);
  PinnedLease& lease = *given;
  calls_[place].lease = std::move(given);
  // Behind all that the client has sent; whoever leases the link next waits for none of it.
  lease.Send(kUnwatchRequest, {place, 0, 0, backends::Ticket::Kind::kWatch});
}

void Watches::Say(Watch& watch, uint32_t client, std::string_view request) {
  const uint32_t place = NewCall(WatchPurpose::kFollow, client, watch);
  watch.lease->Send(request, {place, 0, 0, backends::Ticket::Kind::kWatch});
}

void Watches::Follow(uint32_t client, backends::Flavour flavour) {
  Watch* const watch = Find(client);
  if (watch == nullptr || !watch->lease || !watch->lease->has_link()) return;
  watch->lease->Become(flavour);
  const backends::Flavour before = std::exchange(watch->flavour, flavour);
  if (before.protocol != flavour.protocol) Say(*watch, client, WordsOfRequest("HELLO", flavour.protocol));
  if (before.database != flavour.database) Say(*watch, client, WordsOfRequest("SELECT", flavour.database));
}

void Watches::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  WatchCall call = TakeCall(ticket.owner);
  const bool is_error = wire::IsError(reply.bytes());
  if (call.purpose == WatchPurpose::kUnwatch) {
    if (!is_error) PinnedLease::Return(std::move(call.lease));
    return;
  }
  Watch* const watch = Find(call);
  if (call.purpose == WatchPurpose::kFollow) {
    if (is_error && watch != nullptr) watch->state = WatchState::kLost;
    return;
  }
  // A later one that the node refuses leaves the first one as it is.
  if (watch != nullptr && watch->state == WatchState::kAsked) {
    watch->state = is_error ? WatchState::kFailed : WatchState::kSet;
    watch->lease->Mark();
  }
  sink_.OnReply(call.ticket, std::move(reply));
}

// Nobody is closed here: the link may be failing one request after the other.
void Watches::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  const WatchCall call = TakeCall(ticket.owner);
  Watch* const watch = Find(call);
  const bool was_asked = watch != nullptr && watch->state == WatchState::kAsked;
  switch (call.purpose) {
    case WatchPurpose::kUnwatch: return;
    case WatchPurpose::kFollow:
      if (watch != nullptr) watch->state = WatchState::kLost;
      return;
    case WatchPurpose::kWatch:
      if (watch != nullptr) watch->state = was_asked ? WatchState::kFailed : WatchState::kLost;
      return sink_.OnFailure(call.ticket, failure);
  }
}

}  // namespace ringproxy::proxy
