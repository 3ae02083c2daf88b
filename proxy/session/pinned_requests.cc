#include "proxy/session/pinned_requests.h"

#include <utility>

#include "backends/wire/command.h"

namespace ringproxy::proxy {

void SendPinned(ClientIo& io, ClientState& client, RoutedRequest& routed, const Origin& origin,
                backends::Ticket ticket) {
  const uint32_t lane = origin.lane.number;
  const uint32_t subscribed = client.refused.may_listen() ? io.subscriptions->OwnLinksOf(lane) : 0;
  if (wire::IsBlocking(routed.spec))
    return io.waits.Start(routed, origin, {io.watches.LinkOf(lane), subscribed}, ticket);
  client.flavour.is_pinned = true;
  io.watches.Start(routed, origin, subscribed, ticket);
}

void SendTransaction(ClientIo& io, ClientState& client, Origin origin, backends::Ticket ticket) {
  const std::unique_ptr<Transaction> transaction = std::move(client.transaction);
  const bool may_watch = std::exchange(client.flavour.is_pinned, false);
  origin.lane.flavour = client.flavour;
  may_watch ? io.watches.Execute(*transaction, origin, io.executions, ticket)
            : io.executions.Start(*transaction, origin, ticket);
}

void FollowPinned(ClientIo& io, const ClientState& client, uint32_t lane) {
  client.flavour.is_pinned ? io.watches.Follow(lane, client.flavour) : io.watches.End(lane);
}

void LeavePinned(ClientIo& io, ClientState& client, uint32_t lane) {
  // First, since it may wait on the link on which it watches.
  io.waits.Leave(lane);
  if (std::exchange(client.flavour.is_pinned, false)) io.watches.End(lane);
}

}  // namespace ringproxy::proxy
