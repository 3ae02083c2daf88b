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
#include "proxy/session/message_order.h"
#include "proxy/session/own_replies.h"
#include "proxy/session/parked_request.h"
#include "proxy/session/reply_forecast.h"
#include "proxy/session/reply_queue.h"
#include "proxy/session/spliced_replies.h"

namespace ringproxy::proxy {

class ClientRequests {
 public:
  // `owner`: names the session in the tickets of its requests. `mark`: the session's, set when a reply is there.
  ClientRequests(ClientIo& io, ListenerContext& listener, ClientState& client, backends::Ticket owner, TurnMark& mark,
                 net::SendQueue& output);

  // A reply of the proxy's own to a request of `request_bytes`; where there is no memory for it, the words that say so.
  void AnswerHere(std::string_view reply, size_t request_bytes, wire::ReplyWish wish = wire::Quiet::kNone);
  // To the nodes, if the limits allow it. Takes the block, if there is one.
  void Dispatch(RoutedRequest& routed, size_t request_bytes, wire::ReplyWish wish);

  // Likewise, once all that came before it is answered; and what comes behind it waits for its reply.
  void DispatchAlone(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet);
  // What is about messages. `follows`: it leaves only when all before it is answered, but a PUBLISH waits for no other.
  // False: it waits for that, and so does the client. Also RESET of a client that listens, once nothing is under way.
  bool DispatchPubSub(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet, bool follows);
  // What the client is told without having asked.
  void OnMessage(backends::Reply&& message);

  // To all nodes that may be asked: the client is in the database as soon as they have accepted it.
  void Select(const RoutedRequest& routed, uint16_t database, size_t request_bytes, wire::Quiet quiet);
  void OnSelected(uint32_t slot, backends::Reply&& reply);

  // The client's transaction, if the limits allow it. `spec`, `request`: its EXEC.
  void Execute(const wire::CommandSpec& spec, const wire::Request& request, size_t request_bytes, wire::Quiet quiet);

  // Of a node. `slot`: the ticket's.
  void OnReply(uint32_t slot, backends::Reply&& reply);
  void OnFailure(uint32_t slot, const wire::Failure& failure);
  // What the limits say of the request that waits; `use` is its ticket from now on.
  void OnAdmitted(uint32_t slot, backends::Ticket use);
  void OnRefused(uint32_t slot, const RateLimiter::Decision& decision);

  // Before the next request is taken those under way have to be answered: it takes other links, and must not overtake
  // them. Also: what else may stop it has changed.
  void Stop() {
    is_stopped_ = awaits_all_ = true;
    // The reply to a request that changes the protocol is the first that the client reads in the new way.
    order_.HoldBehind(replies_.next_number());
  }

  enum class Room : uint8_t {
    kSome,  // A further request may be taken.
    kHeld,  // Likewise, if CLIENT PAUSE does not hold it.
    kNone,  // Not for now.
  };
  // Where one waits for its turn, and has it, that goes on.
  Room room();
  // The output of this turn has been written, or stays.
  void EndTurn();
  // The session's index.
  uint32_t owner() const { return owner_.owner; }
  struct Progress {
    bool has_asked_nodes;    // Some request of this client was for nodes.
    bool may_change_client;  // One that is under way, or waits for its turn, may leave it in another state.
  };
  Progress progress() const { return {!forecast_.is_untouched(), parked_ != nullptr || change_ != nullptr}; }
  // Of those that wait for their replies.
  const ReplyQueue& replies() const { return replies_; }
  void ShrinkIfEmpty() { replies_.ShrinkIfEmpty(); }

 private:
  // True: it goes on now, with a ticket that may be another one.
  bool PassesLimits(RoutedRequest& routed, uint32_t slot, backends::Ticket* ticket);
  void Refuse(const wire::CommandSpec& spec, const wire::Request& request, uint32_t slot,
              const RateLimiter::Decision& decision);
  // The client's transaction, or what goes over a link of its own, over control links or to all nodes and is the only
  // one of the client's that is not answered; if the limits allow it, or were asked.
  enum class Limits : uint8_t { kAsk, kPassed };
  void SendApart(RoutedRequest& routed, backends::Ticket ticket, Limits limits);
  void Answer(uint32_t slot, backends::Reply&& reply);
  // What has stopped it may be over; what follows the others alone leaves then.
  Room RoomWhenStopped();

  ClientIo& io_;
  ListenerContext& listener_;
  ClientState& client_;
  TurnMark& mark_;
  net::SendQueue& output_;
  ReplyQueue replies_;
  ReplyForecast forecast_;
  OwnReplies own_;
  MessageOrder order_;
  // What the replies to a request of the kind kSelect, which is the last one, make of the client.
  struct ClientChange {
    uint32_t slot;
    uint16_t database = 0;                      // If the nodes accept it.
    std::unique_ptr<SplicedReplies> spliced{};  // If a transaction has some.
  };
  std::unique_ptr<ClientChange> change_;
  std::unique_ptr<ParkedRequest> parked_;  // It waits for its limits or its turn; what came after it stays unread.
  bool awaits_all_ = false;                // Those under way have to be answered before the next one is taken.
  bool is_stopped_ = false;                // For one of these reasons: a plain request looks at nothing else.
  backends::Ticket owner_;
};

}  // namespace ringproxy::proxy
