#include "proxy/route/dispatcher.h"

#include <algorithm>
#include <cassert>

#include "backends/wire/limits.h"
#include "backends/wire/memcache_rewrite.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

// A buffer that one huge request has grown beyond this is given back.
constexpr size_t kKeptPart = 256 << 10;

bool KeyFits(std::string_view key, const Origin& origin) {
  return key.size() <= origin.held->config.listeners[origin.listener].limits.key_bytes;
}

// In a pool whose keys may move away from their owner.
Destination RouteAround(const Origin& origin, uint32_t pool, uint64_t hash, std::string_view key,
                        backends::Claim claim) {
  HeldSnapshot& held = origin.held;
  const PoolSnapshot& routing = held->pools[pool];
  // Where a client watches keys it reads them, too: what another node says of them nobody watches.
  const ring::NodeIndex owner = routing.ring->Pick(hash);
  if (origin.lane.flavour.is_pinned && held.node_pools[pool].PinnedTo(owner, origin.lane.number) != nullptr)
    return {{pool, owner}};
  const backends::Choice own = held.node_pools[pool].Choose(hash, claim);
  const Destination at_home{
      .to = {pool, own.node},
      .admission = own.admission,
      .standing = own.stands_in ? Destination::Standing::kStandsIn : Destination::Standing::kServes,
      .hash = hash};
  const bool has_gutter = held->config.pools[pool].on_down.policy == conf::DownPolicy::kGutter;
  // A node that is only full keeps its keys: elsewhere they would be misses, and outdated when they come home.
  if (own.admission != backends::Admission::kDown || !has_gutter) return at_home;
  const uint64_t gutter_hash = KeyHash(held->pools[routing.gutter], key);
  const backends::Choice other = held.node_pools[routing.gutter].Choose(gutter_hash, claim);
  // With both down the error names the owner, which is the one that has to come back.
  if (other.admission == backends::Admission::kDown) return at_home;
  return {{routing.gutter, other.node}, other.admission, Destination::Standing::kGutter, at_home.to};
}

// The ticket with which the node is asked.
[[gnu::noinline]] backends::Ticket AnswerInstead(Fanout& fanout, FanoutPlan* plan, std::string_view text,
                                                 backends::Ticket ticket) {
  plan->Clear();
  plan->merge = wire::Merge::kInstead;
  plan->children = 1;
  plan->instead = text;
  return Fanout::ChildTicket(fanout.Open(ticket, plan), 0);
}

}  // namespace

Dispatcher::Dispatcher(Fanout& fanout, Retrier& retrier, WatchedKeys& watched, backends::ReplySink& sink,
                       RefusalObserver& refusals, ScriptCalls& scripts, const net::Clock& clock)
    : fanout_(fanout),
      retrier_(retrier),
      watched_(watched),
      sink_(sink),
      refusals_(refusals),
      desks_{.scripts = scripts},
      whole_fleet_(fanout, sink),
      fleet_scan_(fanout, sink),
      stand_ins_(clock) {}

void Dispatcher::Adopt(const Snapshot& snapshot) {
  part_of_node_.resize(snapshot.pools.size());
  for (size_t p = 0; p < snapshot.pools.size(); ++p) part_of_node_[p].resize(snapshot.pools[p].nodes.size());
}

uint32_t Dispatcher::PoolOf(const RoutedRequest& routed, const ListenerSnapshot& listener) {
  // Before the key is looked for.
  if (listener.routes.size() == 1) return listener.routes.front().pool;
  if (routed.routing_key) return RoutePool(listener, *routed.routing_key);
  if (wire::HasOneKey(routed.spec)) return RoutePool(listener, wire::FirstKey(routed.spec, routed.request));
  if (wire::FindKeys(routed.spec, routed.request, &keys_) != wire::KeyResult::kOk) return listener.routes.back().pool;
  return RoutePool(listener, routed.request[keys_.front()]);
}

// Inlined: a call would cost as much as the way of a plain key itself.
[[gnu::always_inline]] inline Destination Dispatcher::Route(const Origin& origin, std::string_view key,
                                                            backends::Claim claim) {
  const uint32_t pool = RoutePool(origin.held->listeners[origin.listener], key);
  watched_.hot.Note(pool, key, origin.lane.flavour.database);
  const PoolSnapshot& routing = origin.held->pools[pool];
  const uint64_t hash = KeyHash(routing, key);
  if (routing.moves_keys) [[unlikely]]
    return RouteAround(origin, pool, hash, key, claim);
  return {{pool, routing.ring->Pick(hash)}};
}

[[gnu::always_inline]] inline bool Dispatcher::RouteOrRefuse(const RoutedRequest& routed, const Origin& origin,
                                                             std::string_view key, backends::Ticket ticket,
                                                             Destination* to) {
  if (KeyFits(key, origin)) [[likely]] {
    *to = Route(origin, key, ClaimOf(routed));
    return true;
  }
  RefuseRequest(routed, origin, {.code = wire::ErrorCode::kKeyTooLong}, ticket);
  return false;
}

// Inlined: of a request with one key this is the whole way, and a call would cost as much.
[[gnu::always_inline]] inline bool Dispatcher::FindDestination(const RoutedRequest& routed, const Origin& origin,
                                                               backends::Ticket ticket, Destination* to) {
  if (routed.routing_key) return RouteOrRefuse(routed, origin, *routed.routing_key, ticket, to);
  if (wire::HasOneKey(routed.spec)) [[likely]]
    return RouteOrRefuse(routed, origin, wire::FirstKey(routed.spec, routed.request), ticket, to);
  return FindSharedDestination(routed, origin, ticket, to);
}

void Dispatcher::Dispatch(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  if (!routed.instead.empty()) [[unlikely]]
    ticket = AnswerInstead(fanout_, &plan_, routed.instead, ticket);
  if (watched_.sizes.IsDue(routed.request.encoded().size())) [[unlikely]] {
    ticket = watched_.sizes.Follow(routed.spec, routed.request, routed.routing_key,
                                   origin.held->listeners[origin.listener], origin.lane.flavour.database, ticket);
  }
  switch (routed.spec.handling) {
    case wire::Handling::kPinned:  // One that does not block.
    case wire::Handling::kForward: {
      Destination to;
      if (FindDestination(routed, origin, ticket, &to)) Send(routed, origin, to, ticket);
      return;
    }
    case wire::Handling::kScript: return SendScript(routed, origin, ticket);
    case wire::Handling::kSplit: return SplitByNode(routed, origin, ticket);
    case wire::Handling::kAllNodes:
    case wire::Handling::kOneNode:
      if (wire::IsAboutScripts(routed.spec)) ticket = desks_.scripts.Follow(routed, origin, ticket);
      // The way of one node keeps its block.
      if (const std::optional<NodeId> only = WholeFleet::OnlyNode(origin)) {
        if (whole_fleet_.SendPastScript(routed, origin, *only, ticket)) return;
        return Send(routed, origin, {.to = *only}, ticket);
      }
      if (const std::string_view why = wire::RefusalBySeveral(routed.spec, routed.request); !why.empty()) {
        refusals_.OnRefused(origin.listener, routed.command, wire::ErrorCode::kNotSupported);
        return WholeFleet::AnswerNotSupported(routed, why, sink_, ticket);
      }
      return whole_fleet_.Send(routed, origin, ticket);
    case wire::Handling::kAnyNode: return Send(routed, origin, WholeFleet::AnyNode(routed, origin), ticket);
    case wire::Handling::kCursor: return fleet_scan_.Send(routed, origin, ticket);
    case wire::Handling::kPubSub: return desks_.pubsub->Dispatch(routed, origin, ticket);
    case wire::Handling::kControl: return whole_fleet_.SendControl(routed, origin, ticket);
    case wire::Handling::kLocal:
    case wire::Handling::kServers:
    case wire::Handling::kClients:
    case wire::Handling::kListing:
    case wire::Handling::kRefused: break;
  }
  assert(false);
}

bool Dispatcher::FindSharedDestination(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket,
                                       Destination* to) {
  // A script without keys, or keys that cannot be told: see wire::KeyResult.
  if (wire::FindKeys(routed.spec, routed.request, &keys_) != wire::KeyResult::kOk)
    return RouteOrRefuse(routed, origin, {}, ticket, to);
  const Snapshot& snapshot = *origin.held;
  const ListenerSnapshot& listener = snapshot.listeners[origin.listener];
  const std::string_view first = routed.request[keys_.front()];
  if (!RouteOrRefuse(routed, origin, first, ticket, to)) return false;
  // It was asked for the first key, and that is the answer for all it owns: one on trial counts how often it is asked.
  const bool at_owner = to->admission && to->standing == Destination::Standing::kServes;
  for (const uint32_t position : std::span(keys_).subspan(1)) {
    const std::string_view key = routed.request[position];
    const bool is_settled =
        RoutedAlike(snapshot, listener, first, key) || (at_owner && RouteKey(snapshot, listener, key) == to->to);
    if (KeyFits(key, origin) && is_settled) continue;
    Destination other;
    if (!RouteOrRefuse(routed, origin, key, ticket, &other)) return false;
    if (*to == other) {
      // Then all of them have that bound: what the command writes may come from any.
      if (other.stands_in()) to->standing = other.standing;
      continue;
    }
    if (const std::optional<NodeId> owner = OneOwner(snapshot, listener, routed.request, keys_)) {
      // In its place they would go to different nodes, so it takes them itself or refuses.
      *to = {*owner, origin.held.node_pools[owner->pool].Admits(owner->node, ClaimOf(routed))};
      return true;
    }
    RefuseCrossSlot(routed, origin, first, to->to, key, other.to, ticket);
    return false;
  }
  return true;
}

void Dispatcher::RefuseRequest(const RoutedRequest& routed, const Origin& origin, const wire::Failure& failure,
                               backends::Ticket ticket) {
  refusals_.OnRefused(origin.listener, routed.command, failure.code);
  sink_.OnFailure(ticket, failure);
}

void Dispatcher::RefuseCrossSlot(const RoutedRequest& routed, const Origin& origin, std::string_view key, NodeId of_key,
                                 std::string_view other_key, NodeId of_other, backends::Ticket ticket) {
  const std::string node = NameBeside(*origin.held, of_key, of_other);
  const std::string other_node = NameBeside(*origin.held, of_other, of_key);
  RefuseRequest(
      routed, origin,
      {.code = wire::ErrorCode::kCrossSlot, .node = node, .key = key, .other_key = other_key, .other_node = other_node},
      ticket);
}

inline bool Dispatcher::MayAsk(const Destination& to, const RoutedRequest& routed, const Origin& origin,
                               backends::Ticket ticket) {
  // A counter or a lock there would be another one, and what cannot expire would be found there again, outdated.
  if (to.is_gutter() && routed.spec.gutter == wire::Gutter::kNo) [[unlikely]] {
    origin.held.node_pools[to.owner.pool].Refuse(to.owner.node, backends::Admission::kDown, ticket);
    return false;
  }
  backends::NodePool& pool = origin.held.node_pools[to.to.pool];
  const backends::Admission admission = to.admission ? *to.admission : pool.Admits(to.to.node, ClaimOf(routed));
  if (admission == backends::Admission::kGranted) [[likely]]
    return true;
  pool.Refuse(to.to.node, admission, ticket);
  return false;
}

[[gnu::always_inline]] inline void Dispatcher::SendOnce(const RoutedRequest& routed, const Origin& origin,
                                                        const Destination& to, std::string_view encoded, bool is_part,
                                                        backends::Ticket ticket) {
  const bool kept = origin.held->pools[to.to.pool].keeps_reads && routed.spec.retry == wire::Retry::kSafe &&
                    IsRead(routed) && !to.is_gutter();
  if (kept) [[unlikely]]
    return SendKept(routed, origin, to, encoded, is_part, ticket);
  origin.held.node_pools[to.to.pool].Send(to.to.node, origin.lane, encoded, ticket, AskedOf(routed));
}

void Dispatcher::SendKept(const RoutedRequest& routed, const Origin& origin, const Destination& to,
                          std::string_view encoded, bool is_part, backends::Ticket ticket) {
  // The keys of a part may have different second choices.
  const bool rehashes = origin.held->config.pools[to.to.pool].on_down.policy == conf::DownPolicy::kRehash;
  const bool may_move = rehashes && !is_part && to.hash != 0;
  retrier_.Send(origin.held, encoded,
                {to.to.pool, to.to.node, origin.lane, to.hash, may_move, routed.has_priority, AskedOf(routed)}, ticket);
}

void Dispatcher::Send(RoutedRequest& routed, const Origin& origin, const Destination& to, backends::Ticket ticket) {
  if (!MayAsk(to, routed, origin, ticket)) return;
  if (to.is_gutter()) return stand_ins_.SendToGutter(routed, origin, to, ticket);
  if (routed.cas != wire::CasPlace::kNone) return SendTagged(routed, origin, to, ticket);
  if (to.stands_in() && stand_ins_.Send(routed, origin, to, ticket)) return;
  backends::NodePool& pool = origin.held.node_pools[to.to.pool];
  // A request in a block of its own is moved to the node and not copied, so it cannot be kept for a retry either.
  if (routed.block) return pool.Send(to.to.node, origin.lane, std::move(routed.block), ticket, AskedOf(routed));
  SendOnce(routed, origin, to, routed.request.encoded(), false, ticket);
}

void Dispatcher::SendScript(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  Destination to;
  if (!FindSharedDestination(routed, origin, ticket, &to)) return;
  ScriptCalls::PreparedCall call = desks_.scripts.Prepare(routed, origin, to.to, ticket);
  Send(call.routed, origin, to, call.ticket);
}

void Dispatcher::SendTagged(const RoutedRequest& routed, const Origin& origin, const Destination& to,
                            backends::Ticket ticket) {
  const wire::CasTag tag = origin.held->pools[to.to.pool].cas_tags[to.to.node];
  rewritten_.clear();
  wire::AppendForNode(routed.request, {routed.cas, tag, StandIns::CapOf(to, *origin.held)}, &rewritten_);
  if (routed.cas == wire::CasPlace::kFlags) {
    // Its reply may carry a token too.
    plan_.Clear();
    plan_.merge = wire::Merge::kUntagCas;
    plan_.children = 1;
    plan_.cas_tags.push_back(tag);
    ticket = Fanout::ChildTicket(fanout_.Open(ticket, &plan_), 0);
  }
  origin.held.node_pools[to.to.pool].Send(to.to.node, origin.lane, std::string_view(rewritten_), ticket);
  if (rewritten_.capacity() > kKeptPart) std::string().swap(rewritten_);
}

uint32_t Dispatcher::PartFor(const Destination& to, size_t key_bytes, size_t most_bytes) {
  // The table is never cleared: an entry of an earlier request is known by a part that does not exist or goes
  // elsewhere.
  uint32_t& known = part_of_node_[to.to.pool][to.to.node];
  const bool fits = known < part_count_ && parts_[known].to == to && parts_[known].to.standing == to.standing;
  if (fits && parts_[known].key_bytes + key_bytes <= most_bytes) {
    parts_[known].key_bytes += key_bytes;
    ++parts_[known].keys;
    return known;
  }
  known = static_cast<uint32_t>(part_count_++);
  if (part_count_ > parts_.size()) parts_.emplace_back();
  parts_[known].to = to;
  parts_[known].keys = 1;
  parts_[known].key_bytes = key_bytes;
  parts_[known].moved_keys.clear();
  parts_[known].encoded.clear();
  return known;
}

bool Dispatcher::AssignKeys(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  const size_t most_bytes = LongestKeyList(routed);
  for (const uint32_t position : keys_) {
    const std::string_view key = routed.request[position];
    if (!KeyFits(key, origin)) {
      RefuseRequest(routed, origin, {.code = wire::ErrorCode::kKeyTooLong}, ticket);
      return false;
    }
    Destination to = Route(origin, key, ClaimOf(routed));
    const bool is_moved_write = to.stands_in() && !IsRead(routed);
    // Only a gat's exptime is that of a whole part; else each key has its own.
    const bool parts_apart = is_moved_write && wire::IsMemcache(routed.spec.merge);
    if (!parts_apart && to.stands_in()) to.standing = Destination::Standing::kServes;
    const uint32_t part = PartFor(to, key.size() + 1, most_bytes);
    plan_.child_of_key.push_back(part);
    if (is_moved_write) parts_[part].moved_keys.push_back(position);
  }
  return true;
}

void Dispatcher::SplitByNode(RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  part_count_ = 0;
  plan_.Clear();
  if (wire::FindKeys(routed.spec, routed.request, &keys_) != wire::KeyResult::kOk) {
    // An odd MSET: Redis answers it with its own words, whichever node is asked.
    PartFor(Route(origin, {}, ClaimOf(routed)), 0, 0);
  } else if (!AssignKeys(routed, origin, ticket)) {
    return;
  }
  // All on one node: forwarded as it came (semantics.md 4).
  const size_t moved = part_count_ == 1 ? parts_[0].moved_keys.size() : 0;
  const bool all_alike = part_count_ == 1 && (moved == 0 || moved == keys_.size());
  if (all_alike && routed.cas == wire::CasPlace::kNone && MayForward(routed)) {
    if (moved > 0) parts_[0].to.standing = Destination::Standing::kStandsIn;
    Send(routed, origin, parts_[0].to, ticket);
  } else {
    SendParts(routed, origin, ticket);
  }
}

void Dispatcher::EncodeRedisParts(const RoutedRequest& routed) {
  const auto per_key = static_cast<uint32_t>(routed.spec.keys.step);
  // What stands behind all keys is about each of them: the path of JSON.MGET.
  const int behind = std::max(0, -1 - routed.spec.keys.last);
  for (size_t i = 0; i < part_count_; ++i) {
    wire::AppendArrayHeader(1 + parts_[i].keys * per_key + static_cast<size_t>(behind), &parts_[i].encoded);
    wire::AppendBulk(routed.request.name(), &parts_[i].encoded);
  }
  for (size_t i = 0; i < keys_.size(); ++i) {
    parts_[plan_.child_of_key[i]].encoded.append(routed.request.bulks(keys_[i], per_key));
  }
  for (size_t a = routed.request.size() - static_cast<size_t>(behind); a < routed.request.size(); ++a) {
    for (size_t i = 0; i < part_count_; ++i) wire::AppendBulk(routed.request[a], &parts_[i].encoded);
  }
}

void Dispatcher::EncodeMemcacheParts(const RoutedRequest& routed, const Snapshot& snapshot) {
  // The client's input has long moved on when the last part's reply comes.
  plan_.request.assign(routed.request.encoded());
  plan_.failures_are_misses = true;
  for (size_t i = 0; i < part_count_; ++i) {
    Part& part = parts_[i];
    part.encoded.append(routed.request.name());
    // The expiry of a gat.
    const std::optional<wire::ExpiryCap> cap = StandIns::CapOf(part.to, snapshot);
    for (size_t word = 1; word < keys_.front(); ++word) {
      part.encoded.append(" ");
      if (!cap || !wire::AppendCappedExptime(routed.request[word], *cap, &part.encoded)) {
        part.encoded.append(routed.request[word]);
      }
    }
    const NodeId to = part.to.to;
    if (routed.cas != wire::CasPlace::kNone) plan_.cas_tags.push_back(snapshot.pools[to.pool].cas_tags[to.node]);
    const uint32_t home = part.to.is_gutter() ? part.to.owner.pool : to.pool;
    // The reply cannot say which keys failed, so one pool that wants errors decides for the whole get.
    plan_.failures_are_misses &= snapshot.config.pools[home].on_partial == conf::OnPartial::kMiss;
  }
  for (size_t i = 0; i < keys_.size(); ++i) {
    parts_[plan_.child_of_key[i]].encoded.append(" ").append(routed.request[keys_[i]]);
    plan_.keys.push_back(routed.request.argument(keys_[i]));
  }
  for (size_t i = 0; i < part_count_; ++i) parts_[i].encoded.append("\r\n");
}

void Dispatcher::SendParts(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  wire::IsMemcache(routed.spec.merge) ? EncodeMemcacheParts(routed, *origin.held) : EncodeRedisParts(routed);
  plan_.merge = routed.spec.merge;
  plan_.protocol = origin.lane.flavour.protocol;
  plan_.children = static_cast<uint32_t>(part_count_);
  // It is open before the first part is sent, since a node may fail that at once.
  const uint32_t owner = fanout_.Open(ticket, &plan_);
  for (uint32_t i = 0; i < part_count_; ++i) {
    Part& part = parts_[i];
    const backends::Ticket child = Fanout::ChildTicket(owner, i);
    const bool may = MayAsk(part.to, routed, origin, child) &&
                     stand_ins_.MayGetExpiries(routed.spec, part.moved_keys.size(), origin, part.to, child);
    if (may) {
      SendOnce(routed, origin, part.to, part.encoded, true, child);
      stand_ins_.SendExpiries(routed, origin, part.to, part.moved_keys);
    }
    if (part.encoded.capacity() > kKeptPart) std::string().swap(part.encoded);
  }
}

}  // namespace ringproxy::proxy
