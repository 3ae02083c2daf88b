// proxy/route/pubsub_desk.h – Who takes the requests of handling kPubSub: they concern what clients listen to, which is
// kept beyond the reach of routing.
//
// Threads: its worker's. Promise: as the dispatcher's.
#pragma once

#include "backends/ticket.h"
#include "proxy/route/routed_request.h"

namespace ringproxy::proxy {

class PubSubDesk {
 public:
  virtual void Dispatch(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) = 0;

 protected:
  ~PubSubDesk() = default;
};

}  // namespace ringproxy::proxy
