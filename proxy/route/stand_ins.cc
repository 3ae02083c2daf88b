#include "proxy/route/stand_ins.h"

#include "backends/line_limit.h"
#include "backends/wire/gutter_request.h"
#include "backends/wire/memcache_rewrite.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

using std::chrono::seconds;

constexpr size_t kKeptRewritten = 256 << 10;

backends::LineLimit lost_expiries;

std::optional<wire::ExpiryCap> CapAt(conf::microseconds longest) {
  if (longest < seconds(1)) return std::nullopt;
  return wire::ExpiryCap{std::chrono::floor<seconds>(longest),
                         std::chrono::floor<seconds>(std::chrono::system_clock::now())};
}

backends::NodePool& PoolOf(const Origin& origin, const Destination& to) {
  return origin.held.node_pools[to.to.pool];
}

bool IsMemcachePool(const Origin& origin, const Destination& to) {
  return origin.held->config.pools[to.to.pool].protocol == conf::Protocol::kMemcached;
}

// Of those that may leave something behind.
bool IsRedisWrite(const wire::CommandSpec& spec, const Origin& origin, const Destination& to) {
  return spec.access == wire::Access::kWrite && spec.gutter != wire::Gutter::kAsIs && !IsMemcachePool(origin, to);
}

// The owner has to come back first.
void RefuseForOwner(const Origin& origin, const Destination& to, backends::Ticket ticket) {
  const PoolSnapshot& pool = origin.held->pools[to.to.pool];
  PoolOf(origin, to).Refuse(pool.ring->Pick(to.hash), backends::Admission::kDown, ticket);
}

}  // namespace

std::optional<wire::ExpiryCap> StandIns::CapOf(const Destination& to, const Snapshot& snapshot) {
  if (to.is_gutter()) return CapAt(snapshot.config.pools[to.owner.pool].gutter_ttl);
  return to.stands_in() ? CapAt(snapshot.config.pools[to.to.pool].rehash_ttl) : std::nullopt;
}

void StandIns::SendToGutter(const RoutedRequest& routed, const Origin& origin, const Destination& to,
                            backends::Ticket ticket) {
  rewritten_.clear();
  if (wire::AppendGutterRequest(routed.spec, routed.request, *CapOf(to, *origin.held), &rewritten_)) {
    PoolOf(origin, to).Send(to.to.node, origin.lane, std::string_view(rewritten_), ticket, AskedOf(routed));
  } else {
    // Its expiry cannot be capped, so the copy might outlive the time for which the owner is down.
    origin.held.node_pools[to.owner.pool].Refuse(to.owner.node, backends::Admission::kDown, ticket);
  }
  Shrink();
}

bool StandIns::Send(RoutedRequest& routed, const Origin& origin, const Destination& to, backends::Ticket ticket) {
  const std::optional<wire::ExpiryCap> cap = CapOf(to, *origin.held);
  if (!cap) return false;
  if (!IsMemcachePool(origin, to)) {
    if (routed.spec.access != wire::Access::kWrite) return false;
    SendRedisWrite(routed, origin, to, *cap, ticket);
    return true;
  }
  // mg reads, but its flags may move an expiry or create an item.
  if (routed.spec.access != wire::Access::kWrite && routed.spec.name != "mg") return false;
  rewritten_.clear();
  wire::AppendForNode(routed.request, {.cap = cap}, &rewritten_);
  PoolOf(origin, to).Send(to.to.node, origin.lane, std::string_view(rewritten_), ticket);
  Shrink();
  return true;
}

void StandIns::SendRedisWrite(RoutedRequest& routed, const Origin& origin, const Destination& to, wire::ExpiryCap cap,
                              backends::Ticket ticket) {
  backends::NodePool& pool = PoolOf(origin, to);
  // No expiry from here reaches it there.
  if (wire::WritesOtherDatabase(routed.spec, routed.request)) return RefuseForOwner(origin, to, ticket);
  rewritten_.clear();
  if (wire::AppendGutterRequest(routed.spec, routed.request, cap, &rewritten_)) {
    pool.Send(to.to.node, origin.lane, std::string_view(rewritten_), ticket, AskedOf(routed));
    return Shrink();
  }
  if (wire::FindKeys(routed.spec, routed.request, &keys_) != wire::KeyResult::kOk) keys_.clear();
  if (!MayGetExpiries(routed.spec, keys_.size(), origin, to, ticket)) return;
  pool.Send(to.to.node, origin.lane, routed.request.encoded(), ticket, AskedOf(routed));
  SendExpiries(routed, origin, to, keys_);
}

bool StandIns::MayGetExpiries(const wire::CommandSpec& spec, size_t keys, const Origin& origin, const Destination& to,
                              backends::Ticket ticket) {
  const bool has_bound = origin.held->config.pools[to.to.pool].rehash_ttl > conf::microseconds(0);
  if (keys <= kMostKeys || !has_bound || !IsRedisWrite(spec, origin, to)) return true;
  RefuseForOwner(origin, to, ticket);
  return false;
}

void StandIns::SendExpiries(const RoutedRequest& routed, const Origin& origin, const Destination& to,
                            std::span<const uint32_t> keys) {
  if (keys.empty() || !IsRedisWrite(routed.spec, origin, to)) return;
  const std::optional<wire::ExpiryCap> cap = CapAt(origin.held->config.pools[to.to.pool].rehash_ttl);
  if (!cap) return;
  const std::string longest = std::to_string(std::chrono::milliseconds(cap->longest).count());
  for (const uint32_t place : keys) {
    rewritten_.clear();
    wire::AppendArrayHeader(4, &rewritten_);
    wire::AppendBulk("PEXPIRE", &rewritten_);
    wire::AppendBulk(routed.request[place], &rewritten_);
    wire::AppendBulk(longest, &rewritten_);
    wire::AppendBulk("LT", &rewritten_);
    PoolOf(origin, to)
        .Send(to.to.node, origin.lane, std::string_view(rewritten_), {.kind = backends::Ticket::Kind::kExpiry});
  }
  Shrink();
}

void StandIns::OnReply(backends::Ticket, backends::Reply&& reply) {
  if (!reply.bytes().starts_with('-')) return;
  const std::string_view line = reply.bytes().substr(1, reply.bytes().find('\r') - 1);
  lost_expiries.Log(clock_.now(), spdlog::level::warn,
                    "a node that stands in for another refuses PEXPIRE … LT, which Redis knows since 7.0, so what it "
                    "was written may outlive rehash_ttl: {}",
                    line);
}

void StandIns::OnFailure(backends::Ticket, const wire::Failure& failure) {
  lost_expiries.Log(clock_.now(), spdlog::level::warn,
                    "node {} of pool {} stands in for another and did not answer PEXPIRE, so what it was written may "
                    "outlive rehash_ttl: {}",
                    failure.node, failure.pool, wire::ErrorName(failure.code));
}

void StandIns::Shrink() {
  if (rewritten_.capacity() > kKeptRewritten) std::string().swap(rewritten_);
}

}  // namespace ringproxy::proxy
