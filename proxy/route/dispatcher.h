// proxy/route/dispatcher.h – The way of a request from a session to its node or nodes.
//
// Threads: its worker's. Lifetime: all that the constructor is given outlives it.
// Promise: the ticket is answered exactly once, possibly before Dispatch returns.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proxy/route/fanout.h"
#include "proxy/route/fleet_scan.h"
#include "proxy/route/pubsub_desk.h"
#include "proxy/route/refusal_stats.h"
#include "proxy/route/retrier.h"
#include "proxy/route/routed_request.h"
#include "proxy/route/router.h"
#include "proxy/route/script_calls.h"
#include "proxy/route/stand_ins.h"
#include "proxy/route/watched_keys.h"
#include "proxy/route/whole_fleet.h"

namespace ringproxy::proxy {

// Who takes requests that are not merely sent to a node.
struct RequestDesks {
  ScriptCalls& scripts;
  PubSubDesk* pubsub = nullptr;
};

class Dispatcher {
 public:
  Dispatcher(Fanout& fanout, Retrier& retrier, WatchedKeys& watched, backends::ReplySink& sink,
             RefusalObserver& refusals, ScriptCalls& scripts, const net::Clock& clock);
  // Before the first request of handling kPubSub.
  void SetPubSub(PubSubDesk& pubsub) { desks_.pubsub = &pubsub; }
  // The snapshot by which the next requests go.
  void Adopt(const Snapshot& snapshot);

  // Requires: CheckShape(spec, request) is kOk, RefusalOf is empty, and the command is not a local one.
  // Takes the block, if there is one.
  void Dispatch(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);

  WholeFleet& whole_fleet() { return whole_fleet_; }

  // What hears of tickets of the kind kExpiry.
  backends::ReplySink& expiries() { return stand_ins_; }

  // The pool that the request is counted for: that of its first key, or the default one.
  uint32_t PoolOf(const RoutedRequest& routed, const ListenerSnapshot& listener);

 private:
  // Where the key lies. No: it is too long, and the ticket has been failed.
  bool RouteOrRefuse(const RoutedRequest& routed, const Origin& origin, std::string_view key, backends::Ticket ticket,
                     Destination* to);
  // Where all keys of the request lie. No: on different nodes, or a key is too long, and the ticket has been failed.
  bool FindDestination(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket, Destination* to);
  // The same for a command with several keys, or with places of keys that only its arguments tell.
  bool FindSharedDestination(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket,
                             Destination* to);
  void SplitByNode(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // Enters every key into a part. No: one is too long, and the ticket has been failed.
  bool AssignKeys(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  void SendParts(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  void EncodeRedisParts(const RoutedRequest& routed);
  void EncodeMemcacheParts(const RoutedRequest& routed, const Snapshot& snapshot);
  void Send(RoutedRequest& routed, const Origin& origin, const Destination& to, backends::Ticket ticket);
  // Through the retrier, if this is a read that its pool would ask again.
  void SendOnce(const RoutedRequest& routed, const Origin& origin, const Destination& to, std::string_view encoded,
                bool is_part, backends::Ticket ticket);
  void SendKept(const RoutedRequest& routed, const Origin& origin, const Destination& to, std::string_view encoded,
                bool is_part, backends::Ticket ticket);
  // Whether the destination takes the request; if it does not, the ticket is failed.
  bool MayAsk(const Destination& to, const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // The request is at fault, not a node.
  void RefuseRequest(const RoutedRequest& routed, const Origin& origin, const wire::Failure& failure,
                     backends::Ticket ticket);
  // The two keys are asked of different places, and the command cannot be split.
  void RefuseCrossSlot(const RoutedRequest& routed, const Origin& origin, std::string_view key, NodeId of_key,
                       std::string_view other_key, NodeId of_other, backends::Ticket ticket);
  // Out of line, as all that is not a plain key's way.
  [[gnu::noinline]] void SendScript(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  void SendTagged(const RoutedRequest& routed, const Origin& origin, const Destination& to, backends::Ticket ticket);
  // Who is asked for the key; it is also counted.
  Destination Route(const Origin& origin, std::string_view key, backends::Claim claim);
  // The part of the current split that goes to `to`, with `key_bytes` more in it; a new one if it is the first key
  // there or would make the part's keys longer than `most_bytes`.
  uint32_t PartFor(const Destination& to, size_t key_bytes, size_t most_bytes);

  // A sub-request under construction.
  struct Part {
    Destination to;
    uint32_t keys = 0;
    size_t key_bytes = 0;
    std::vector<uint32_t> moved_keys;  // Of a write, those of other owners, by their places in the request.
    std::string encoded;
  };

  Fanout& fanout_;
  Retrier& retrier_;
  WatchedKeys& watched_;
  backends::ReplySink& sink_;
  RefusalObserver& refusals_;
  RequestDesks desks_;
  WholeFleet whole_fleet_;
  FleetScan fleet_scan_;
  StandIns stand_ins_;
  // Scratch of one request, kept for its capacity.
  wire::KeyPositions keys_;
  FanoutPlan plan_;  // child_of_key: the part of each key.
  std::string rewritten_;
  std::vector<Part> parts_;
  size_t part_count_ = 0;
  std::vector<std::vector<uint32_t>> part_of_node_;  // By pool and node; valid when parts_[it].to is there.
};

}  // namespace ringproxy::proxy
