// conf/pool_ring.h – The ring of a pool as it is configured: what the proxy routes by and ringskew analyses.
//
// Threads: pure functions; a ring is immutable.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/key_groups.h"
#include "conf/result.h"
#include "ring/hash.h"
#include "ring/mix.h"
#include "ring/ring.h"

namespace ringproxy::conf {

// Rings whose points are ketama's: libmemcached's two and twemproxy's.
bool IsKetama(ring::Algorithm algorithm);

// What `auto` stands for with the ring's algorithm.
uint32_t VirtualNodesOf(const RingOptions& options);
ring::HashAlgorithm HashOf(const RingOptions& options);
// Two characters, or empty.
std::string_view HashTagOf(const RingOptions& options);
bool LeavesHashTagOpen(const RingOptions& options);

// What the ring twemproxy calls the node.
std::string TwemproxyNameOf(const Node& node);

// "0-5460,8192", or what is wrong with it.
Result<std::vector<ring::SlotRange>, std::string> ParseSlots(std::string_view text);

// Node i of the ring is node i of the pool.
std::unique_ptr<const ring::Ring> MakePoolRing(const Pool& pool);

// How a pool's keys become what its ring picks by; made once, for the hash tag's text is a pool's own.
class KeyHasher {
 public:
  explicit KeyHasher(const Pool& pool);
  // Of a pool without groups.
  explicit KeyHasher(const RingOptions& options);

  // The part of the key that is hashed: what follows the prefix, and of that see ring::HashTag; where the key has no
  // tag of its own, that of its group. A view of the key or of this.
  std::string_view HashedPart(std::string_view key) const {
    if (has_rules_) [[unlikely]]
      return PartByRules(key);
    return ring::HashTag(key, hash_tag_);
  }
  uint64_t operator()(std::string_view key) const {
    const uint64_t hash = ring::Hash(hash_, HashedPart(key));
    return mixes_ ? ring::Mix(hash) : hash;
  }

 private:
  std::string_view PartByRules(std::string_view key) const;

  ring::HashAlgorithm hash_;
  bool mixes_;      // A narrow hash on a ring that looks at all 64 bits.
  bool has_rules_;  // There is a prefix, or there are groups.
  std::string hash_tag_;
  std::string unhashed_prefix_;
  KeyGroups groups_;
};

}  // namespace ringproxy::conf
