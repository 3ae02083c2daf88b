// proxy/session/client_requests.h – The requests of one client from the moment they are framed until they are answered.
//
// Purpose: opens a slot for each, asks the limits, hands it to the nodes, and puts the reply, whoever gives it, into
// the output in the order of the requests. Bounds what one client may have under way. Threads: its session's. Lifetime:
// its session's, as that of all it is given. Promise: every request gets exactly one reply, in order (semantics.md 11
// to 13).
#pragma once

#include <memory>
#include <string_view>

#include "backends/net/send_queue.h"
#include "backends/reply.h"
#include "backends/ticket.h"
#include "proxy/local/local_commands.h"
#include "proxy/session/client_io.h"
#include "proxy/session/parked_request.h"
#include "proxy/session/reply_forecast.h"
#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

class ClientRequests {
 public:
  // `owner`: names the session in the tickets of its requests. `mark`: the session's, set when a reply is there.
  ClientRequests(ClientIo& io, ListenerContext& listener, ClientState& client, backends::Ticket owner, TurnMark& mark,
                 net::SendQueue& output);

  // A reply of the proxy's own to a request of `request_bytes`; where there is no memory for it, the words that say so.
  void AnswerHere(std::string_view reply, size_t request_bytes, wire::Quiet quiet = wire::Quiet::kNone);
  // To the nodes, if the limits allow it. Takes the block, if there is one.
  void Dispatch(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet);

  // Of a node. `slot`: the ticket's.
  void OnReply(uint32_t slot, backends::Reply&& reply);
  void OnFailure(uint32_t slot, const wire::Failure& failure);
  // What the limits say of the request that waits; `use` is its ticket from now on.
  void OnAdmitted(uint32_t slot, backends::Ticket use);
  void OnRefused(uint32_t slot, const RateLimiter::Decision& decision);

  // No further request is taken for now.
  bool IsFull() const;
  // The output of this turn has been written, or stays.
  void EndTurn();
  // The session's index.
  uint32_t owner() const { return owner_.owner; }
  // Nothing waits for its reply.
  bool empty() const { return replies_.empty(); }
  // Of replies that wait for their turn, and beyond a bound of them.
  size_t aside_bytes() const { return replies_.aside_bytes(); }
  bool too_much_waits() const;
  void ShrinkIfEmpty() { replies_.ShrinkIfEmpty(); }

 private:
  // True: it goes on now, with a ticket that may be another one.
  bool PassesLimits(RoutedRequest& routed, uint32_t slot, backends::Ticket* ticket);
  void Refuse(const wire::CommandSpec& spec, const wire::Request& request, uint32_t slot,
              const RateLimiter::Decision& decision);
  void Send(RoutedRequest& routed, backends::Ticket ticket);
  void Answer(uint32_t slot, backends::Reply&& reply);

  ClientIo& io_;
  ListenerContext& listener_;
  ClientState& client_;
  TurnMark& mark_;
  net::SendQueue& output_;
  ReplyQueue replies_;
  ReplyForecast forecast_;
  std::unique_ptr<ParkedRequest> parked_;  // It waits for its limits, and all that came after it stays unread.
  size_t unread_own_bytes_ = 0;            // At most so much of the waiting output are replies of the proxy's own.
  size_t own_bytes_of_turn_ = 0;
  backends::Ticket owner_;
};

}  // namespace ringproxy::proxy
