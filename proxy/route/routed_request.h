// proxy/route/routed_request.h – A request on its way, who asks, and who is asked.
//
// Threads: values of one worker. Lifetime: as their references; none outlives the call that was given it, but for what
// a RoutedRequest owns.
#pragma once

#include <optional>
#include <string_view>

#include "backends/health/claim.h"
#include "backends/lane.h"
#include "backends/link/node_pool.h"
#include "backends/net/block_pool.h"
#include "backends/wire/command.h"
#include "backends/wire/limits.h"
#include "backends/wire/memcache_command.h"
#include "backends/wire/request.h"
#include "proxy/route/held_snapshot.h"
#include "proxy/route/router.h"

namespace ringproxy::proxy {

// A request with the row of its command and, if it is large, the block that holds its bytes.
struct RoutedRequest {
  const wire::CommandSpec& spec;
  const wire::Request& request;
  net::Block block;  // Empty, or exactly request.encoded(): then it is moved and not copied.
  // Decides about the node in place of the key in the request: memcached's base64 keys.
  std::optional<std::string_view> routing_key = std::nullopt;
  uint32_t command = 0;  // The row of spec in the table of its protocol.
  // Where the request or its reply carries a token that has to be made the node's or the client's.
  wire::CasPlace cas = wire::CasPlace::kNone;
  bool has_priority = false;  // See backends::Claim.
  // If not empty, what the client reads in place of the node's reply, of static storage. With one key only.
  std::string_view instead = {};
};

inline wire::Asked AskedOf(const RoutedRequest& routed) {
  return wire::AskedOf(routed.spec, routed.request);
}

inline bool IsRead(const RoutedRequest& routed) {
  return routed.spec.access == wire::Access::kRead;
}

inline backends::Claim ClaimOf(const RoutedRequest& routed) {
  return {.is_read = IsRead(routed), .has_priority = routed.has_priority};
}

// The nodes read a get or gets of any length, but no other line beyond a bound.
inline bool HasShortLine(const RoutedRequest& routed) {
  return wire::IsMemcache(routed.spec.merge) && !routed.spec.name.starts_with("get");
}

// Bytes of the keys in one part of a split request.
inline size_t LongestKeyList(const RoutedRequest& routed) {
  constexpr size_t kBeforeKeys = 20;  // The command and an expiry.
  return HasShortLine(routed) ? wire::kLongestMemcacheLine - kBeforeKeys : std::string_view::npos;
}

inline bool MayForward(const RoutedRequest& routed) {
  return !HasShortLine(routed) || routed.request.encoded().size() <= wire::kLongestMemcacheLine;
}

// Who asks, and by which configuration: an index into the snapshot's listeners, and the lane that keeps one client's
// requests in order.
struct Origin {
  HeldSnapshot& held;
  uint32_t listener;
  backends::Lane lane;
};

// Who is asked for a key.
struct Destination {
  enum class Standing : uint8_t {
    kServes,    // Its owner.
    kStandsIn,  // Another node of the pool: the owner is down, or has no room under load_bound.
    kGutter,    // A node of the gutter pool, which takes only some requests.
  };
  NodeId to;
  // By `to`, where keys may move; else it is still to be asked: once a request, as a node on trial counts how often.
  std::optional<backends::Admission> admission = std::nullopt;
  Standing standing = Standing::kServes;
  NodeId owner = {};  // kGutter: in whose place.
  uint64_t hash = 0;  // Of the key, where it may move to another node.
  bool is_gutter() const { return standing == Standing::kGutter; }
  bool stands_in() const { return standing == Standing::kStandsIn; }
  // Whether two keys are asked of one node; their hashes, and whether it owns them, are their own.
  bool operator==(const Destination& other) const {
    return to == other.to && admission == other.admission && is_gutter() == other.is_gutter() && owner == other.owner;
  }
};

}  // namespace ringproxy::proxy
