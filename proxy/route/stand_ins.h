// proxy/route/stand_ins.h – Requests that go to a node in another's place.
//
// Purpose: what such a node takes is outdated as soon as the owner serves again, and would be served at its next
// outage. So nothing that is written there lives longer than the pool's rehash_ttl, or gutter_ttl in a gutter, and
// never longer than its client asked:
//   gutter    The request is rewritten (wire/gutter_request.h), or refused: the owner is down.
//   memcached The request is rewritten (wire/memcache_rewrite.h).
//   Redis     A SET or EXPIRE is rewritten as for a gutter; any other write is followed, in the same batch, by PEXPIRE
//   …
//             LT for each of its keys, which shortens an expiry and never lengthens it. A write of more keys than
//             kMostKeys is refused, for its expiries would fill the connection's queue, and so is MOVE, which takes its
//             key out of their reach.
// Threads: its worker's. Lifetime: the loop outlives it.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "backends/net/loop.h"
#include "backends/ticket.h"
#include "backends/wire/expiry_cap.h"
#include "proxy/route/routed_request.h"

namespace ringproxy::proxy {

// Hears what becomes of the expiries that it has sent, which no client waits for.
class StandIns final : public backends::ReplySink {
 public:
  static constexpr size_t kMostKeys = 1024;

  explicit StandIns(const net::Clock& clock) : clock_(clock) {}

  // The longest expiry of what is written there; none where the destination owns its keys, or with rehash_ttl: 0s.
  static std::optional<wire::ExpiryCap> CapOf(const Destination& to, const Snapshot& snapshot);

  // To a node of the gutter pool, if that may be asked this; else the owner is down.
  void SendToGutter(const RoutedRequest& routed, const Origin& origin, const Destination& to, backends::Ticket ticket);
  // False, and nothing done: the request may go as it is, since it writes nothing or nothing has a bound.
  // Requires: to.stands_in(), and no cas token.
  bool Send(RoutedRequest& routed, const Origin& origin, const Destination& to, backends::Ticket ticket);
  // Whether so many keys of a Redis write, which have come to `to`, can be given expiries; if not, the ticket is
  // failed. Always for all else.
  static bool MayGetExpiries(const wire::CommandSpec& spec, size_t keys, const Origin& origin, const Destination& to,
                             backends::Ticket ticket);
  // What follows a Redis write, for those of its keys that have come to `to`, by their places in the request. Nothing
  // for all else.
  void SendExpiries(const RoutedRequest& routed, const Origin& origin, const Destination& to,
                    std::span<const uint32_t> keys);

 private:
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;
  void SendRedisWrite(RoutedRequest& routed, const Origin& origin, const Destination& to, wire::ExpiryCap cap,
                      backends::Ticket ticket);
  // A buffer that one huge request has grown is given back.
  void Shrink();

  const net::Clock& clock_;
  std::string rewritten_;
  wire::KeyPositions keys_;
};

}  // namespace ringproxy::proxy
